"""What the pods of the chart may do, and what they are given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.charts import Manifest, environment, manifests, only, pods

EXTERNAL = {"history": {"postgresql": {"existingSecret": "dsn", "key": "url"}}}
# Every value that changes a pod, each once.
VARIANTS: dict[str, dict[str, Any]] = {
    "least": {},
    "postgresql": EXTERNAL,
    "replicas": {**EXTERNAL, "replicas": 3},
    "existing claim": {"history": {"sqlite": {"existingClaim": "mine"}}},
    "storage": {"history": {"sqlite": {"storageClass": "fast", "keep": False, "size": "5Gi", "accessMode": "ReadWriteOncePod"}}},
    "existing configuration": {"existingConfigMap": "mine", "config": {}},
    "more configuration": {"extraConfig": {"billing.yaml": "workloads: {}\n"}, "includeConfigMaps": ["fleet-a", "fleet-b"]},
    "secrets": {"existingSecrets": ["s3"], "extraEnv": [{"name": "A", "value": "b"}], "extraEnvFrom": [{"configMapRef": {"name": "c"}}]},
    "volume of its own": {"workspace": {"type": "ephemeralVolume", "size": "1Ti", "storageClass": "scratch"}},
    "disk": {"workspace": {"size": "500Mi", "perDrill": "100Mi"}, "sharedMemory": "1Gi"},
    "places": {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "drills", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "priorityClassName": "low",
        "terminationGracePeriodSeconds": 60,
    },
    "volumes": {
        "extraVolumes": [{"name": "backups", "persistentVolumeClaim": {"claimName": "backups", "readOnly": True}}],
        "extraVolumeMounts": [{"name": "backups", "mountPath": "/backups", "readOnly": True}],
        "supplementalGroups": [2000],
    },
    "image": {
        "image": {"repository": "registry.example.com/restore-tester", "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "pull"}],
        "seccompProfile": {"type": "Localhost", "localhostProfile": "drills.json"},
    },
    "identity": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/read"}}},
    "given identity": {"serviceAccount": {"create": False, "name": "drills"}},
    "labels": {"commonLabels": {"team": "sre"}, "podLabels": {"cost": "it"}, "podAnnotations": {"a": "b"}, "fullnameOverride": "proof"},
    "monitored": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "relabelings": [{"action": "labeldrop"}]}},
    "fenced": {
        "networkPolicy": {
            "enabled": True,
            "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 443}]}],
        }
    },
    "exposed": {"service": {"type": "NodePort", "port": 80, "annotations": {"a": "b"}}},
}
each_variant = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)

# https://kubernetes.io/docs/concepts/security/pod-security-standards/: what `restricted` lets through.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def beyond_restricted(pod: Manifest) -> list[str]:
    """Return what Pod Security `restricted` objects to."""
    whole = pod["securityContext"]
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    found += [volume["name"] for volume in pod.get("volumes", ()) if not set(volume) - {"name"} <= VOLUMES]
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        own = {**whole, **container["securityContext"]}
        holds = {
            "allowPrivilegeEscalation": own["allowPrivilegeEscalation"] is False,
            "privileged": own.get("privileged", False) is False,
            "capabilities": own["capabilities"] == {"drop": ["ALL"]},
            "runAsNonRoot": own["runAsNonRoot"] is True and own["runAsUser"] != 0,
            "seccompProfile": own["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost"),
            "hostPort": not [port for port in container.get("ports", ()) if "hostPort" in port],
            "seLinux, proc, sysctls": not {"seLinuxOptions", "procMount", "sysctls", "windowsOptions"} & set(own),
        }
        found += [f"{container['name']}: {rule}" for rule, kept in holds.items() if not kept]
    return found


@each_variant
def test_every_pod_is_restricted_and_writes_only_to_volumes(values: dict[str, Any]) -> None:
    for pod in pods(**values).values():
        assert beyond_restricted(pod) == []
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@each_variant
def test_no_pod_can_speak_to_the_api_server(values: dict[str, Any]) -> None:
    kinds = {one["kind"] for one in manifests(**values)}
    assert not kinds & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
    assert {pod["automountServiceAccountToken"] for pod in pods(**values).values()} == {False}
    assert {one["automountServiceAccountToken"] for one in manifests(**values) if one["kind"] == "ServiceAccount"} <= {False}


@each_variant
def test_every_container_says_what_it_needs_and_every_mount_has_its_volume(values: dict[str, Any]) -> None:
    for pod in pods(**values).values():
        container = pod["containers"][0]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"]["memory"]
        assert {one["name"] for one in container.get("volumeMounts", ())} == {one["name"] for one in pod.get("volumes", ())}


def service(**values: Any) -> Manifest:
    return dict(only("Deployment", **values)["spec"]["template"]["spec"])


def volume(name: str, **values: Any) -> Manifest:
    return {**next(one for one in service(**values)["volumes"] if one["name"] == name)}


def test_a_history_in_sqlite_has_one_service_at_a_time_and_a_claim_that_stays() -> None:
    assert only("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert volume("history")["persistentVolumeClaim"] == {"claimName": "rt-restore-tester-history"}
    assert only("PersistentVolumeClaim")["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_a_history_in_postgresql_needs_no_claim_and_allows_replicas() -> None:
    values = {**EXTERNAL, "replicas": 3}
    assert only("Deployment", **values)["spec"]["strategy"] == {"type": "RollingUpdate"}
    assert only("PodDisruptionBudget", **values)["spec"]["maxUnavailable"] == 1
    assert not [one for one in manifests(**values) if one["kind"] == "PersistentVolumeClaim"]
    assert environment(service(**values))["HISTORY_DSN"] == {"secretKeyRef": {"name": "dsn", "key": "url"}}


def test_a_claim_that_exists_is_used_and_not_made() -> None:
    values = VARIANTS["existing claim"]
    assert volume("history", **values)["persistentVolumeClaim"] == {"claimName": "mine"}
    assert "PersistentVolumeClaim" not in {one["kind"] for one in manifests(**values)}


@pytest.mark.parametrize(
    ("values", "granted"),
    [
        ({}, "9216MiB"),
        ({"workspace": {"size": "1Ti"}, "config": "concurrency: 9\nworkloads: {w: {}}\n"}, "104857MiB"),
        ({"workspace": {"perDrill": "12Gi"}}, "12GiB"),
    ],
)
def test_a_drill_is_ended_before_the_pod_is_evicted(values: dict[str, Any], granted: str) -> None:
    assert environment(service(**values))["RESTORE_TESTER_DISK"] == granted


def test_the_workspace_is_bounded_or_a_volume_of_its_own() -> None:
    assert volume("workspace")["emptyDir"] == {"sizeLimit": "20Gi"}
    claim = volume("workspace", **VARIANTS["volume of its own"])["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("scratch", "1Ti")


def test_the_service_is_asked_whether_it_lives_and_whether_it_is_ready() -> None:
    container = service()["containers"][0]
    asked = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert container["args"] == ["serve", "--listen", "0.0.0.0:8000"]


def test_secrets_are_references() -> None:
    container = service(**VARIANTS["secrets"])["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "s3"}}, {"configMapRef": {"name": "c"}}]


def test_an_image_is_named_by_its_digest_where_there_is_one() -> None:
    assert service()["containers"][0]["image"] == "restore-tester:0.1.0"
    image = VARIANTS["image"]["image"]
    assert {pod["containers"][0]["image"] for pod in pods(image=image).values()} == {f"{image['repository']}@{image['digest']}"}


def test_the_service_finds_its_pod_and_the_monitor_the_service() -> None:
    labels = only("Deployment")["spec"]["template"]["metadata"]["labels"]
    found = only("Service")
    assert found["spec"]["selector"].items() <= labels.items()
    monitor = only("ServiceMonitor", serviceMonitor={"enabled": True})["spec"]
    assert monitor["selector"]["matchLabels"].items() <= found["metadata"]["labels"].items()
    assert [(one["port"], one["path"], one["interval"]) for one in monitor["endpoints"]] == [("http", "/metrics", "60s")]


def test_a_fenced_service_lets_in_who_was_named_and_the_test_pod() -> None:
    policy = only("NetworkPolicy", **VARIANTS["fenced"])["spec"]
    (test,) = [one for one in manifests() if one["kind"] == "Pod"]
    tested, named = policy["ingress"][0]["from"]
    assert tested["podSelector"]["matchLabels"].items() <= test["metadata"]["labels"].items()
    assert named == VARIANTS["fenced"]["networkPolicy"]["ingressFrom"][0]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"][1:] == VARIANTS["fenced"]["networkPolicy"]["egress"]
