"""The chart on a real cluster: installed by the real Helm where only restricted pods may run, scraped, and right about two backups."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import bucket
from tests.cluster.cluster import Namespace, namespace, needs_cluster, wait_for
from tests.cluster.release import RELEASE, SERVICE, Release, workloads

PYTHON = "/opt/restore-tester/bin/python"
LOOK_AROUND = f"""
import socket
for host, port in (("{bucket.NAME}", {bucket.PORT}), ("kubernetes.default.svc", 443)):
    try:
        socket.create_connection((host, port), 3).close()
        print(host + ":reached")
    except OSError:
        print(host + ":closed")
"""
# Whoever kills is of the container that ends: it leaves a child behind to do it.
KILL_THE_SERVICE = """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(1)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            if b"\\0serve\\0" in words.read():
                os.kill(int(pid), 9)
"""


@pytest.fixture(scope="module")
def space() -> Iterator[Namespace]:
    needs_cluster()
    with namespace(f"restore-tester-{os.getpid()}") as found:
        yield found


@pytest.fixture(scope="module")
def release(space: Namespace, app_dump: Callable[..., Path]) -> Release:
    """The chart with one sound backup and a spoiled one, whose end is missing."""
    content = app_dump().read_bytes()
    bucket.start(space)
    bucket.put(space, {"sound/app.dump": content, "spoiled/app.dump": content[:-5000], "later/app.dump": content})
    found = Release(space)
    found.install(workloads("sound", "spoiled"))
    return found


def test_a_sound_backup_is_proven_and_a_spoiled_one_refused(release: Release) -> None:
    assert (release.wait_for_verdict("sound"), release.wait_for_verdict("spoiled")) == ("passed", "failed")
    proven = {one.labels["workload"] for one in release.samples("last_passed_drill_timestamp_seconds")}
    assert proven == {"sound"}


def test_records_say_that_the_sandbox_was_not_sealed(release: Release) -> None:
    release.wait_for_verdict("sound")
    drill = next(one for one in release.drills() if one["workload"] == "sound")
    assert drill["environment"]["sandbox"] == "process"
    assert drill["environment"]["isolation"] == ["no-capabilities", "memory-limit", "process-limit", "disk-limit", "time-limit"]
    assert "sandbox_unsealed" in [warning["code"] for warning in drill["warnings"]]


def test_the_service_is_ready_and_its_own_test_passes(release: Release) -> None:
    assert release.page("/healthz")
    assert release.page("/readyz")
    assert "Phase:          Succeeded" in release.space.helm("test", RELEASE, "--timeout", "120s")


def test_the_pod_was_let_in_by_restricted_pod_security_and_may_ask_the_api_server_nothing(release: Release) -> None:
    pod = release.pod()
    assert pod["spec"]["automountServiceAccountToken"] is False
    who = f"system:serviceaccount:{release.space.name}:{pod['spec']['serviceAccountName']}"
    rights = release.space.kubectl("auth", "can-i", "--list", "--no-headers", "--as", who)
    assert {line.split()[0] for line in rights.splitlines()} <= {
        "selfsubjectreviews.authentication.k8s.io",
        "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io",
        *[word for line in rights.splitlines() if (word := line.split()[0]).startswith("[/")],
    }


def test_a_fenced_service_reaches_the_store_and_not_the_api_server(release: Release) -> None:
    said = release.space.kubectl("exec", f"deployment/{SERVICE}", "--", PYTHON, "-c", LOOK_AROUND)
    assert said.split() == [f"{bucket.NAME}:reached", "kubernetes.default.svc:closed"]


def test_a_killed_service_starts_again_with_all_it_knew(release: Release) -> None:
    release.wait_for_verdict("sound")
    began = release.samples("last_drill_timestamp_seconds", workload="sound")
    uid = release.pod()["metadata"]["uid"]
    release.space.kubectl("exec", f"deployment/{SERVICE}", "--", PYTHON, "-c", KILL_THE_SERVICE)

    def restarted() -> bool | None:
        (container,) = release.pod()["status"]["containerStatuses"]
        return True if container["restartCount"] and container["ready"] else None

    wait_for("a restart", restarted, 120)
    assert release.pod()["metadata"]["uid"] == uid
    assert release.samples("last_drill_timestamp_seconds", workload="sound")[0].value >= began[0].value


def test_a_changed_configuration_restarts_the_pod_and_the_history_stays(release: Release) -> None:
    release.wait_for_verdict("spoiled")
    before, known = release.pod(), {drill["drill"] for drill in release.drills()}
    release.upgrade(workloads("sound", "spoiled", "later"))
    assert release.pod()["metadata"]["uid"] != before["metadata"]["uid"]
    assert release.wait_for_verdict("later") == "passed"
    assert known <= {drill["drill"] for drill in release.drills()}
