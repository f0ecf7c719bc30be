"""An order that needs a seal → in a sandbox with a way out nothing of its backup is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from restore_tester.drill import plan_drill, run_drill
from restore_tester.model import Location, Verdict
from restore_tester.planning import DrillRequest
from restore_tester.service.equipment import equipment_for
from tests.fakes import FakeSandboxes


@pytest.mark.parametrize("require_seal", [True, False])
def test_nothing_is_decoded_before_a_seal_that_is_required(app_dump: Callable[..., Path], tmp_path: Path, *, require_seal: bool) -> None:
    equipment = replace(equipment_for(lambda event: None), sandboxes=FakeSandboxes(tmp_path))
    order = plan_drill(DrillRequest(locations=(Location(None, "given", str(app_dump("custom"))),)), equipment)
    drill = run_drill(replace(order, require_seal=require_seal), equipment)
    decoded = {"decode", "restore", "ready"}.intersection(stage.name for stage in drill.stages)
    codes = [reason.code for reason in drill.reasons]
    assert ("seal_refused" in codes, bool(decoded)) == (require_seal, not require_seal)
    assert not require_seal or (drill.verdict, codes) == (Verdict.INCONCLUSIVE, ["seal_refused"])
