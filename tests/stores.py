"""S3 servers to test against: versitygw, which is a real one, and toxiproxy and a proxy with rules, which break connections to it.

Each listens on a free port of loopback, keeps its data in a folder of the test, and is gone when its block ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

BUCKET = "bucket"
KEYS = ("test", "testtest")
START_SECONDS = 20


@dataclass(frozen=True)
class S3Server:
    """Where an S3 server listens, and the log of every request it was asked, if it keeps one."""

    endpoint: str
    access_log: Path | None = None

    def client(self) -> Any:
        """Return a client that may write, as the producer of backups has one."""
        keys = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1]}
        config = Config(signature_version="s3v4", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", config=config, **keys)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(argv: list[str], port: int) -> Iterator[None]:
    """Run a server until the block ends; enter when its port answers."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, f"{argv[0]} ended with {process.returncode}"
                assert time.monotonic() < deadline, f"{argv[0]} does not listen"
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def running_versitygw(folder: Path, *options: str) -> Iterator[S3Server]:
    """Start a server whose objects lie in the folder, with the bucket `bucket`, where versions are kept once somebody asks for them."""
    objects, versions, log = folder / "objects", folder / "versions", folder / "access.log"
    objects.mkdir()
    versions.mkdir()
    port = free_port()
    argv = ["versitygw", "--access", KEYS[0], "--secret", KEYS[1], "--port", f"127.0.0.1:{port}", "--quiet", "--access-log", str(log)]
    with running([*argv, *options, "posix", "--versioning-dir", str(versions), str(objects)], port):
        server = S3Server(f"http://127.0.0.1:{port}", log)
        server.client().create_bucket(Bucket=BUCKET)
        yield server


@dataclass(frozen=True)
class Toxiproxy:
    """The API of a running toxiproxy."""

    api: str

    @contextmanager
    def before(self, server: S3Server, *toxics: dict[str, Any]) -> Iterator[S3Server]:
        """Return the server as it is reached through a bad network: toxics as toxiproxy's API takes them."""
        port = free_port()
        name = f"p{port}"
        listen = {"name": name, "listen": f"127.0.0.1:{port}", "upstream": server.endpoint.removeprefix("http://"), "enabled": True}
        self._post("/proxies", listen)
        for toxic in toxics:
            self._post(f"/proxies/{name}/toxics", toxic)
        yield S3Server(f"http://127.0.0.1:{port}")

    def _post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(self.api + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def running_toxiproxy() -> Iterator[Toxiproxy]:
    port = free_port()
    with running(["toxiproxy", "-host", "127.0.0.1", "-port", str(port)], port):
        yield Toxiproxy(f"http://127.0.0.1:{port}")
