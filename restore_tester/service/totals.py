"""The ledgers of all places that there ever were → what holds for the fleet as a whole.

Places that are no longer configured count on: a counter that went back would be taken for a restart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import DURATION_BOUNDS, DrillInBrief, Ledger
from restore_tester.model import Verdict
from restore_tester.service.exposition import Exemplar, Format, bound, label, sample, with_exemplar
from restore_tester.service.families import DURATION, FLEET_DRILLS, METRICS, Scope
from restore_tester.service.series import Detail

_VERDICTS = (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE)
_BOUNDS = (*DURATION_BOUNDS, math.inf)
_INDEX = {metric.name: index for index, metric in enumerate(METRICS) if metric.scope is Scope.FLEET}


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """What the service knows of itself. `config_reloaded_at`: when the configuration in force was read."""

    running: int = 0
    queued: int = 0
    sandboxes_leaked: int = 0
    config_reload_success: bool = True
    config_reloaded_at: datetime | None = None
    notifications_failed: int = 0


@dataclass(frozen=True, slots=True)
class _Counted:
    verdicts: tuple[int, int, int]
    durations: tuple[int, ...]
    seconds: float


_NOTHING = _Counted((0, 0, 0), (0,) * len(_BOUNDS), 0.0)


class Totals:
    """Sums over places, advanced by each ledger that changed. Not safe from several threads."""

    def __init__(self) -> None:
        self._of: dict[Place, _Counted] = {}
        self._latest: dict[Verdict, Exemplar] = {}
        self._buckets: dict[int, Exemplar] = {}
        self.verdicts = [0, 0, 0]
        self.durations = [0] * len(_BOUNDS)

    def count(self, place: Place, ledger: Ledger) -> None:
        """Count a place as its ledger now says, instead of as before."""
        before = self._of.get(place, _NOTHING)
        after = _Counted((ledger.passed, ledger.failed, ledger.inconclusive), ledger.durations, ledger.durations_sum_seconds)
        if after == before:
            return
        self._of[place] = after
        for at in range(len(after.verdicts)):
            self.verdicts[at] += after.verdicts[at] - before.verdicts[at]
        for at in range(len(after.durations)):
            self.durations[at] += after.durations[at] - before.durations[at]
        if ledger.last is not None:
            self._remember(ledger.last)

    @property
    def seconds(self) -> float:
        """How long all drills took together: summed anew, or what was added and taken away would leave a rest."""
        return math.fsum(counted.seconds for counted in self._of.values())

    def latest(self, verdict: Verdict) -> Exemplar | None:
        return self._latest.get(verdict)

    def example(self, bucket: int) -> Exemplar | None:
        return self._buckets.get(bucket)

    def _remember(self, drill: DrillInBrief) -> None:
        took = (drill.ended_at - drill.began_at).total_seconds()
        bucket = next(at for at, most in enumerate(_BOUNDS) if took <= most)
        of_verdict, of_bucket = self._latest.get(drill.verdict), self._buckets.get(bucket)
        if of_verdict is None or of_verdict.at <= drill.ended_at:
            self._latest[drill.verdict] = Exemplar(drill.drill, 1, drill.ended_at)
        if of_bucket is None or of_bucket.at <= drill.ended_at:
            self._buckets[bucket] = Exemplar(drill.drill, took, drill.ended_at)


def of_fleet(fleet: FleetFigures, totals: Totals, detail: Detail, loaded_at: datetime | None, format: Format) -> dict[int, bytes]:
    """Return the lines of what holds for the fleet, by the index of their metric."""
    told = {
        "drills_running": sample("drills_running", "", fleet.running),
        "drills_queued": sample("drills_queued", "", fleet.queued),
        "sandboxes_leaked": sample("sandboxes_leaked", "", fleet.sandboxes_leaked),
        "config_reload_success": sample("config_reload_success", "", int(fleet.config_reload_success)),
        "notifications_failed_total": sample("notifications_failed_total", "", fleet.notifications_failed),
        "metrics_detail_info": sample("metrics_detail_info", f"{label('detail', detail.name)},{label('chosen_by', detail.chosen_by)}", 1),
        DURATION.name: _histogram(totals, format),
    }
    if fleet.config_reloaded_at is not None:
        told["config_reload_timestamp_seconds"] = sample("config_reload_timestamp_seconds", "", fleet.config_reloaded_at)
    if loaded_at is not None:
        told["history_loaded_timestamp_seconds"] = sample("history_loaded_timestamp_seconds", "", loaded_at)
    if detail.lean:
        # Where no place has counters of its own, the fleet has them: under the same name, so that the same rules add them up.
        counts = zip(_VERDICTS, totals.verdicts, strict=True)
        told[FLEET_DRILLS.name] = b"".join(_counter(verdict, count, totals, format) for verdict, count in counts)
    return {_INDEX[name]: lines for name, lines in told.items()}


def _counter(verdict: Verdict, count: int, totals: Totals, format: Format) -> bytes:
    line = sample(FLEET_DRILLS.name, label("verdict", verdict.value), count)
    return with_exemplar(line, totals.latest(verdict)) if format is Format.OPENMETRICS else line


def _histogram(totals: Totals, format: Format) -> bytes:
    lines, count = [], 0
    for at, most in enumerate(_BOUNDS):
        count += totals.durations[at]
        line = sample(f"{DURATION.name}_bucket", label("le", bound(most)), count)
        lines.append(with_exemplar(line, totals.example(at)) if format is Format.OPENMETRICS else line)
    lines.append(sample(f"{DURATION.name}_sum", "", totals.seconds))
    lines.append(sample(f"{DURATION.name}_count", "", count))
    return b"".join(lines)
