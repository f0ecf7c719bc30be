"""A real Kubernetes as its users reach it: `kubectl` and `helm`, by `KUBECONFIG`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import pytest

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
COMMAND_SECONDS = 300

Found = TypeVar("Found")


def run(*argv: str, given: str | None = None) -> str:
    """Return what a command prints. Fail with what it said where it fails."""
    done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


@cache
def _missing() -> str | None:
    if not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG names no cluster"
    lacking = [program for program in ("kubectl", "helm") if shutil.which(program) is None]
    if lacking:
        return f"there is no {' and no '.join(lacking)}"
    if not os.environ.get("RESTORE_TESTER_IMAGE") or not os.environ.get("S3_SERVER_IMAGE"):
        return "RESTORE_TESTER_IMAGE and S3_SERVER_IMAGE must name images that the cluster has"
    said = subprocess.run(["kubectl", "get", "--raw", "/readyz"], check=False, capture_output=True, text=True, timeout=60)
    return said.stderr.strip() or None


def needs_cluster() -> None:
    """Skip the test where there is no cluster; in CI nothing is skipped."""
    if missing := _missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"cluster: {missing}")


def wait_for(what: str, look: Callable[[], Found | None], seconds: float) -> Found:
    """Return what `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} seconds"
        time.sleep(0.5)
    return found


class Namespace:
    def __init__(self, name: str) -> None:
        self.name = name

    def kubectl(self, *argv: str, given: str | None = None) -> str:
        return run("kubectl", "--namespace", self.name, *argv, given=given)

    def helm(self, *argv: str, given: str | None = None) -> str:
        return run("helm", "--namespace", self.name, *argv, given=given)

    def apply(self, *manifests: dict[str, Any]) -> None:
        self.kubectl("apply", "--filename", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))

    def get(self, *argv: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *argv, "--output", "json"))
        return found

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """Yield a port of this machine's loopback that leads to a port of the target, as `service/NAME`."""
        argv = ["kubectl", "--namespace", self.name, "port-forward", target, f":{port}"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                said = re.search(r":(\d+) ->", process.stdout.readline())
                assert said is not None, process.poll()
                yield int(said[1])
            finally:
                process.terminate()


@contextmanager
def namespace(name: str) -> Iterator[Namespace]:
    """A namespace that lets nothing in but restricted pods; gone, with all in it, when the block ends."""
    run(
        "kubectl",
        "apply",
        "--filename",
        "-",
        given=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}),
    )
    try:
        yield Namespace(name)
    finally:
        run("kubectl", "delete", "namespace", name, "--wait=false")
