"""Each gating check catches its spoiled backup, alone, through the whole tool; a sound one as near to it as can be passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_tester.checking.catalogue import shipped_checks
from restore_tester.model import Severity
from tests.drills.spoiled import PAIRS, SEEDS, Pair
from tests.drills.tool import Said, Tool
from tests.producers import SourceServer


def troubled(said: Said) -> list[tuple[str, str]]:
    """The gating checks that did not pass, but for those that this server cannot answer."""
    gating = [check for check in said.record["checks"] if check["severity"] == "gating"]
    return [(check["name"], check["outcome"]) for check in gating if check["outcome"] not in ("passed", "skipped")]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_only_its_check_catches_a_spoiled_backup(pair: Pair, source: SourceServer, tool: Tool, tmp_path: Path) -> None:
    said = tool.verify(pair.spoiled.write(source, tmp_path))
    if pair.needs_amcheck and not source.has_extension("amcheck"):
        assert said.checked("amcheck")["outcome"] == "skipped"
        return
    assert (said.verdict, said.code, said.reasons, troubled(said)) == ("failed", 1, ["check_failed"], [(pair.check, "failed")])
    assert all(name in said.checked(pair.check)["detail"] for name in pair.objects)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_sound_neighbour_passes(pair: Pair, source: SourceServer, tool: Tool, tmp_path: Path) -> None:
    said = tool.verify(pair.sound.write(source, tmp_path))
    assert (said.verdict, said.code, troubled(said)) == ("passed", 0, [])


def test_sequences_that_the_source_never_moved_are_no_fault_of_an_archive(source: SourceServer, tool: Tool) -> None:
    said = tool.verify(source.dump(source.make_database("seeds", SEEDS), "custom"))
    assert (said.verdict, said.checked("sequences_behind")["outcome"]) == ("passed", "failed")


def test_every_gating_check_has_a_spoiled_backup() -> None:
    gating = {check.name for check in shipped_checks() if check.severity is Severity.GATING}
    assert gating == {pair.check for pair in PAIRS}
