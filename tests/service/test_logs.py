"""What gets into the log, and above all what does not."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.config.secrets import Secret
from restore_tester.contracts import DrillEvent
from restore_tester.errors import CannotTell
from restore_tester.service import logs
from restore_tester.service.redaction import redacted, redacted_value

CANARY = "pa55/wörd:with@all&of it"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.begin(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_when_and_who(lines: io.StringIO) -> None:
    logs.logger("restore_tester.x").info("drill ended", drill="d-1", seconds=1.5, location=None)
    (event,) = events(lines)
    assert event.pop("at").endswith("Z")
    own = {"event": "drill ended", "drill": "d-1", "seconds": 1.5, "location": None}
    assert event == own | {"level": "info", "logger": "restore_tester.x"}


def test_what_libraries_log_goes_the_same_way(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").error("broke on %s", "postgresql://me:hunter22@db/x")
    logging.getLogger("apscheduler.scheduler").info("one line per job")
    (event,) = events(lines)
    assert (event["event"], event["logger"], event["level"]) == ("broke on postgresql://me:[redacted]@db/x", "uvicorn.error", "error")


def test_warnings_go_the_same_way(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("password=hunter22 is weak", stacklevel=1)
    assert "hunter22" not in lines.getvalue()
    assert events(lines)[0]["logger"] == "py.warnings"


def test_on_a_terminal_it_is_readable() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.begin(stream, readable=True)
    logs.logger("x").warning("drill ended", verdict="failed", message="\x1b[2Jgone")
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    assert "drill ended" in stream.getvalue()
    assert "verdict=failed" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()


def test_a_stage_that_ends_is_one_event_with_its_drill(lines: io.StringIO) -> None:
    from restore_tester.service.fleet import Job
    from tests.builders import an_order
    from tests.service.ledgers import a_workload

    order = replace(an_order(), drill="d-7")
    job = Job(a_workload(), request=None, may_vanish=())  # type: ignore[arg-type]
    for kind in ("began", "progress", "ended"):
        logs.watch(job, order, DrillEvent("fetch", kind))
    (event,) = events(lines)
    assert (event["event"], event["drill"], event["stage"], event["workload"]) == ("stage ended", "d-7", "fetch", "orders")


def test_whatever_was_resolved_as_a_secret_never_gets_in(lines: io.StringIO) -> None:
    assert Secret("env", "CANARY").resolve({"CANARY": CANARY}) == CANARY
    log = logs.logger("x")
    log.info(f"connect to {CANARY}", dsn=f"postgresql://me@db/{quote(CANARY, safe='')}", seen=[{"deep": (CANARY, f"<{CANARY}>")}])
    log.warning("key", **{CANARY: CANARY})
    try:
        raise CannotTell("x", f"no way in with {CANARY}", "h") from ValueError(CANARY)
    except CannotTell:
        log.exception("failed", error=CannotTell("x", CANARY, "h"))
        logging.getLogger("uvicorn.error").exception("failed %r", [CANARY])
    written = lines.getvalue()
    assert len(events(lines)) == 4
    for form in (CANARY, json.dumps(CANARY)[1:-1], quote(CANARY), quote(CANARY, safe="")):
        assert form not in written


KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql+psycopg://me:hun/ter:2@x@db:5432/app", "hun/ter"),
        ("host=db password='hunter 22' dbname=x", "hunter"),
        ("PGPASSWORD=hunter22 psql", "hunter22"),
        ('{"password": "hunter22"}', "hunter22"),
        ("aws_secret_access_key = hunter22", "hunter22"),
        (f"credentials AKIAIOSFODNN7EXAMPLE and {KEY}.", "AKIAIOSFODNN7EXAMPLE"),
        (f"credentials {KEY}", KEY),
        ("GET /x?X-Amz-Signature=deadbeef01&X-Amz-Security-Token=FwoGZXIvYXdz", "FwoGZXIvYXdz"),
        ("Authorization: Bearer abcdef.ghijkl", "abcdef"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=x, Signature=deadbeef01", "deadbeef01"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQVYabc", "lQVYabc"),
        ("api_token: hunter22", "hunter22"),
    ],
)
def test_what_looks_like_a_secret_never_gets_in(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)
    assert "[redacted]" in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "ab" * 32,
        "s3://bucket/2026/orders-2026-11-21T030000Z.dump",
        "the token is not the right one",
        "postgresql://me@db/app",
        "0190b5c2-7a3e-7d1c-9a57-3f0f8a9d1c22",
    ],
)
def test_what_people_need_to_read_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_value_whose_name_says_secret_is_kept_out_whole() -> None:
    said = redacted_value({"password": "x", "api_token": ["y"], "Authorization": "z", "tokens": 3, "backup": "a"})
    assert said == {"password": "[redacted]", "api_token": "[redacted]", "Authorization": "[redacted]", "tokens": 3, "backup": "a"}


@given(before=st.text(max_size=30), after=st.text(max_size=30))
def test_a_secret_is_found_wherever_it_stands(before: str, after: str) -> None:
    Secret("env", "CANARY").resolve({"CANARY": "s3cr3t-canary-value"})
    assert "s3cr3t-canary-value" not in redacted(before + "s3cr3t-canary-value" + after)


def test_a_line_is_never_endless() -> None:
    assert len(redacted("x " * 1_000_000)) < 20_000
