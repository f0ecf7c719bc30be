"""Dumps restored in a docker sandbox, by the server of the image: the same verdicts, and blame for what the sandbox lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.model import Profile, Question
from tests.docker_engine import ask, needs_docker
from tests.drills.tool import Tool
from tests.producers import SourceServer
from tests.restoring import How, Restoring, rows

Dump = Callable[..., Path]
DOCKER = How(docker=True, image="postgres:17", servers=())


@pytest.fixture(autouse=True)
def engine() -> None:
    needs_docker()


@pytest.mark.parametrize("format", ["custom", "directory", "tar", "plain"])
def test_each_format_is_restored_by_the_images_server(app_dump: Dump, restoring: Restoring, format: str) -> None:
    with restoring.restored(app_dump(format), DOCKER) as restored:
        assert restored.engine_version.startswith("17.")
        assert rows(restored)["orders"] == 3000


def test_extensions_of_the_image_count_not_those_of_this_machine(source: SourceServer, restoring: Restoring) -> None:
    source.make_database("contrib", "CREATE EXTENSION pg_trgm; CREATE TABLE words (word text); INSERT INTO words VALUES ('restored')")
    with restoring.restored(source.dump("contrib"), DOCKER) as restored:
        assert rows(restored)["words"] == 1
        assert "amcheck" in restored.features


def test_the_whole_flow_passes_and_records_image_and_isolation(tool: Tool, app_dump: Dump) -> None:
    said = tool.verify(app_dump(), "--sandbox", "docker", "--image", "postgres:17")
    place = said.record["environment"]
    assert (said.code, said.verdict, place["sandbox"], place["image"][:19]) == (0, "passed", "docker", "postgres:17@sha256:")
    assert "sealed-probe" in place["isolation"]
    assert (said.record["sandbox_destroyed"], said.left) == (True, ())


def test_a_damaged_dump_fails_here_as_well(tool: Tool, app_dump: Dump, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.dump"
    spoiled.write_bytes(app_dump().read_bytes()[:-5000])
    said = tool.verify(spoiled, "--sandbox", "docker", "--image", "postgres:17")
    assert (said.code, said.verdict) == (1, "failed")


def test_without_an_image_name_the_dumps_own_major_is_taken(tool: Tool, source: SourceServer, app_dump: Dump) -> None:
    said = tool.verify(app_dump(), "--sandbox", "docker")
    major = said.record["backup"]["engine_version"].split(".")[0]
    wanted = f"postgres:{major}"
    if wanted in ask("images", "--format", "{{.Repository}}:{{.Tag}}").split():
        assert said.record["environment"]["image"].startswith(f"{wanted}@")
    else:
        assert (said.code, said.reasons) == (3, ["image_missing"])


def test_an_image_older_than_the_dump_is_our_lack_and_the_hint_names_another(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    newer = re.sub(r"(-- Dumped from database version) \S+", r"\1 17.1", app_dump("plain").read_text())
    (tmp_path / "newer.sql").write_text(newer)
    with pytest.raises(CannotTell) as error, restoring.restored(tmp_path / "newer.sql", How(docker=True, image="postgres:15", servers=())):
        pass
    assert error.value.reason.code == "server_too_old"
    assert "--image" in error.value.reason.hint


def test_an_image_without_postgresql_is_our_lack(app_dump: Dump, restoring: Restoring) -> None:
    with pytest.raises(CannotTell) as error, restoring.restored(app_dump(), How(docker=True, image="python:3.13-slim", servers=())):
        pass
    assert (error.value.reason.code, "python:3.13-slim" in error.value.reason.message) == ("server_missing", True)


def test_a_server_killed_for_memory_is_the_sandboxs_fault_not_a_crash(app_dump: Dump, restoring: Restoring) -> None:
    greedy = "SELECT length(string_agg(repeat(md5(n::text), 40), '')) FROM generate_series(1, 700000) n"
    how = How(docker=True, image="postgres:17", servers=(), memory_bytes=300 << 20)
    with restoring.restored(app_dump(), how) as restored, pytest.raises(SandboxFault) as error:
        restored.ask(Question(greedy, "app"), 60)
    assert error.value.reason.code == "out_of_memory"


def test_settings_that_the_images_server_refuses_are_ours(app_dump: Dump, restoring: Restoring) -> None:
    how = How(Profile.FAITHFUL, settings=(("no_such_setting", "1"),), docker=True, image="postgres:17", servers=())
    with pytest.raises(CannotTell) as error, restoring.restored(app_dump(), how):
        pass
    assert error.value.reason.code == "settings_refused"
