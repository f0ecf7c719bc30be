"""Workloads whose nights go as a test says → what `/metrics` tells of them, told by the service's own judgement.

Every night at 3:00 a backup is taken; it is listed when its last byte is stored, copied offsite an hour later, and drilled at 4:30.
A drill that fails is repeated 20 minutes later. Nothing is restored: what a drill finds is written here, what follows from it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from restore_tester.config.nouns import Workload
from restore_tester.contracts import Listing
from restore_tester.history.nouns import Place
from restore_tester.judgement.advance import kind_of, with_drill, with_sight
from restore_tester.judgement.catalogue import failed_sight, sight_of, sighted
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Backup, Drill, Objectives, Part, Reason, RecoveryPoint, Verdict
from restore_tester.service.exposition import Format
from restore_tester.service.metrics import Board, FleetFigures, Plan
from tests.alerts.replayed import Replay
from tests.histories import a_drill, of_backup
from tests.service.ledgers import StoppedClock, a_configuration, a_workload

BEGIN = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
KEPT = 30
PLACES = ("primary", "offsite")
OBJECTIVES = Objectives(3600.0, 26 * 3600.0)


@dataclass(frozen=True)
class Night:
    """What one night brings. `beat_age`: how old the newest beat is when the dump begins. Times of day count from 3:00."""

    backup: bool = True
    copied: bool = True
    late: timedelta = timedelta()
    size_bytes: int = 10_000_000
    beat_age: timedelta = timedelta(seconds=30)
    dump_takes: timedelta = 20 * MINUTE
    drill: bool = True
    recovery_seconds: float = 1200.0
    verdict: Verdict = Verdict.PASSED
    codes: tuple[str, ...] = ()
    level: int = 6
    again: bool = True
    "Whether the repetition fails too."
    listing: str | None = None
    "The code of listings that fail from 6:00 on."
    listing_fails_for: timedelta = DAY
    kept: int = KEPT


Spoiling = Callable[[int], Night]


@dataclass(frozen=True)
class Story:
    """A workload and its nights; the offsite copy is drilled every 20 nights."""

    workload: Workload
    nights: Spoiling

    @property
    def name(self) -> str:
        return self.workload.name


def healthy(night: int) -> Night:
    """Nights are never the same: dumps are late by up to 40 minutes, and recovery takes 18 to 22 minutes."""
    jitter = (night * 7919) % 11 / 10
    return Night(late=40 * jitter * MINUTE, recovery_seconds=1080.0 + 240 * jitter, size_bytes=10_000_000 + 40_000 * night)


def from_night(spoiled_from: int, spoil: Callable[[Night, int], Night]) -> Spoiling:
    """Healthy until then, then spoiled; `spoil` is told how many nights ago that began."""
    return lambda night: healthy(night) if night < spoiled_from else spoil(healthy(night), night - spoiled_from)


def a_story(name: str, nights: Spoiling = healthy, criticality: str = "mission-critical", *, places: tuple[str, ...] = PLACES) -> Story:
    workload = replace(a_workload(name, places), criticality=criticality, objectives=OBJECTIVES, drill_every_seconds=86_400.0)
    return Story(workload, nights)


class Telling:
    """One workload, told night by night: `play` yields each instant at which `/metrics` changed."""

    def __init__(self, story: Story, begin: datetime = BEGIN) -> None:
        self._story, self._begin = story, begin
        self._clock = StoppedClock()
        self.ledgers = {Place(story.name, place.name or ""): Ledger(first_seen=begin - DAY) for place in story.workload.locations}
        self._backups: dict[Place, tuple[Backup, ...]] = dict.fromkeys(self.ledgers, ())
        self._board = Board(self._clock)
        self._board.configure(a_configuration(story.workload, metrics="full"))
        self._board.load(self.ledgers.items())
        self._board.tell(FleetFigures(config_reloaded_at=begin))

    def play(self, nights: int) -> Iterator[datetime]:
        for number in range(nights):
            night, at = self._story.nights(number), self._begin + number * DAY
            # All of a night, in the order of time: (when, what).
            events = sorted((when, index, act) for index, (when, act) in enumerate(self._events(number, night, at)))
            for when, _, act in events:
                self._clock.instant = when
                act()
                yield when

    def body(self) -> str:
        self._board.render()
        body = self._board.body(Format.TEXT, compressed=False)
        assert body is not None
        return body.parts[0].decode()

    def _events(self, number: int, night: Night, at: datetime) -> Iterator[tuple[datetime, Callable[[], None]]]:
        places = list(self.ledgers)
        stored = at + night.late + night.dump_takes
        if night.backup:
            for place, delay in zip(places, (timedelta(), HOUR), strict=False):
                if place == places[0] or night.copied:
                    arrival = stored + delay
                    yield arrival + 2 * MINUTE, self._arrival(place, number, night, at, arrival)
        if night.kept != KEPT:
            yield at + 3 * HOUR, lambda: [self._listed(place, night.kept) for place in places][-1]
        if night.listing is not None:
            yield at + 3 * HOUR, lambda: [self._unlisted(place, night.listing or "") for place in places][-1]
            if night.listing_fails_for < DAY:
                yield at + 3 * HOUR + night.listing_fails_for, lambda: [self._listed(place, KEPT) for place in places][-1]
        if not night.drill:
            return
        due = at + 90 * MINUTE
        place = places[-1] if number % 20 == 19 else places[0]
        yield due + 30 * MINUTE, self._drill(place, night, due, "schedule")
        if night.verdict is Verdict.FAILED:
            answer = night if night.again else replace(night, verdict=Verdict.PASSED, codes=())
            yield due + 50 * MINUTE, self._drill(place, answer, due + 25 * MINUTE, "repeat")

    def _arrival(self, place: Place, number: int, night: Night, at: datetime, stored: datetime) -> Callable[[], None]:
        id = f"night-{number:03}.dump"
        backup = Backup(id, f"file:///{id}", stored, night.size_bytes, (Part(id, night.size_bytes, "pin"),), False, at + night.late, "name")

        def act() -> None:
            previous = self._backups[place]
            self._backups[place] = (*previous, backup)
            self._listed(place, night.kept, (backup,), previous[-1] if previous else None)

        return act

    def _listed(self, place: Place, kept: int, new: tuple[Backup, ...] = (), previous: Backup | None = None) -> None:
        ledger, now = self.ledgers[place], self._clock.now()
        self._backups[place] = self._backups[place][-kept:] if kept else ()
        sight = sight_of(Listing(self._backups[place]), ledger.sight, ledger.accepted_at, now)
        fresh = tuple(map(sighted, new))
        self._tell(place, with_sight(ledger, sight, fresh, sighted(previous) if previous is not None else None, now))

    def _unlisted(self, place: Place, code: str) -> None:
        ledger = self.ledgers[place]
        self._tell(place, replace(ledger, sight=failed_sight(code, ledger.sight, self._clock.now())))

    def _drill(self, place: Place, night: Night, began_at: datetime, trigger: str) -> Callable[[], None]:
        def act() -> None:
            drill = self._drilled(place, night, began_at, trigger)
            self._tell(place, with_drill(self.ledgers[place], drill, True, kind_of(drill)))
            next_at = began_at + DAY - (25 * MINUTE if trigger == "repeat" else timedelta())
            self._board.plan([Plan(self._story.name, next_at)])

        return act

    def _drilled(self, place: Place, night: Night, began_at: datetime, trigger: str) -> Drill:
        """Of the newest backup. The beat lies in the data as the night said when it was taken."""
        ended_at = self._clock.now()
        drill = a_drill(f"{trigger}-{began_at:%d-%H%M}", place, night.verdict)
        backup = self._backups[place][-1] if self._backups[place] else None
        drill = replace(
            drill,
            trigger=trigger,
            began_at=began_at,
            ended_at=ended_at,
            reasons=tuple(Reason(code, "as the test says", "nothing") for code in night.codes),
            proof_level=night.level if night.verdict is Verdict.PASSED else 0,
        )
        if backup is None or backup.taken_at is None or backup.stored_at is None or night.verdict is Verdict.INCONCLUSIVE:
            point = RecoveryPoint(None, None, None)
            return replace(of_backup(drill, "", None), recovery_time_seconds=None, recovery_point=point, recovery_point_lag_seconds=None)
        beat = backup.taken_at - night.beat_age
        return replace(
            of_backup(drill, backup.id, backup.taken_at),
            backup=replace(drill.backup, id=backup.id, taken_at=backup.taken_at, size_bytes=backup.size_bytes),
            recovery_time_seconds=night.recovery_seconds,
            recovery_point=RecoveryPoint(beat, beat + 5 * MINUTE, "heartbeat"),
            data_loss_seconds=(began_at - beat).total_seconds(),
            recovery_point_lag_seconds=(backup.stored_at - beat).total_seconds(),
        )

    def _tell(self, place: Place, ledger: Ledger) -> None:
        self.ledgers[place] = ledger
        self._board.update([(place, ledger)])


def replayed(stories: tuple[Story, ...], first: int, nights: int, *, gaps: tuple[int, ...] = ()) -> list[dict[str, str]]:
    """Given stories, the night from which `/metrics` is scraped and how many there are in all, return the input series of a test of rules.
    The nights before are what the service has learned by then. What is told of the fleet is told once."""
    series: dict[str, dict[str, str]] = {}
    for story in stories:
        telling = Telling(story)
        replay = Replay(BEGIN + first * DAY, BEGIN + nights * DAY)
        is_shown = False
        for at in telling.play(nights):
            if at >= replay.began_at:
                replay.show(telling.body(), at if is_shown else replay.began_at)
                is_shown = True
        series.update((one["series"], one) for one in replay.series(gaps=gaps))
    return list(series.values())
