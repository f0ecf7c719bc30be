"""Each gating check catches its spoiled backup, alone; a sound one as near to it as can be troubles none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_tester.checking.catalogue import shipped_checks
from restore_tester.model import CheckResult, Outcome, Severity
from tests.asking import Asker
from tests.drills.spoiled import PAIRS, Made, Pair


def gating_results(asker: Asker, made: Made, folder: Path) -> list[CheckResult]:
    """Load the dump as psql does, and ask all that decides the verdict."""
    database = asker.database(made.write(asker.source, folder).read_text())
    asker.prepare(database)
    gating = [check for check in shipped_checks("postgresql") if check.severity is Severity.GATING]
    return [asked.result for asked in asker.ask_all(*gating, of=(database,)).asked]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_only_its_check_catches_a_spoiled_backup(pair: Pair, asker: Asker, tmp_path: Path) -> None:
    outcome = Outcome.SKIPPED if pair.needs_amcheck and not asker.has_amcheck else Outcome.FAILED
    unusual = [result for result in gating_results(asker, pair.spoiled, tmp_path) if result.outcome is not Outcome.PASSED]
    troubled = [result for result in unusual if result.name == pair.check or result.outcome is not Outcome.SKIPPED]
    assert [(result.name, result.outcome) for result in troubled] == [(pair.check, outcome)]
    assert outcome is Outcome.SKIPPED or all(name in troubled[0].detail for name in pair.objects)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_sound_neighbour_troubles_no_gating_check(pair: Pair, asker: Asker, tmp_path: Path) -> None:
    results = gating_results(asker, pair.sound, tmp_path)
    troubled = {result.name: result.detail for result in results if result.outcome not in (Outcome.PASSED, Outcome.SKIPPED)}
    assert troubled == {}


def test_every_gating_check_has_a_spoiled_backup() -> None:
    gating = {check.name for check in shipped_checks() if check.severity is Severity.GATING}
    assert gating == {pair.check for pair in PAIRS}
