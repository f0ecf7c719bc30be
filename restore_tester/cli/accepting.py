"""A drill and a reason → the baseline of its location counts from there, remembered with who said so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from restore_tester.cli.output import OutputFormat, say, say_json
from restore_tester.clock import SystemClock
from restore_tester.errors import Misuse
from restore_tester.history.records import open_history
from restore_tester.judgement import exits
from restore_tester.judgement.wording import inert
from restore_tester.service.configured import load
from restore_tester.service.fleet import history_dsn

SCHEMA = "restore-tester/acceptance/v1"


def accept(file: Path, drill: str, reason: str, by: str, output: OutputFormat) -> int:
    """Remember it, and say what it means. Return 0. Raise Misuse (`reason_missing`, `drill_unknown`, `drill_not_acceptable`)."""
    if not reason.strip():
        raise Misuse("reason_missing", "no reason was given", "say why: --reason TEXT")
    with open_history(history_dsn(load(file))) as history:
        place = history.ledgers.accept(drill, reason.strip(), by, SystemClock().now())
    if output == "json":
        found = {"schema": SCHEMA, "drill": drill, "workload": place.workload, "location": place.location, "reason": reason, "by": by}
        say_json(json.dumps(found).encode())
    else:
        say(inert(f"accepted for {place.workload} / {place.location}: drift is counted from drill {drill} on") + "\n", sys.stdout)
    return exits.PASSED
