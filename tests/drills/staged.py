"""A drill that gets a signal when a stage begins: `python -m tests.drills.staged BACKUP STAGE SIGNAL`.

Prints the record and exits as the tool does.
"""

from __future__ import annotations

import os
import sys

from restore_tester.checking.catalogue import shipped_checks
from restore_tester.cli.request import given_location
from restore_tester.contracts import DrillEvent
from restore_tester.drill import plan_drill, run_drill
from restore_tester.judgement.exits import exit_code
from restore_tester.model import to_json
from restore_tester.planning import DrillRequest
from restore_tester.service.equipment import equipment_for
from restore_tester.service.signals import interruptible


def main() -> int:
    backup, stage, number = sys.argv[1], sys.argv[2], int(sys.argv[3])

    def strike(event: DrillEvent) -> None:
        if (event.stage, event.kind) == (stage, "began"):
            os.kill(os.getpid(), number)

    with interruptible():
        equipment = equipment_for(strike)
        drill = run_drill(plan_drill(DrillRequest(locations=(given_location(backup),), checks=shipped_checks()), equipment), equipment)
        sys.stdout.write(to_json(drill).decode())
        return exit_code(drill.verdict, drill.reasons)


if __name__ == "__main__":
    sys.exit(main())
