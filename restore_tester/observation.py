"""What a drill sees while it happens, noted once, and handed on as frozen `Evidence`.

The one mutable thing in a drill: it lives inside `run_drill`, measures stages on the monotonic clock, and never judges.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from restore_tester.contracts import Clock, DiskUse, DrillEvent, Equipment, RestoredData, Sandbox
from restore_tester.errors import RestoreTesterError, SandboxFault
from restore_tester.judgement.faults import blame_of
from restore_tester.model import (
    AskedCheck,
    BackupFacts,
    Blame,
    Difference,
    DrillOrder,
    Environment,
    Evidence,
    Fault,
    Fetched,
    Fingerprint,
    Reason,
    RecoveryPointClaim,
    Stage,
)


class Observation:
    """Given an order and the equipment, note what happens. Implements `contracts.Watch` for the restorer."""

    def __init__(self, order: DrillOrder, equipment: Equipment) -> None:
        self._clock: Clock = equipment.clock
        self._progress = equipment.progress
        self._objectives = order.objectives
        self._began_at: datetime = self._clock.now()
        self._began: float = self._clock.elapsed()
        self._recovery_ended: float | None = None
        self._broke_in: str | None = None
        self._ready: float | None = None
        self._open_stages: list[str] = []
        self._stages: list[Stage] = []
        self._faults: list[Fault] = []
        self._warnings: list[Reason] = list(order.facts.warnings)
        self._asked: tuple[AskedCheck, ...] = ()
        self._claims: tuple[RecoveryPointClaim, ...] = ()
        self._differences: tuple[Difference, ...] = ()
        self._facts: BackupFacts = order.facts
        self._fetched: Fetched | None = None
        self._fingerprint: Fingerprint | None = None
        self._structure_proved = False
        self._restored = False
        self._sandbox_destroyed = True
        self._environment = Environment(
            sandbox=equipment.sandboxes.kind,
            identity=None,
            engine_version=None,
            cpus=os.cpu_count() or 1,
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            isolation=(),
        )

    # --- contracts.Watch ----------------------------------------------------------------------------------------------

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, also where its body raises: the innermost one that an error left is where it broke."""
        began_at, began = self._clock.now(), self._clock.elapsed()
        self._open_stages.append(name)
        self._progress(DrillEvent(name, "began"))
        try:
            yield
        except BaseException:
            self.broke()
            raise
        finally:
            seconds = self._clock.elapsed() - began
            moved = self._fetched.size_bytes if name == "fetch" and self._fetched else None
            self._stages.append(Stage(name, began_at, seconds, moved))
            self._open_stages.remove(name)
            self._progress(DrillEvent(name, "ended"))

    def progress(self, stage: str, done: int, total: int | None, unit: str) -> None:
        self._progress(DrillEvent(stage, "progress", done, total, unit))

    def warn(self, reason: Reason) -> None:
        if reason not in self._warnings:
            self._warnings.append(reason)

    def structure_proved(self) -> None:
        self._structure_proved = True

    # --- what drill.py notes ------------------------------------------------------------------------------------------

    def fetched(self, fetched: Fetched, identity: str) -> None:
        self._fetched = fetched
        self._environment = replace(self._environment, identity=identity)

    def sandbox_opened(self, sandbox: Sandbox) -> None:
        self._sandbox_destroyed = False
        self._environment = replace(
            self._environment,
            sandbox=sandbox.kind,
            cpus=sandbox.cpus,
            memory_bytes=sandbox.memory_bytes,
            isolation=sandbox.isolation(),
            image=sandbox.image,
        )

    def filled(self, disk: DiskUse) -> None:
        self._environment = replace(self._environment, disk_bytes=disk.used_bytes, disk_limit_bytes=disk.limit_bytes)

    def broke(self) -> None:
        """An error leaves the drill here: recovery has come to its end, and cleaning up is not part of it."""
        if self._broke_in is None:
            self._broke_in = self._open_stages[-1] if self._open_stages else self._stages[-1].name
            if self._recovery_ended is None:
                self.recovery_ended()

    def sandbox_gone(self) -> None:
        self._sandbox_destroyed = True

    def restored(self, restored: RestoredData) -> None:
        self._restored = True
        self._facts = restored.facts
        self._claims += restored.recovery_points()
        self._environment = replace(self._environment, engine_version=restored.engine_version)

    def ready(self) -> None:
        """The restored data can serve: recovery time ends here."""
        self._ready = self._clock.elapsed() - self._began

    def recovery_ended(self) -> None:
        """Recovery came to an end, whether or not the data can serve: what follows is forensics."""
        self._recovery_ended = self._clock.elapsed() - self._began

    def asked(self, asked: tuple[AskedCheck, ...], claims: tuple[RecoveryPointClaim, ...]) -> None:
        self._asked += asked
        self._claims += claims

    def compared(self, fingerprint: Fingerprint, differences: tuple[Difference, ...]) -> None:
        self._fingerprint, self._differences = fingerprint, differences

    def note(self, error: RestoreTesterError) -> None:
        """Note a fault; whose it is, is the type of the error."""
        self.fault(blame_of(error, self._objectives), error.reason, sandbox=isinstance(error, SandboxFault))

    def fault(self, blame: Blame, reason: Reason, *, sandbox: bool = False) -> None:
        where = self._broke_in or (self._open_stages[-1] if self._open_stages else "provision")
        self._faults.append(Fault(blame, reason, where, sandbox))

    def evidence(self) -> Evidence:
        """Return all that was seen, frozen."""
        elapsed = self._clock.elapsed() - self._began
        return Evidence(
            began_at=self._began_at,
            ended_at=self._clock.now(),
            stages=tuple(self._stages),
            facts=self._facts,
            fetched=self._fetched,
            structure_proved=self._structure_proved,
            restored=self._restored,
            ready_seconds=self._ready,
            elapsed_seconds=self._recovery_ended if self._recovery_ended is not None else elapsed,
            faults=tuple(self._faults),
            warnings=tuple(self._warnings),
            asked=self._asked,
            claims=self._claims,
            fingerprint=self._fingerprint,
            differences=self._differences,
            environment=self._environment,
            sandbox_destroyed=self._sandbox_destroyed,
        )
