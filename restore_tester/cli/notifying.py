"""A configuration → a test message to each target of its notifications, side by side, and a line on what came of each."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from restore_tester.cli.output import OutputFormat, say, say_json
from restore_tester.clock import SystemClock
from restore_tester.errors import Misuse
from restore_tester.judgement import exits
from restore_tester.judgement.announcements import Message
from restore_tester.judgement.wording import inert
from restore_tester.service.attempts import Attempt
from restore_tester.service.configured import load
from restore_tester.service.delivery import DEADLINE_SECONDS, prepare
from restore_tester.service.outbox import by_apprise

SCHEMA = "restore-tester/notify/v1"
MESSAGE = Message(
    "restore-tester: a test", "This is a test: nothing has happened to any backup. Changes of state would be told here.", None
)


def test(file: Path, output: OutputFormat) -> int:
    """Send them. Return 0 where all were delivered, else 3. Raise Misuse (`notifications_missing`, a wrong configuration)."""
    targets = load(file).notifications
    if not targets:
        raise Misuse("notifications_missing", f"{file} names nobody to notify", "add `notifications`: see docs/notifications.md")
    prepare()
    clock = SystemClock()
    attempts = [(target, Attempt(partial(by_apprise, target, MESSAGE), DEADLINE_SECONDS, clock)) for target in targets]
    found = [(str(target.url), attempt.wait()) for target, attempt in attempts]
    if output == "json":
        told = [{"target": target, "delivered": trouble is None, "trouble": trouble} for target, trouble in found]
        say_json(json.dumps({"schema": SCHEMA, "targets": told}).encode())
    else:
        for target, trouble in found:
            say(inert(f"{target}: {'delivered' if trouble is None else f'not delivered: {trouble}'}") + "\n", sys.stdout)
    return exits.PASSED if all(trouble is None for _, trouble in found) else exits.INCONCLUSIVE
