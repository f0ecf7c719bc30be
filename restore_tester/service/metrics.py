"""Ledgers, the configuration and what the scheduler means to do → the bodies that `/metrics` answers with.

The board keeps lines, never ledgers: those of twenty thousand places would be most of what a service may take. Whatever it is told
marks a block of workloads as changed; a thread of its own compresses the changed blocks anew, at most once a second, and puts the
bodies together. Who asks gets finished bytes, and what the process itself uses, read for that answer.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.contracts import Clock
from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import Ledger
from restore_tester.service import logs
from restore_tester.service.exposition import Format, Piece, gzip_begins, gzip_ends, header_piece, joined, piece, without_exemplars
from restore_tester.service.families import DRILLS, METRICS, Metric, Scope
from restore_tester.service.lasting import Lasting
from restore_tester.service.process_figures import ProcessFigures
from restore_tester.service.series import Detail, Lines, Plan, Refusal, detail_of, of_place, of_workload
from restore_tester.service.totals import FleetFigures, Totals, of_fleet

__all__ = ["Board", "Body", "FleetFigures", "Plan", "Refusal"]

# So many workloads are compressed together: fewer would compress worse, more would make one change dearer.
BLOCK = 128
LEAST_SECONDS = 1.0
# A format that nobody has asked for in so long is not rendered until somebody does.
FORGOTTEN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Body:
    """A page in three parts that are sent one after the other, and what it is: `encoding` is `gzip` or None."""

    parts: tuple[bytes, ...]
    format: Format
    encoding: str | None

    @property
    def length(self) -> int:
        return sum(len(part) for part in self.parts)


@dataclass(slots=True)
class _Kept:
    """A workload and its lines: its own, and those of each of its locations."""

    workload: Workload
    block: int
    own: Lines
    places: list[Lines]


@dataclass(slots=True)
class _Rendered:
    """What was rendered for one format, and when somebody last asked for it (monotonic seconds)."""

    asked_at: float
    pieces: dict[tuple[int, int], Piece] = field(default_factory=dict)
    stale: set[int] = field(default_factory=set)
    unfinished: set[int] = field(default_factory=set)
    everything: Piece | None = None
    changes: int = -1


class Board:
    """Safe from several threads. `configure` first, then `load`; after each further `configure`, `load` again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._detail = Detail(lean=False, stages=False, chosen_by="size")
        self._kept: dict[str, _Kept] = {}
        self._blocks: list[list[_Kept]] = []
        self._plans: dict[str, Plan] = {}
        self._totals = Totals()
        self._fleet = FleetFigures()
        self._loaded_at: datetime | None = None
        self._complete = False
        self._formats: dict[Format, _Rendered] = {}
        self._changes = 0
        self._process = ProcessFigures()
        self._rendering = threading.Lock()
        # Who keeps the bodies up to date; whoever runs the service looks after it.
        self.rendered_by = Lasting("metrics", self._keep_up)

    # --- what it is told ---

    def configure(self, configuration: Configuration) -> None:
        """Take over a configuration. The pages stay as they are until the next `load`: before it, what is new here lacks its past."""
        detail, now = detail_of(configuration), self._clock.now()
        plans = self._plans
        kept = [
            _Kept(
                workload,
                position // BLOCK,
                of_workload(workload, plans.get(workload.name), detail),
                [of_place(workload, at, None, detail, now) for at in range(len(workload.locations))],
            )
            for position, workload in enumerate(configuration.workloads)
        ]
        with self._lock:
            self._detail, self._complete = detail, False
            self._kept = {one.workload.name: one for one in kept}
            self._blocks = [kept[first : first + BLOCK] for first in range(0, len(kept), BLOCK)]
            self._plans = {name: plan for name, plan in plans.items() if name in self._kept}
            for rendered in self._formats.values():
                # A rendering that is under way keeps the old ones, sees that, and gives up.
                rendered.pieces, rendered.stale = {}, set(range(len(self._blocks)))
            self._changed()
        logs.logger(__name__).info("metrics detail chosen", detail=detail.name, chosen_by=detail.chosen_by, workloads=len(kept))

    def load(self, ledgers: Iterable[tuple[Place, Ledger]]) -> None:
        """Given the ledgers of all places that there ever were, take them over one by one; from the first time on, the board is complete.
        Again after each `configure`, and once a day: the worst of 30 days and the forecasts move with the calendar."""
        self.update(ledgers)
        with self._lock:
            self._loaded_at, self._complete = self._clock.now(), True
            self._changed()

    def update(self, ledgers: Iterable[tuple[Place, Ledger]]) -> None:
        """Take over ledgers that changed."""
        now = self._clock.now()
        for place, ledger in ledgers:
            with self._lock:
                self._totals.count(place, ledger)
                self._show(place, ledger, now)
                self._changed()

    def plan(self, plans: Iterable[Plan]) -> None:
        """Take over what the scheduler now means to do with some workloads."""
        with self._lock:
            for plan in plans:
                kept = self._kept.get(plan.workload)
                if kept is not None and self._plans.get(plan.workload) != plan:
                    self._plans[plan.workload] = plan
                    kept.own = of_workload(kept.workload, plan, self._detail)
                    self._changed(kept.block)

    def tell(self, fleet: FleetFigures) -> None:
        """Take over what holds for the fleet as a whole."""
        with self._lock:
            if fleet != self._fleet:
                self._fleet = fleet
                self._changed()

    def _show(self, place: Place, ledger: Ledger, now: datetime) -> None:
        kept = self._kept.get(place.workload)
        names = [location.name for location in kept.workload.locations] if kept is not None else []
        if kept is None or place.location not in names:
            return
        position = names.index(place.location)
        lines = of_place(kept.workload, position, ledger, self._detail, now)
        if lines != kept.places[position]:
            kept.places[position] = lines
            self._changed(kept.block)

    def _changed(self, block: int | None = None) -> None:
        self._changes += 1
        if block is not None:
            for rendered in self._formats.values():
                rendered.stale.add(block)
        self._news.notify_all()

    # --- what it gives ---

    @property
    def loaded(self) -> bool:
        """Whether everything that the history holds was taken over once: before, a page would lack most of it."""
        return self._loaded_at is not None

    @property
    def complete(self) -> bool:
        """Whether the configuration in force was loaded. Where it was not, pages stay as they are, whatever happens: load again soon."""
        return self._complete

    @property
    def detail(self) -> Detail:
        return self._detail

    def ready(self, format: Format) -> bool:
        """Whether `body` has only to hand out what lies there. Where it is False, call `body` from a thread that may wait."""
        rendered = self._formats.get(format)
        return rendered is not None and rendered.everything is not None

    def body(self, format: Format, *, compressed: bool) -> Body | None:
        """Return the page as it was rendered last; the first who asks for a format waits until it is. Uncompressed is for people: it is
        unpacked for each of them. None where nothing was loaded yet."""
        rendered = self._formats.get(format)
        if rendered is None:
            with self._lock:
                fresh = _Rendered(self._clock.elapsed(), stale=set(range(len(self._blocks))))
                rendered = self._formats.setdefault(format, fresh)
        # No lock from here on: who scrapes must not wait for a configuration that is being taken over.
        rendered.asked_at = self._clock.elapsed()
        if rendered.everything is None:
            self._render(format, rendered)
        most = rendered.everything
        if most is None:
            return None
        parts = (gzip_begins(), most.packed, gzip_ends(most, piece(self._process.text(format))))
        if compressed:
            return Body(parts, format, "gzip")
        return Body((gzip.decompress(b"".join(parts)),), format, None)

    def render(self) -> None:
        """Bring the bodies up to date, now."""
        with self._lock:
            due = self._overdue()
        for format, rendered in due:
            self._render(format, rendered)

    @contextmanager
    def rendering(self) -> Iterator[None]:
        """Keep the bodies up to date in a thread of its own, for as long as the block lasts."""
        self.rendered_by.begin()
        try:
            yield
        finally:
            self.rendered_by.end()
            with self._lock:
                self._news.notify_all()
            self.rendered_by.join()

    def _keep_up(self) -> None:
        ended = self.rendered_by.ended
        while not ended.wait(LEAST_SECONDS):
            with self._lock:
                while not self._overdue() and not ended.is_set():
                    self._news.wait()
            self.render()

    def _overdue(self) -> list[tuple[Format, _Rendered]]:
        since = self._clock.elapsed() - FORGOTTEN_SECONDS
        for format in [format for format, rendered in self._formats.items() if rendered.asked_at < since]:
            del self._formats[format]
        return [(format, rendered) for format, rendered in self._formats.items() if rendered.changes != self._changes and self._complete]

    def _render(self, format: Format, rendered: _Rendered) -> None:
        """Compress what changed, put all together. The lock is held for one block at a time: a drill that ends must not wait for it."""
        with self._rendering:
            with self._lock:
                if not self._complete or rendered.changes == self._changes:
                    return
                stale, changes, pieces, rendered.stale = rendered.stale, self._changes, rendered.pieces, set()
            # Until all of it is rendered it counts as stale, should a fault of ours end this half-way.
            rendered.unfinished |= stale
            for block in sorted(rendered.unfinished):
                with self._lock:
                    kept = self._blocks[block] if block < len(self._blocks) else []
                    texts = [(index, _text(index, metric, kept)) for index, metric in enumerate(METRICS) if metric.scope is not Scope.FLEET]
                for index, text in texts:
                    plain = without_exemplars(text) if format is Format.TEXT and METRICS[index] is DRILLS else text
                    pieces[index, block] = piece(plain)
            with self._lock:
                fleet = of_fleet(self._fleet, self._totals, self._detail, self._loaded_at, format)
                blocks = range(len(self._blocks))
                if rendered.pieces is not pieces:
                    return
            rendered.unfinished = set()
            rendered.everything = joined(_in_order(pieces, blocks, fleet, format))
            rendered.changes = changes


def _text(index: int, metric: Metric, kept: list[_Kept]) -> bytes:
    if metric.scope is Scope.WORKLOAD:
        return b"".join(one.own[index] for one in kept)
    return b"".join(place[index] for one in kept for place in one.places)


def _in_order(pieces: dict[tuple[int, int], Piece], blocks: range, fleet: dict[int, bytes], format: Format) -> Iterator[Piece]:
    """All samples of a family stand together, after its header; one without samples has no header either."""
    for index, metric in enumerate(METRICS):
        if metric.scope is Scope.FLEET:
            found = [piece(fleet[index])] if fleet.get(index) else []
        else:
            found = [one for block in blocks if (one := pieces.get((index, block))) is not None and one.length]
        if found:
            yield header_piece(metric.family, format)
            yield from found
