"""Progress events → a live list of stages on a terminal: bytes and tables done of all, and how long it may still take."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from restore_tester.cli.page import glyphs_of
from restore_tester.contracts import DrillEvent
from restore_tester.judgement.amounts import seconds, size
from restore_tester.judgement.wording import inert

REFRESH_PER_SECOND = 8
LEAST_SHARE, LEAST_SECONDS = 0.02, 1.0


@dataclass(slots=True)
class StageSeen:
    """When a stage began and ended, and how much of it was done, by unit."""

    began: float
    ended: float | None = None
    amounts: dict[str, tuple[int, int | None]] = field(default_factory=dict)


def note(stages: dict[str, StageSeen], event: DrillEvent) -> None:
    """Add an event to what was seen of a drill's stages."""
    now = time.monotonic()
    seen = stages.setdefault(event.stage, StageSeen(now))
    if event.kind == "began":
        seen.ended = None
    elif event.kind == "ended":
        seen.ended = now
    elif event.done is not None and event.unit is not None:
        seen.amounts[event.unit] = (event.done, event.total)


class LiveProgress:
    """A progress sink for as long as its block lasts; it leaves nothing on the screen. Safe from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._glyphs = glyphs_of(stream)
        self._stages: dict[str, StageSeen] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=REFRESH_PER_SECOND, transient=True)
        self._spinner = Spinner("dots" if self._glyphs.good == "✓" else "line")

    def __enter__(self) -> LiveProgress:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def __call__(self, event: DrillEvent) -> None:
        """Note an event; the screen follows at its own pace."""
        with self._lock:
            note(self._stages, event)

    def _render(self) -> RenderableType:
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        with self._lock:
            for name, seen in self._stages.items():
                running = seen.ended is None
                sign: RenderableType = self._spinner if running else Text(self._glyphs.good, "green")
                took = seconds((seen.ended or now) - seen.began)
                table.add_row(sign, Text(inert(name)), Text(took, justify="right"), bar(seen) if running else "", Text(amounts(seen, now)))
        return table


def bar(seen: StageSeen) -> RenderableType:
    """Return how much of a stage is done, drawn; nothing where that is not known."""
    share = _share(seen)
    return ProgressBar(total=1.0, completed=share, width=20) if share is not None else ""


def _share(seen: StageSeen) -> float | None:
    """Return how much is done, by bytes where they are known: tables differ too much in size."""
    for unit in ("bytes", "tables", "checks"):
        done, total = seen.amounts.get(unit, (0, None))
        if total:
            return min(done / total, 1.0)
    return None


def amounts(seen: StageSeen, now: float) -> str:
    """Return what of a stage is done, in words, and how long it may still take."""
    words = [_amount(unit, *amount) for unit, amount in seen.amounts.items()]
    share = _share(seen)
    if seen.ended is None and share is not None and share >= LEAST_SHARE and now - seen.began >= LEAST_SECONDS:
        words.append(f"about {seconds((now - seen.began) * (1 - share) / share)} left")
    return ", ".join(words)


def _amount(unit: str, done: int, total: int | None) -> str:
    if unit == "bytes":
        return size(done) if total is None else f"{size(done)} of {size(total)}"
    return f"{done} {unit}" if total is None else f"{done} of {total} {unit}"
