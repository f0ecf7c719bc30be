"""The exit table of DESIGN, sections 3 and 6.1, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore_tester.errors import BackupUnusable, CannotTell, Interrupted, Misuse, RestoreTesterError, SandboxFault, SourceUnreachable
from restore_tester.judgement.exits import exit_code, exit_code_of
from restore_tester.judgement.record import assemble
from restore_tester.model import Blame, Reason, Verdict
from tests.builders import a_fault, an_order, sound_evidence

# The case, the error that the rooms raise for it, and the exit.
TABLE: list[tuple[str, type[RestoreTesterError], str, int]] = [
    ("path given to verify absent", Misuse, "path_not_found", 2),
    ("bad option", Misuse, "bad_option", 2),
    ("--rto with --profile fast", Misuse, "rto_needs_faithful", 2),
    ("configuration", Misuse, "configuration", 2),
    ("configured folder or bucket absent", SourceUnreachable, "source_unreachable", 3),
    ("denied", SourceUnreachable, "access_denied", 3),
    ("half a listing", SourceUnreachable, "listing_incomplete", 3),
    ("disk full", SandboxFault, "disk_full", 3),
    ("dump newer than any server here", CannotTell, "server_too_old", 3),
    ("decompression limit reached", CannotTell, "decompression_limit", 3),
    ("objects but none recognised", CannotTell, "nothing_recognised", 3),
    ("extension missing", CannotTell, "extension_missing", 3),
    ("complete listing with nothing eligible", BackupUnusable, "no_backup", 1),
    ("delete marker", BackupUnusable, "no_backup", 1),
    ("key disabled", BackupUnusable, "key_unusable", 1),
    ("zero bytes", BackupUnusable, "empty", 1),
    ("HTML", BackupUnusable, "html_page", 1),
    ("unrecognised, or encrypted and no key configured", BackupUnusable, "unrecognised", 1),
    ("archive storage that thaws too late", BackupUnusable, "thaws_too_late", 1),
    ("archive storage else", CannotTell, "archived", 3),
]


@pytest.mark.parametrize(("case", "kind", "code", "exit"), TABLE, ids=[row[0] for row in TABLE])
def test_the_exit_of_a_command_that_stops_before_any_drill(case: str, kind: type[RestoreTesterError], code: str, exit: int) -> None:
    assert exit_code_of(kind(code, case, "cure it")) == exit


@pytest.mark.parametrize(("case", "kind", "code", "exit"), [row for row in TABLE if row[3] != 2], ids=[r[0] for r in TABLE if r[3] != 2])
def test_a_drill_that_met_it_exits_alike(case: str, kind: type[RestoreTesterError], code: str, exit: int) -> None:
    blame = Blame.BACKUP if issubclass(kind, BackupUnusable) else Blame.OURS
    evidence = replace(sound_evidence(), restored=False, asked=(), faults=(a_fault(blame, code, sandbox=issubclass(kind, SandboxFault)),))
    drill = assemble(an_order(), evidence, "0")
    assert exit_code(drill.verdict, drill.reasons) == exit


@pytest.mark.parametrize(
    ("verdict", "codes", "exit"),
    [
        (Verdict.PASSED, [], 0),
        (Verdict.FAILED, ["check_failed"], 1),
        (Verdict.INCONCLUSIVE, ["disk_full"], 3),
        (Verdict.INCONCLUSIVE, ["disk_full", "interrupted"], 130),
        (Verdict.FAILED, ["check_failed", "interrupted"], 1),
    ],
)
def test_the_exit_of_a_verdict(verdict: Verdict, codes: list[str], exit: int) -> None:
    assert exit_code(verdict, [Reason(code, "it happened", "cure it") for code in codes]) == exit


@pytest.mark.parametrize(("error", "exit"), [(Interrupted(), 130), (KeyboardInterrupt(), 130), (RuntimeError("a bug"), 3)])
def test_being_interrupted_and_our_own_faults_never_look_like_a_bad_backup(error: BaseException, exit: int) -> None:
    assert exit_code_of(error) == exit
