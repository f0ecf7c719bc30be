"""Bodies of `/metrics` as they were at instants → the series that `promtool test rules` replays, one sample every five minutes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STEP = timedelta(minutes=5)
_SAMPLE = re.compile(r"^(restore_tester_\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)
_INSTANT = re.compile(r"^restore_tester_\w+_timestamp_seconds\b")
# What no alert asks for is not replayed.
_LEFT_OUT = re.compile(r"^restore_tester_(stage_seconds|drill_duration_seconds|verification_seconds|history_loaded|config_reload_time)")


@dataclass
class Replay:
    """Takes bodies in the order of their instants. promtool's clock begins at 0, so instants count from `began_at`."""

    began_at: datetime
    ends_at: datetime
    _changes: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)

    def show(self, body: str, at: datetime) -> None:
        """Given a body and since when it is served: what is not in it any more is absent from then on."""
        step = max(0, -(-(at - self.began_at) // STEP))
        shown = {name: self._value(name, value) for name, value in _SAMPLE.findall(body) if not _LEFT_OUT.match(name)}
        for name, changes in self._changes.items():
            if name not in shown and changes[-1][1] is not None:
                changes.append((step, None))
        for name, value in shown.items():
            known = self._changes.setdefault(name, [])
            if not known or known[-1][1] != value:
                known.append((step, value))

    def series(self, *, gaps: Iterable[int] = ()) -> list[dict[str, str]]:
        """Return the input series of a test of rules. `gaps`: steps at which nothing was scraped."""
        steps = (self.ends_at - self.began_at) // STEP + 1
        return [{"series": name, "values": _values(changes, steps, sorted(gaps))} for name, changes in sorted(self._changes.items())]

    def _value(self, name: str, value: str) -> str:
        return repr(float(value) - self.began_at.timestamp()) if _INSTANT.match(name) else value


def _values(changes: list[tuple[int, str | None]], steps: int, gaps: list[int]) -> str:
    """Runs of one value, as promtool writes them; of several changes in one step the last counts."""
    at = dict(changes)
    starts = sorted(step for step in at if step < steps)
    parts = [_run(None, starts[0], is_new=False)] if starts and starts[0] else []
    for start, end in zip(starts, [*starts[1:], steps], strict=True):
        inside = [gap for gap in gaps if start <= gap < end]
        for since, until in zip([start, *(gap + 1 for gap in inside)], [*inside, end], strict=True):
            parts.append(_run(at[start], until - since, is_new=since == start))
            parts += ["stale"] if until in inside else []
    return " ".join(part for part in parts if part)


def _run(value: str | None, count: int, *, is_new: bool) -> str:
    if count <= 0:
        return ""
    if value is not None:
        return f"{value}+0x{count - 1}"
    missing = f"_x{count - 1}" if count > 1 else ""
    return f"stale {missing}" if is_new else f"{missing} _"
