"""Restored data and a restorer without an engine: for tests of what stands on these seams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from restore_tester.contracts import RestoreJob, Sandbox
from restore_tester.errors import CouldNotAsk
from restore_tester.model import Answer, BackupFacts, Ends, Fingerprint, Question, Reason, RecoveryPointClaim, SandboxNeeds, TableContent

FACTS = BackupFacts(format="fake", engine="fake", engine_version="1.0", databases=("app",), tables=1)
MAGIC = b"FAKE"


class FakeRestoredData:
    """Answers what is in `answers`; a few questions of the contract it understands. Implements `contracts.RestoredData`."""

    engine_version = "1.0"
    features = frozenset({"logical"})

    def __init__(self, answers: dict[str, Answer] | None = None, facts: BackupFacts = FACTS) -> None:
        self.facts = facts
        self._answers = answers or {}

    def databases(self) -> tuple[str, ...]:
        return self.facts.databases

    def ask(self, question: Question, timeout: float) -> Answer:
        if found := self._answers.get(question.text):
            return found
        if number := re.fullmatch(r"select (\d+) as a", question.text):
            return Answer(("a",), ((int(number[1]),),))
        if "union all" in question.text:
            return Answer(("a", "b"), ((1, "x"), (2, "y")))
        if setting := re.search(r"current_setting\('(\w+)'\)", question.text):
            return Answer(("a",), ((dict(question.settings).get(setting[1], "on"),),))
        code = "check_timeout" if "sleep" in question.text else "answer_too_large" if "series" in question.text else "question_refused"
        raise CouldNotAsk(code, "the fake does not know", "give it the answer")

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("restored", tuple(TableContent(name, "public", "t", 1) for name in self.databases()))

    def recovery_points(self) -> tuple[RecoveryPointClaim, ...]:
        return ()


class FakeRestorer:
    """Recognises what begins with MAGIC. Implements `contracts.Restorer`."""

    engine = "fake"

    def inspect(self, ends: Ends) -> BackupFacts:
        if ends.first.startswith(MAGIC):
            return FACTS
        return BackupFacts(format=None, engine=None, trouble=Reason("unrecognised", "this is no fake backup", "begin it with FAKE"))

    def needs(self, facts: BackupFacts) -> SandboxNeeds:
        return SandboxNeeds(engine=self.engine)

    @contextmanager
    def restore(self, job: RestoreJob, sandbox: Sandbox) -> Iterator[FakeRestoredData]:
        for name in ("decode", "restore", "ready", "analyze"):
            with job.watch.stage(name):
                pass
        job.watch.structure_proved()
        yield FakeRestoredData()
