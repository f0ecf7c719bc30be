"""`restore-tester init` on real folders and a real S3 server: what it writes is what `config check --live` then finds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from restore_tester.cli.app import app, run
from restore_tester.config.nouns import Configuration, Workload
from restore_tester.service.configured import load
from tests.s3_fixtures import Place
from tests.stores import BUCKET, KEYS

FIRST = datetime(2026, 8, 1, 1, 0, tzinfo=UTC)
SCRIPT = b"""\
--
-- PostgreSQL database dump
--

-- Dumped from database version 15.18
-- Dumped by pg_dump version 15.18

\\connect %s
--
-- PostgreSQL database dump complete
--

"""
HOSTILE = "a\"b'c: #{x}%d\n- é<script>\x1b[2J\u202e & *y |\t"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def put(name: str, stored_at: datetime, content: bytes = SCRIPT % b"orders") -> None:
    path = Path("backups") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (stored_at.timestamp(),) * 2)


def nightly(name: Callable[[datetime], str], content: bytes = SCRIPT % b"orders", nights: int = 40) -> None:
    for night in range(nights):
        at = FIRST + timedelta(days=night)
        put(name(at), at + timedelta(minutes=4), content)


def init(*more: str, uri: str = "backups") -> dict[str, Any]:
    done = CliRunner().invoke(app, ["init", uri, "-o", "json", *more])
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def written() -> Configuration:
    return load(Path("restore-tester.yaml"))


def workload(name: str) -> Workload:
    return next(each for each in written().workloads if each.name == name)


def live() -> dict[str, int]:
    """Return how many backups `config check --live` finds in each location of what was written."""
    done = CliRunner().invoke(app, ["config", "check", "--live", "-o", "json"])
    assert done.exit_code == 0, done.output
    return {f"{one['workload']}/{one['location']}": one["backups"] for one in json.loads(done.stdout)["live"]}


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run([*arguments, "-o", "json"])
    return code, json.loads(capsys.readouterr().out)["error"]["code"]


def test_a_mixed_place_becomes_a_fleet_that_finds_every_backup_again() -> None:
    nightly(lambda at: f"orders/orders-{at:%Y-%m-%dT%H%M%SZ}.sql")
    nightly(lambda at: f"crm/{at.astimezone(ZoneInfo('Europe/Berlin')):%Y/%m/%d/%H%M}.sql", SCRIPT % b"crm")
    nightly(lambda at: f"flat/people_{int(at.timestamp())}.sql")
    nightly(lambda at: f"flat/money_{at:%d%b%Y}.sql", nights=3)
    nightly(lambda at: f"flat/app-{at:%Y%m%d}.log", b"a log\n" * 20)
    nightly(lambda at: f"orders/orders-{at:%Y-%m-%dT%H%M%SZ}.sql.sha256", b"sum")
    put("flat/people_1.sql.partial", FIRST)
    said = init()
    assert live() == {"crm/primary": 40, "orders/primary": 40, "people/primary": 40, "money/primary": 3}
    assert {each["why"].split(";")[0]: each["count"] for each in said["not_placed"]} == {
        "this is no backup that is known here": 40,
        "not finished, or never to be": 1,
    }


def test_engine_and_database_are_read_off_the_content() -> None:
    nightly(lambda at: f"x/{at:%Y%m%d}.sql", SCRIPT % b"billing")
    init()
    assert [(each.name, each.engine, each.database) for each in written().workloads] == [("billing", "postgresql", "billing")]


def test_a_real_dump_of_every_format_is_recognised(app_dump: Callable[..., Path]) -> None:
    forms = ("custom", "directory", "tar", "plain")
    for form in forms:
        dump, target = app_dump(form), Path("backups") / form / f"{form}-20260801-0100"
        target.parent.mkdir(parents=True)
        shutil.copytree(dump, target) if dump.is_dir() else shutil.copy(dump, target)
    said = init()
    assert {each["name"]: each["format"] for each in said["workloads"]} == {form: f"pg_dump-{form}" for form in forms}
    assert all(each["engine_version"] for each in said["workloads"])


def test_names_that_mean_something_to_yaml_or_a_terminal_stay_names() -> None:
    nightly(lambda at: f"{HOSTILE}/{HOSTILE}-{at:%Y%m%dT%H%M%SZ}.sql")
    put(f"other/{HOSTILE}.txt", FIRST, b"text " * 20)
    put("other/b.txt", FIRST, b"text " * 20)
    init()
    assert set(live().values()) == {40}
    text = Path("restore-tester.yaml").read_text(encoding="utf-8")
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert text.count("\n    mode: observe ") == text.count("\n    owner: set-me ") > 0


def test_names_that_look_like_passwords_are_set_aside() -> None:
    nightly(lambda at: f"password=hunter2-{at:%Y%m%d}.sql")
    nightly(lambda at: f"orders-{at:%Y%m%d}.sql")
    said = init()
    assert [each["name"] for each in said["workloads"]] == ["orders"]
    assert [each["count"] for each in said["not_placed"]] == [40]


def test_copies_of_the_same_backups_are_two_locations_of_one_workload() -> None:
    for place in ("primary", "offsite"):
        nightly(lambda at, place=place: f"{place}/orders-{at:%Y%m%dT%H%M%SZ}.sql")  # type: ignore[misc]
    init()
    assert live() == {"orders/primary": 40, "orders/offsite": 40}


def test_the_rpo_is_one_that_the_interval_allows() -> None:
    nightly(lambda at: f"night-{at:%Y%m%dT%H%M%SZ}.sql")
    for hour in range(48):
        at = FIRST + timedelta(hours=hour)
        put(f"hour-{at:%Y%m%dT%H%M%SZ}.sql", at + timedelta(minutes=9))
    init()
    assert (workload("night").objectives.recovery_point_seconds, workload("hour").objectives.recovery_point_seconds) == (
        26 * 3600,
        4 * 3600,
    )
    assert "rpo: 26h" in Path("restore-tester.yaml").read_text(encoding="utf-8")


def test_what_is_written_can_be_included() -> None:
    nightly(lambda at: f"orders-{at:%Y%m%d}.sql")
    Path("conf.d").mkdir()
    init("--output-file", "conf.d/eu.yaml")
    Path("restore-tester.yaml").write_text("include: [conf.d/*.yaml]\n", encoding="utf-8")
    assert live() == {"orders/primary": 40}


def test_the_rpo_that_holds_is_written_where_no_interval_tells_one() -> None:
    put("orders-20261101.sql", FIRST, b"-- PostgreSQL database dump\n")
    init()
    assert "rpo: 4h   # what `essential` says" in Path("restore-tester.yaml").read_text(encoding="utf-8")


def test_the_zone_is_written_with_how_sure_it_is() -> None:
    nightly(lambda at: f"orders-{at.astimezone(ZoneInfo('Europe/Berlin')):%Y%m%d-%H%M%S}.sql", nights=110)
    init()
    assert dict(workload("orders").locations[0].options)["timezone"] == "Europe/Berlin"
    assert "Fits: in Europe/Berlin objects were stored 4 min after" in Path("restore-tester.yaml").read_text(encoding="utf-8")


def test_a_job_that_writes_nothing_is_a_workload_and_said() -> None:
    nightly(lambda at: f"orders-{at:%Y%m%d}.dump", b"")
    nightly(lambda at: f"orders-{at:%Y%m%d}.done", b"")
    said = init()
    assert [each["name"] for each in said["workloads"]] == ["orders"]
    assert said["workloads"][0]["notes"][0] == "look at its newest backup: the file has zero bytes"


def test_databases_that_names_do_not_tell_apart_are_set_aside() -> None:
    for night, database in enumerate((b"a", b"b", b"c", b"b", b"c", b"a", b"b")):
        at = FIRST + timedelta(days=night)
        put(f"o-{at:%Y%m%d%H%M%S}-{10000019 * (night + 1)}.sql", at, SCRIPT % database)
    put("fine/orders-20260801.sql", FIRST)
    (aside,) = init()["not_placed"]
    assert aside["why"].startswith("their names do not tell apart the databases in them (")


def test_a_file_that_is_there_is_only_overwritten_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    nightly(lambda at: f"orders-{at:%Y%m%d}.sql")
    Path("restore-tester.yaml").write_text("mine", encoding="utf-8")
    assert error(capsys, "init", "backups") == (2, "file_exists")
    assert Path("restore-tester.yaml").read_text(encoding="utf-8") == "mine"
    init("--force")
    assert live() == {"orders/primary": 40}
    assert sorted(path.name for path in Path().iterdir()) == ["backups", "restore-tester.yaml"]


@pytest.mark.parametrize(
    ("names", "code", "expected"),
    [
        ((), 2, "nothing_here"),
        (("a.txt", "b.txt"), 3, "nothing_placed"),
        (("toc.dat", "1.dat"), 2, "one_backup"),
    ],
)
def test_a_place_without_workloads_writes_nothing(
    capsys: pytest.CaptureFixture[str], names: tuple[str, ...], code: int, expected: str
) -> None:
    Path("backups").mkdir()
    for name in names:
        put(name, FIRST, b"text " * 20)
    assert error(capsys, "init", "backups") == (code, expected)
    assert not Path("restore-tester.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nowhere",), "path_not_found"),
        (("s3:///x",), "location_wrong"),
        (("postgresql://host/db",), "not_a_backup"),
        (("backups/orders.sql",), "one_backup"),
        (("backups", "--output-file", "not/there.yaml"), "file_unwritable"),
    ],
)
def test_what_cannot_be_meant_is_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str) -> None:
    put("orders.sql", FIRST)
    assert error(capsys, "init", *arguments) == (2, expected)


def test_people_are_told_what_was_found_and_what_to_do_next() -> None:
    nightly(lambda at: f"orders-{at:%Y%m%dT%H%M%SZ}.sql")
    said = CliRunner().invoke(app, ["init", "backups", "--output-file", "my fleet.yaml"]).stdout
    assert "40 backups, one every 1 d" in said
    assert said.splitlines()[-2:] == [
        "  restore-tester config check --live -c 'my fleet.yaml'",
        "  restore-tester plan -c 'my fleet.yaml'",
    ]


# --- S3 ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def chain(place: Place, monkeypatch: pytest.MonkeyPatch) -> str:
    """Credentials and endpoint as every tool of AWS takes them. Return the place's URI."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", place.server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    return f"s3://{BUCKET}/{place.prefix}"


@pytest.mark.parametrize("end", ["", "/", "/dumps/ord"])
def test_a_bucket_prefix_becomes_a_fleet(place: Place, chain: str, end: str) -> None:
    for day in range(1, 6):
        place.put(f"dumps/orders/o-2026110{day}.sql", SCRIPT % b"orders")
        place.put(f"dumps/orders/o-2026110{day}.sql.sha256", b"sum")
    place.put("logs/x.txt", b"text " * 20)
    init(uri=chain.rstrip("/") + end)
    assert live() == {"orders/primary": 5}
    options = dict(written().workloads[0].locations[0].options)
    assert options["endpoint_url"] == place.server.endpoint
    assert KEYS[1] not in Path("restore-tester.yaml").read_text(encoding="utf-8")


def test_an_empty_prefix_writes_nothing(chain: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, "init", chain) == (2, "nothing_here")


def test_credentials_in_the_endpoint_are_refused_and_not_repeated(
    chain: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:hunter2@127.0.0.1:1")
    assert run(["init", chain]) == 2
    assert "hunter2" not in "".join(capsys.readouterr())
