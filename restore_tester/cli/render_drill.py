"""A drill record → the page that a tired person understands at once: the verdict, why, what was proven, how long, how old.

What is unknown is called unknown, and a fast drill's time is never offered as a recovery time.
"""

from __future__ import annotations

from datetime import timedelta

from restore_tester.cli.page import Page, Span, Tone, cells, cut, padded
from restore_tester.judgement.amounts import instant, seconds, size
from restore_tester.judgement.telling import LEVELS, OUTSIDE_RECOVERY, head_of, losing, sentence
from restore_tester.judgement.wording import counted
from restore_tester.model import CheckResult, Drill, LevelState, Outcome, Profile, Reason, RecoveryPoint, Severity, Stage, Verdict

TONES = {Verdict.PASSED: Tone.GOOD, Verdict.FAILED: Tone.BAD, Verdict.INCONCLUSIVE: Tone.UNSURE}
LABEL = 10


def render_drill(drill: Drill, page: Page) -> None:
    """Add the whole drill to the page."""
    _headline(drill, page)
    _reasons("why", drill.reasons, TONES[drill.verdict], page)
    _reasons("note", drill.warnings, Tone.UNSURE, page)
    _ladder(drill, page)
    _time(drill, page)
    _age(drill, page)
    _checks(drill, page)
    _place(drill, page)


# --- the verdict ------------------------------------------------------------------------------------------------------


def _headline(drill: Drill, page: Page) -> None:
    verdict = drill.verdict.value.upper()
    page.blank()
    page.row(Span(verdict, TONES[drill.verdict]), Span("  "), Span(cut(head_of(drill), page.width - len(verdict) - 2), Tone.STRONG))
    page.text(sentence(drill), indent=2)


def _reasons(label: str, reasons: tuple[Reason, ...], tone: Tone, page: Page) -> None:
    if not reasons:
        return
    page.blank()
    for index, reason in enumerate(reasons):
        lead = Span(padded(label if index == 0 else "", LABEL), Tone.STRONG)
        page.text(reason.message, tone if label == "why" else Tone.PLAIN, lead=lead)
        page.text(reason.hint, indent=LABEL, lead=Span(f"{page.glyphs.hint} ", Tone.DIM))
        page.text(f"({reason.code})", Tone.DIM, indent=LABEL + cells(page.glyphs.hint) + 1)


# --- what was proven --------------------------------------------------------------------------------------------------


def _ladder(drill: Drill, page: Page) -> None:
    signs = {
        LevelState.PROVED: (page.glyphs.good, Tone.GOOD, "proved"),
        LevelState.FAILED: (page.glyphs.bad, Tone.BAD, "failed"),
        LevelState.NOT_ASKED: (page.glyphs.idle, Tone.DIM, "not asked"),
    }
    page.blank()
    states = (getattr(drill.levels, name) for name, _ in LEVELS)
    for level, ((name, meaning), state) in enumerate(zip(LEVELS, states, strict=True)):
        sign, tone, word = signs[state]
        label = Span(padded("proven" if level == 0 else "", LABEL), Tone.STRONG)
        head = f"{level} {name}"
        rest = meaning if state is LevelState.PROVED else word
        here = "  level reached" if level == drill.proof_level and state is LevelState.PROVED else ""
        room = page.width - LABEL - 2 - 13 - len(here)
        page.row(label, Span(f"{sign} ", tone), Span(padded(head, 13)), Span(cut(rest, room), Tone.DIM), Span(here, Tone.STRONG))
    if drill.next_level_needs:
        page.text(drill.next_level_needs, indent=LABEL, lead=Span("next: ", Tone.DIM))


# --- how long ---------------------------------------------------------------------------------------------------------


def _time(drill: Drill, page: Page) -> None:
    page.blank()
    page.text(_took(drill), lead=Span(padded("took", LABEL), Tone.STRONG))
    for stage in drill.stages:
        _bar(stage, drill, page)


def _took(drill: Drill) -> str:
    recovery = drill.recovery_time_seconds
    words = [f"recovery {seconds(recovery)}" if recovery is not None else "recovery time unknown"]
    if drill.profile is Profile.FAST:
        words.append("fast profile: not comparable with an RTO")
    elif drill.recovery_time_objective_seconds is not None:
        words.append(f"objective {seconds(drill.recovery_time_objective_seconds)}")
    if drill.verification_seconds is not None:
        words.append(f"verification {seconds(drill.verification_seconds)} on top")
    return "; ".join(words)


def _bar(stage: Stage, drill: Drill, page: Page) -> None:
    """Draw when a stage ran: stages overlap, so their lengths are never added up."""
    amount = f"{seconds(stage.seconds):>11}" + (f"  {size(stage.bytes)}" if stage.bytes is not None else "")
    room = page.width - LABEL - 11 - 22
    whole = max((drill.ended_at - drill.began_at).total_seconds(), 1e-9)
    start = min(int(_since(stage, drill) / whole * room), room - 1)
    length = max(1, min(round(stage.seconds / whole * room), room - start))
    bar = page.glyphs.bar * length
    tone = Tone.DIM if stage.name in OUTSIDE_RECOVERY else Tone.PLAIN
    name = Span(" " * LABEL + padded(stage.name, 11), tone)
    page.row(name, Span(" " * start), Span(bar, tone), Span(" " * (room - start - length)), Span(amount, tone))


def _since(stage: Stage, drill: Drill) -> float:
    return max((stage.began_at - drill.began_at) / timedelta(seconds=1), 0.0)


# --- how old ----------------------------------------------------------------------------------------------------------


def _age(drill: Drill, page: Page) -> None:
    page.blank()
    page.text(_bounds(drill.recovery_point), lead=Span(padded("age", LABEL), Tone.STRONG))
    page.text(f"a loss now costs {losing(drill)}{_objective(drill)}", indent=LABEL)


def _bounds(point: RecoveryPoint) -> str:
    """Say where the data ends, as far as anything says so."""
    by = f" (by {(point.basis or 'nothing').replace('_', ' ')})"
    if point.not_before is not None and point.not_after is not None:
        return f"the data ends between {instant(point.not_before)} and {instant(point.not_after)}{by}"
    if point.not_before is not None:
        return f"the data ends no earlier than {instant(point.not_before)}{by}"
    if point.not_after is not None:
        return f"the data ends no later than {instant(point.not_after)}{by}, 5 min for clocks included; how much earlier is unknown"
    return "unknown: nothing in or about this backup says where its data ends"


def _objective(drill: Drill) -> str:
    objective = drill.recovery_point_objective_seconds
    return f"; objective {seconds(objective)}" if objective is not None else ""


# --- what was asked ---------------------------------------------------------------------------------------------------


def _checks(drill: Drill, page: Page) -> None:
    page.blank()
    page.text(_counts(drill.checks), lead=Span(padded("checks", LABEL), Tone.STRONG))
    for check in drill.checks:
        if check.outcome in (Outcome.FAILED, Outcome.ERRORED):
            _check(check, page)
    skipped = [check for check in drill.checks if check.outcome is Outcome.SKIPPED]
    for check in skipped:
        page.text(f"{check.name}: {check.detail}", Tone.DIM, indent=LABEL, lead=Span(f"{page.glyphs.idle} skipped ", Tone.DIM))


def _counts(checks: tuple[CheckResult, ...]) -> str:
    if not checks:
        return "none was asked"
    numbers = [(outcome, sum(check.outcome is outcome for check in checks)) for outcome in Outcome]
    return f"{counted(len(checks), 'question')}: " + ", ".join(f"{number} {outcome.value}" for outcome, number in numbers if number)


def _check(check: CheckResult, page: Page) -> None:
    bad = check.severity is Severity.GATING
    sign = (page.glyphs.bad, Tone.BAD) if bad and check.outcome is Outcome.FAILED else (page.glyphs.unsure, Tone.UNSURE)
    found = counted(check.problems, "problem") if check.outcome is Outcome.FAILED else "could not be asked"
    page.text(f"{check.name} ({check.severity.value}): {found}", indent=LABEL, lead=Span(f"{sign[0]} ", sign[1]))
    if check.detail:
        page.text(check.detail, Tone.DIM, indent=LABEL + 2)


# --- where ------------------------------------------------------------------------------------------------------------


def _place(drill: Drill, page: Page) -> None:
    page.blank()
    backup, place = drill.backup, drill.environment
    facts = [backup.format or "unknown format", backup.compression or "", size(backup.size_bytes)]
    if backup.engine_version:
        facts.append(f"of {backup.engine or 'engine'} {backup.engine_version}")
    if backup.tables is not None:
        facts.append(counted(backup.tables, "table"))
    page.text(", ".join(fact for fact in facts if fact), lead=Span(padded("backup", LABEL), Tone.STRONG))
    if backup.sha256:
        page.text(f"sha256 {backup.sha256}", Tone.DIM, indent=LABEL)
    server = f"{backup.engine or 'server'} {place.engine_version}, " if place.engine_version else ""
    opened = place.isolation or any(stage.name == "fetch" for stage in drill.stages)
    isolation = ", ".join(place.isolation) or "no isolation"
    sandbox = f"{server}{place.sandbox} sandbox ({isolation})" if opened else "no sandbox was opened"
    page.text(sandbox, lead=Span(padded("where", LABEL), Tone.STRONG))
    left = "" if drill.sandbox_destroyed else "; its data directory was left behind"
    page.text(f"{counted(place.cpus, 'cpu')}, {size(place.memory_bytes)} memory{left}", Tone.DIM, indent=LABEL)
    page.text(f"drill {drill.drill}; the whole record: -o json", Tone.DIM, indent=LABEL)
