"""Claims about the recovery point → its bounds: proven from below by the data, claimed from above by what lies outside.

A claim from outside (header, file time, name) was stamped by a stranger's clock: it counts from the end of its precision
plus `MARGIN_SECONDS`. A heartbeat is promised to beat, so it bounds from both sides.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from restore_tester.errors import CouldNotAsk
from restore_tester.model import Backup, BackupFacts, Bound, DrillOrder, DumpStart, RecoveryPoint, RecoveryPointClaim

MARGIN_SECONDS = 300.0
ZONE_UNKNOWN_SECONDS = 43_200.0
HEARTBEAT = "heartbeat"
DUMP_HEADER = "dump_header"
FILE_TIME = "file_time"
BY_NAME = "name"
LONGEST_DUMP_SECONDS = 86_400.0


def heartbeat_claims(beat: datetime, tolerance_seconds: float) -> tuple[RecoveryPointClaim, RecoveryPointClaim]:
    """Given the newest beat found in the data and how far apart (seconds) beats may lie, return what it proves:
    not before the beat, not after the beat plus the tolerance. Raise CouldNotAsk for a beat without a time zone."""
    if beat.tzinfo is None:
        raise CouldNotAsk(
            "heartbeat_without_zone",
            "the heartbeat query returned an instant without a time zone",
            "return timestamptz: select max(beat_at at time zone 'UTC') from heartbeat, where beats are stored as UTC",
        )
    newest = later(beat, 0.0)
    return (
        RecoveryPointClaim(newest, HEARTBEAT, Bound.LOWER, 0.0),
        RecoveryPointClaim(newest, HEARTBEAT, Bound.UPPER, tolerance_seconds),
    )


def outside_claims(order: DrillOrder, facts: BackupFacts | None = None) -> tuple[RecoveryPointClaim, ...]:
    """Given an order (and what was learnt of the backup since), return the upper bounds that its header and file time claim."""
    claims = []
    start = dump_start(order, facts)
    if start is not None:
        claims.append(RecoveryPointClaim(start.at, DUMP_HEADER, Bound.UPPER, start.uncertainty_seconds + 1.0))
    if order.backup.stored_at is not None:
        claims.append(RecoveryPointClaim(order.backup.stored_at, FILE_TIME, Bound.UPPER))
    return tuple(claims)


def dump_start(order: DrillOrder, facts: BackupFacts | None = None) -> DumpStart | None:
    """Return when the producer says the dump began, by the best facts there are."""
    return (facts.dump_start if facts else None) or order.facts.dump_start


def taken_at(order: DrillOrder, facts: BackupFacts | None = None) -> datetime | None:
    """Return the record's `taken_at`: the header's instant, else what the name says, else the file's time."""
    start = dump_start(order, facts)
    return start.at if start is not None else order.backup.taken_at or order.backup.stored_at


def latest_by_name(backup: Backup) -> datetime | None:
    """Return the latest instant that the backup's name claims, None where the name says nothing. A name alone only warns."""
    if backup.taken_at is None or backup.taken_at_basis != BY_NAME:
        return None
    return later(backup.taken_at, backup.taken_at_precision_seconds + MARGIN_SECONDS)


def misnamed_seconds(order: DrillOrder, facts: BackupFacts | None = None) -> float | None:
    """Return how many seconds later than its dump's start a backup's name claims it was taken (an old file under a new name),
    None where the name says nothing, or nothing that the header denies."""
    start, named = dump_start(order, facts), order.backup.taken_at
    if start is None or named is None or order.backup.taken_at_basis != BY_NAME:
        return None
    # A name may also bear the instant at which the dump ended: a day is longer than most dumps take.
    limit = later(start.at, start.uncertainty_seconds + LONGEST_DUMP_SECONDS)
    return (named - start.at).total_seconds() if named > limit else None


def latest(claim: RecoveryPointClaim) -> datetime:
    """Return the latest instant that an upper (or exact) claim allows."""
    outside = claim.bound is Bound.UPPER and claim.basis != HEARTBEAT
    return later(claim.instant, claim.precision_seconds + (MARGIN_SECONDS if outside else 0.0))


def bounds(claims: tuple[RecoveryPointClaim, ...]) -> RecoveryPoint:
    """Given claims in any order, return the best lower bound, the tightest upper one, and the bases of the two."""
    lower = max((c for c in claims if c.bound is not Bound.UPPER), key=lambda c: (c.instant, c.basis), default=None)
    upper = min((c for c in claims if c.bound is not Bound.LOWER), key=lambda c: (latest(c), c.basis), default=None)
    bases = dict.fromkeys(claim.basis for claim in (lower, upper) if claim is not None)
    return RecoveryPoint(
        not_before=later(lower.instant, 0.0) if lower else None,
        not_after=latest(upper) if upper else None,
        basis=", ".join(bases) or None,
    )


def contradicts(point: RecoveryPoint, reference: datetime) -> bool:
    """Return whether a clock or a name lies: proven later than claimed, or later than the drill itself (with the margin
    that strangers' clocks get)."""
    if point.not_before is None:
        return False
    limit = later(reference, MARGIN_SECONDS)
    return point.not_before > (limit if point.not_after is None else min(limit, point.not_after))


def behind_header(claims: tuple[RecoveryPointClaim, ...], start: DumpStart | None) -> float | None:
    """Return how many seconds the newest beat lies before the dump's own start, None where that is within its tolerance."""
    beats = [claim for claim in claims if claim.basis == HEARTBEAT and claim.bound is Bound.UPPER]
    if start is None or not beats:
        return None
    newest = max(beats, key=lambda claim: claim.instant)
    return (start.at - newest.instant).total_seconds() if start.at > latest(newest) else None


def later(instant: datetime, seconds: float) -> datetime:
    """Return the instant plus seconds, in UTC; a spoiled header may name the year 9999, which is as late as time goes."""
    try:
        return instant.astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
