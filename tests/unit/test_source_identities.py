"""Who reads a store, and whom it is taken for: roles with an external id, a store with an authority of its own, what a fleet's
configuration says of both."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from restore_tester.backups.s3_source import S3Source
from restore_tester.cli.config_commands import app
from restore_tester.clock import SystemClock
from restore_tester.errors import SourceUnreachable
from restore_tester.model import Location
from tests.s3_fixtures import QUICK, Place
from tests.stores import BUCKET, KEYS, S3Server, free_port, running

KEY_OPTIONS = (("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY"))
ROLE = ("role_arn", "arn:aws:iam::123456789012:role/recovery")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_KEY", KEYS[0])
    monkeypatch.setenv("SECRET_KEY", KEYS[1])


# --- roles ------------------------------------------------------------------------------------------------------------


class Recorded:
    """A moto server that writes down what it was asked."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def begin(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/moto-api/recorder/reset-recording", b""), timeout=10).close()
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/moto-api/recorder/start-recording", b""), timeout=10).close()

    def asked_of_sts(self, action: str) -> list[dict[str, list[str]]]:
        """Return the parameters of each request for that action since the beginning."""
        with urllib.request.urlopen(f"{self.endpoint}/moto-api/recorder/download-recording", timeout=10) as answer:
            lines = [json.loads(line) for line in answer.read().decode().splitlines() if line]
        bodies = [b64decode(line["body"]).decode() if line["body_encoded"] else line["body"] or "" for line in lines]
        return [form for body in bodies if (form := parse_qs(body)).get("Action") == [action]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_RECORDER_FILEPATH", str(tmp_path_factory.mktemp("moto") / "recording"))
        server.start()
        host, port = server.get_host_and_port()
        S3Server(f"http://{host}:{port}").client().create_bucket(Bucket=BUCKET)
        yield Recorded(f"http://{host}:{port}")
        server.stop()


@pytest.mark.parametrize("external_id", ["the-auditors-4711", None])
def test_a_role_is_asked_for_with_the_external_id_that_is_configured(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, external_id: str | None
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", recorded.endpoint)
    recorded.begin()
    more = (("external_id", external_id),) if external_id is not None else ()
    source = S3Source(Location("place", "s3", f"s3://{BUCKET}/x/", (*KEY_OPTIONS, ROLE, *more)), SystemClock(), patience=QUICK)
    assert source.list_backups().complete == ()
    (asked,) = recorded.asked_of_sts("AssumeRole")
    assert (asked["RoleArn"], asked.get("ExternalId")) == ([ROLE[1]], [external_id] if external_id is not None else None)


# --- certificates -----------------------------------------------------------------------------------------------------


def openssl(*argv: str) -> None:
    subprocess.run(["openssl", *argv], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (`ca.pem`), and what it signed for 127.0.0.1 (`server.pem`, `server.key`)."""
    folder = tmp_path_factory.mktemp("tls")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *curve, "-subj", "/CN=own authority", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    openssl(
        *("req", "-x509", *curve, "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"),
        *("-keyout", f"{folder}/server.key", "-out", f"{folder}/server.pem"),
    )
    return folder


@pytest.fixture(scope="module")
def tls_endpoint(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server behind a certificate of that authority, with one backup in it."""
    objects = tmp_path_factory.mktemp("tls-objects")
    port = free_port()
    argv = ["versitygw", "--access", KEYS[0], "--secret", KEYS[1], "--port", f"127.0.0.1:{port}", "--quiet"]
    with running([*argv, "--cert", f"{authority}/server.pem", "--key", f"{authority}/server.key", "posix", str(objects)], port):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_CA_BUNDLE", f"{authority}/ca.pem")
            producer = S3Server(f"https://127.0.0.1:{port}").client()
        producer.create_bucket(Bucket=BUCKET)
        producer.put_object(Bucket=BUCKET, Key="orders.dump", Body=b"data")
        yield f"https://127.0.0.1:{port}"


def behind_tls(endpoint: str, *more: tuple[str, str]) -> S3Source:
    location = Location("place", "s3", f"s3://{BUCKET}/", (("endpoint_url", endpoint), *KEY_OPTIONS, *more))
    return S3Source(location, SystemClock(), patience=QUICK)


def test_a_store_with_its_own_authority_is_read_where_that_is_named(tls_endpoint: str, authority: Path) -> None:
    source = behind_tls(tls_endpoint, ("ca_bundle", f"{authority}/ca.pem"))
    assert [backup.id for backup in source.list_backups().complete] == ["orders.dump"]
    assert source.peek(source.list_backups().complete[0], 2, 2).first == b"da"


@pytest.mark.parametrize("bundle", [None, "server.key", "nowhere.pem"])
def test_a_store_whose_authority_is_not_known_is_not_read(tls_endpoint: str, authority: Path, bundle: str | None) -> None:
    source = behind_tls(tls_endpoint, *((("ca_bundle", f"{authority}/{bundle}"),) if bundle else ()))
    with pytest.raises(SourceUnreachable) as caught:
        source.list_backups()
    assert caught.value.reason.code == "store_unreachable"


# --- config check --live ----------------------------------------------------------------------------------------------

CONFIGURATION = """\
workloads:
  orders:
    owner: payments-sre
    rpo: 4h
    locations:
      offsite:
        type: s3
        bucket: {bucket}
        prefix: {prefix}
        endpoint_url: {endpoint}
        access_key: {{env: ACCESS_KEY}}
        secret_key: {{env: {secret}}}
        name: "orders-{{taken_at:%Y%m%d}}.dump"
"""


def checked(
    folder: Path, place: Place, *, prefix: str = "", bucket: str = BUCKET, secret: str = "SECRET_KEY"
) -> tuple[int, dict[str, Any]]:
    """Return the exit code of `config check --live`, and what it says of the one location."""
    file = folder / "restore-tester.yaml"
    written = CONFIGURATION.format(bucket=bucket, prefix=place.prefix + prefix, endpoint=place.server.endpoint, secret=secret)
    file.write_text(written, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", "-c", str(file), "--live", "-o", "json"])
    (seen,) = json.loads(done.stdout)["live"]
    return done.exit_code, seen


def test_a_live_check_says_what_lies_below_a_prefix(place: Place, tmp_path: Path) -> None:
    for name in ("orders-20261101.dump", "orders-20261102.dump", "notes.txt"):
        place.put(name, b"x")
    code, seen = checked(tmp_path, place)
    assert (code, seen["backups"], seen["newest"], seen["unrecognised"]) == (0, 2, "2026-11-02T00:00:00Z", ["notes.txt"])
    assert [trouble["code"] for trouble in seen["troubles"]] == ["interval_exceeds_rpo"]


@pytest.mark.parametrize(
    ("wrong", "exit_code", "trouble"),
    [
        ({"prefix": "nothing/"}, 1, "no_backup"),
        ({"bucket": "no-such-bucket"}, 3, "location_absent"),
        ({"secret": "WRONG_KEY"}, 3, "access_denied"),
        ({"secret": "NOT_SET"}, 2, "secret_missing"),
    ],
)
def test_a_live_check_exits_as_a_drill_would(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], exit_code: int, trouble: str
) -> None:
    monkeypatch.setenv("WRONG_KEY", "wrong")
    code, seen = checked(tmp_path, place, **wrong)
    assert (code, [found["code"] for found in seen["troubles"]]) == (exit_code, [trouble])
