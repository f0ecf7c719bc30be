"""Checks and what the operator wrote under `check_overrides` → the checks as they are asked of one workload, that day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from restore_tester.config.nouns import CheckOverride
from restore_tester.judgement.wording import printable
from restore_tester.model import Check

# Not a check: names the tables that may vanish or become empty against the drill that passed before.
BASELINE = "baseline"
_REASON_CHARACTERS = 200


def unknown_checks(checks: Sequence[Check], overrides: Sequence[CheckOverride]) -> tuple[str, ...]:
    """Return the names under `check_overrides` that no check bears."""
    known = {BASELINE, *(check.name for check in checks)}
    return tuple(override.check for override in overrides if override.check not in known)


def overridden(checks: Sequence[Check], overrides: Sequence[CheckOverride], today: date) -> tuple[Check, ...]:
    """Given the day in UTC, return the checks with the overrides that are in force; why stands beside each in the record."""
    by_name = {override.check: override for override in overrides if override.in_force(today)}
    return tuple(_applied(check, by_name[check.name]) if check.name in by_name else check for check in checks)


def may_vanish(overrides: Sequence[CheckOverride], today: date) -> tuple[str, ...]:
    """Return the tables that a baseline must not expect, that day."""
    return tuple(name for override in overrides if override.check == BASELINE and override.in_force(today) for name in override.excepted)


def _applied(check: Check, override: CheckOverride) -> Check:
    severity = override.severity or check.severity
    changes = [f"{severity.value} instead of {check.severity.value}"] if severity is not check.severity else []
    changes += [f"passes over {', '.join(override.excepted)}"] if override.excepted else []
    said = printable(f"{' and '.join(changes)} until {override.until}: {override.reason}", _REASON_CHARACTERS)
    return replace(check, severity=severity, excepted=override.excepted, note=said)
