"""Events of many drills → a live list on a terminal, one line a drill: its stage, how much of it is done, how it ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from restore_tester.cli.page import cut, glyphs_of
from restore_tester.cli.progress import REFRESH_PER_SECOND, StageSeen, amounts, bar, note
from restore_tester.contracts import DrillEvent
from restore_tester.judgement.amounts import seconds
from restore_tester.model import DrillOrder, Verdict
from restore_tester.service.crew import Ended
from restore_tester.service.fleet import Job

NAME_COLUMNS = 32
STAGE_COLUMNS, TIME_COLUMNS, GAPS = 12, 10, 6
# On less, the bar would leave no room for the words.
WIDTH_WITH_BAR = 100
STYLES = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INCONCLUSIVE: "yellow"}


@dataclass(slots=True)
class _DrillSeen:
    location: str
    began: float
    stages: dict[str, StageSeen] = field(default_factory=dict)
    ended: float | None = None
    verdict: Verdict = Verdict.INCONCLUSIVE


class FleetProgress:
    """Shows drills for as long as its block lasts, and leaves nothing on the screen. Safe from several threads."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._glyphs = glyphs_of(stream)
        self._total = total
        self._drills: dict[str, _DrillSeen] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=REFRESH_PER_SECOND, transient=True)
        self._spinner = Spinner("dots" if self._glyphs.good == "✓" else "line")

    def __enter__(self) -> FleetProgress:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def event(self, job: Job, order: DrillOrder, event: DrillEvent) -> None:
        """Note what a drill does; the screen follows at its own pace."""
        with self._lock:
            seen = self._drills.setdefault(job.workload.name, _DrillSeen(order.location.name or "", time.monotonic()))
            note(seen.stages, event)

    def ended(self, ended: Ended) -> None:
        """Note how a drill ended."""
        with self._lock:
            seen = self._drills.setdefault(ended.job.workload.name, _DrillSeen("", time.monotonic()))
            seen.ended = time.monotonic()
            seen.verdict = ended.drill.verdict if ended.drill is not None else Verdict.INCONCLUSIVE

    def _render(self) -> RenderableType:
        """What runs comes first: a screen is short, and what has ended is told again at the end."""
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        with self._lock:
            over = sum(seen.ended is not None for seen in self._drills.values())
            table.add_row("", Text(f"{over} of {self._total} drills ended"))
            for name, seen in sorted(self._drills.items(), key=lambda item: (item[1].ended is not None, item[1].began)):
                table.add_row(*self._row(name, seen, now))
        return table

    def _row(self, name: str, seen: _DrillSeen, now: float) -> tuple[RenderableType, ...]:
        label = Text(cut(f"{name} / {seen.location}" if seen.location else name, self._name_columns))
        took = Text(seconds((seen.ended or now) - seen.began), justify="right")
        if seen.ended is not None:
            sign = {Verdict.PASSED: self._glyphs.good, Verdict.FAILED: self._glyphs.bad}.get(seen.verdict, self._glyphs.unsure)
            style = STYLES[seen.verdict]
            return Text(sign, style), label, took, Text(seen.verdict.value, style), "", ""
        running = [(stage, at) for stage, at in seen.stages.items() if at.ended is None]
        if not running:
            return self._spinner, label, took, Text(""), "", ""
        stage, at = running[-1]
        if self._console.width >= WIDTH_WITH_BAR:
            return self._spinner, label, took, Text(cut(stage, STAGE_COLUMNS)), bar(at), Text(amounts(at, now))
        room = self._console.width - self._name_columns - TIME_COLUMNS - STAGE_COLUMNS - GAPS
        return self._spinner, label, took, Text(cut(stage, STAGE_COLUMNS)), "", Text(cut(amounts(at, now), max(room, 1)))

    @property
    def _name_columns(self) -> int:
        return min(NAME_COLUMNS, self._console.width // 3)
