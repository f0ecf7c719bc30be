"""A real S3 server in the cluster, restricted like everything there, and what lies in its bucket."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

from tests.cluster.cluster import Namespace

NAME, PORT, BUCKET = "store", 7070, "backups"
KEYS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "readerreader", "AWS_REGION": "us-east-1"}
ENDPOINT = f"http://{NAME}:{PORT}"
SECRET = "backups-read-only"


def _deployment() -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": os.environ["S3_SERVER_IMAGE"],
        "imagePullPolicy": "Never",
        "args": [
            "--access",
            KEYS["AWS_ACCESS_KEY_ID"],
            "--secret",
            KEYS["AWS_SECRET_ACCESS_KEY"],
            "--port",
            f":{PORT}",
            "posix",
            "/objects",
        ],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "objects", "mountPath": "/objects"}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10002,
            "fsGroup": 10002,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "objects", "emptyDir": {}}],
    }
    labels = {"app": NAME}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": spec}


def start(space: Namespace) -> None:
    """Run the server, and put its keys into a Secret."""
    ports = {"selector": {"app": NAME}, "ports": [{"port": PORT}]}
    space.apply(
        _deployment(),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": ports},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": KEYS},
    )
    space.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=120s")


def put(space: Namespace, objects: dict[str, bytes]) -> None:
    """Store objects, key → content, as the producer of backups would."""
    with space.forwarded(f"service/{NAME}", PORT) as port:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=KEYS["AWS_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=BUCKET)
        for key, content in objects.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=content)
        client.close()
