"""What somebody wants proven, and what lies in a location → the one backup to drill and what it is, or why there is none.

The steps of `drill.plan_drill`. Whatever keeps a location from being read, or leaves nothing in it to drill, becomes the
trouble of the order: its drill is then only judged, recorded like any other, and stops no other workload's.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from datetime import datetime

from restore_tester.config.nouns import Strategy
from restore_tester.contracts import BackupSource, Equipment, Listing
from restore_tester.errors import BackupUnusable, CannotTell, Misuse, RestoreTesterError
from restore_tester.judgement.absence import dead_newest, growing_newest, nothing_eligible, nowhere
from restore_tester.judgement.faults import blame_of
from restore_tester.judgement.selection import PastDrill, Turn, Wish, choose, newest_of, next_turn, slot_after
from restore_tester.judgement.wording import NAME_CHARACTERS, names, printable
from restore_tester.model import (
    Backup,
    BackupFacts,
    Blame,
    Check,
    Ends,
    Heartbeat,
    Location,
    Objectives,
    Profile,
    RecoveryEnvironment,
    SandboxNeeds,
    Selection,
)

# The newest: to compare a name with many thousands takes seconds.
NEAR_LOOKED_AT = 1000
PEEK_FIRST_BYTES = 1 << 20
PEEK_LAST_BYTES = 1 << 16
GIVEN = "given"
NAMED = "named on the command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRequest:
    """What somebody wants proven. `locations` are those it may be taken from, the first counts most. Without `select` it is the
    backup that was named: the one called `backup`, or the only one that lies in the first location. `past` are the workload's
    drills that ended, `slot` is what a schedule calls this one. `engine` overrules what the content says; `database` is the
    one to judge."""

    locations: tuple[Location, ...]
    select: Strategy | None = None
    backup: str | None = None
    slot: str | None = None
    past: tuple[PastDrill, ...] = ()
    trigger: str = "manual"
    workload: str | None = None
    profile: Profile = Profile.FAST
    objectives: Objectives = Objectives()
    heartbeat: Heartbeat | None = None
    engine: str | None = None
    image: str | None = None
    image_is_production: bool = False
    database: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    recovery_environment: RecoveryEnvironment | None = None
    checks: tuple[Check, ...] = ()
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """The backup to drill, why that one, and what it is; `facts.trouble` says why it cannot be restored."""

    location: Location
    backup: Backup
    selection: Selection
    facts: BackupFacts
    is_newest: bool = False


@dataclass(frozen=True, slots=True)
class _Choice:
    """`trouble` is set where nothing could be chosen, or what was chosen is no good."""

    backup: Backup
    selection: Selection
    is_newest: bool
    trouble: BackupFacts | None = None


def pick(request: DrillRequest, equipment: Equipment) -> Picked:
    """Look whose turn it is, what lies there, and what the chosen backup is. Raise Misuse where the request makes no sense,
    CannotTell (`nothing_new`) where nothing is left to drill."""
    turn = _turn(request, equipment.clock.now())
    location = next(place for place in request.locations if (place.name or "") == turn.location)
    try:
        source = equipment.open_source(location)
        listing = source.list_backups()
    except RestoreTesterError as error:
        selection = Selection(_strategy(request), turn.why, 0)
        return Picked(location, nowhere(location), selection, _trouble(error, request))
    choice = _choose(request, turn, listing, location)
    facts = choice.trouble or _look(source, choice.backup, request, equipment)
    facts = replace(facts, warnings=(*choice.backup.warnings, *facts.warnings))
    return Picked(location, choice.backup, choice.selection, facts, choice.is_newest)


def needs_of(request: DrillRequest, facts: BackupFacts, equipment: Equipment) -> SandboxNeeds:
    """Return what the restore asks of its sandbox: what the content needs, in what recovery would use."""
    if facts.engine is None:
        return SandboxNeeds(engine="none")
    environment = request.recovery_environment
    memory = environment.memory_bytes if environment else None
    needs = equipment.restorers[facts.engine].needs(facts)
    return replace(needs, image=request.image or needs.image, memory_bytes=memory or needs.memory_bytes)


# --- which one --------------------------------------------------------------------------------------------------------


def _wish(request: DrillRequest, strategy: Strategy) -> Wish:
    names = tuple(location.name or "" for location in request.locations)
    return Wish(request.workload or "", names, strategy, request.slot or slot_after(request.past))


def _turn(request: DrillRequest, now: datetime) -> Turn:
    if request.select is None:
        return Turn(request.locations[0].name or "", Strategy.NEWEST, NAMED)
    return next_turn(_wish(request, request.select), request.past, now)


def _strategy(request: DrillRequest) -> str:
    return GIVEN if request.select is None else request.select.value


def _choose(request: DrillRequest, turn: Turn, listing: Listing, location: Location) -> _Choice:
    if request.backup is not None:
        return _named(request.backup, listing, location)
    if request.select is None:
        return _only(listing, location)
    chosen = choose(_wish(request, request.select), turn, listing.complete, request.past)
    if not listing.complete:
        absent = nothing_eligible(listing, location)
        return _Choice(absent.backup, chosen.selection, False, absent.facts)
    if turn.take is Strategy.NEWEST and (dead := dead_newest(listing)) is not None:
        selection = replace(chosen.selection, why=f"{chosen.selection.why}, which cannot be drilled")
        return _Choice(dead.backup, selection, False, dead.facts)
    if chosen.backup is None:
        message = f"nothing of {request.workload} is left to drill in {turn.location}: {chosen.selection.why}"
        raise CannotTell("nothing_new", message, "drill one again by its name: restore-tester run WORKLOAD --backup newest")
    selection = chosen.selection
    if turn.take is Strategy.NEWEST and (growing := growing_newest(listing)) is not None:
        selection = replace(selection, why=f"{selection.why}; {printable(growing.id, NAME_CHARACTERS)} is newer and still being written")
    return _Choice(chosen.backup, selection, chosen.backup == newest_of(listing.complete))


def _only(listing: Listing, location: Location) -> _Choice:
    selection = Selection(GIVEN, NAMED, 1)
    if not listing.complete and listing.incomplete:
        absent = nothing_eligible(listing, location)
        return _Choice(absent.backup, selection, False, absent.facts)
    if len(listing.complete) != 1:
        raise Misuse("not_one_backup", f"{location.uri} is not one backup", "name one file, or the folder of one pg_dump -Fd")
    return _Choice(listing.complete[0], selection, True)


def _named(name: str, listing: Listing, location: Location) -> _Choice:
    selection = Selection(GIVEN, NAMED, len(listing.complete))
    found = next((backup for backup in listing.complete if backup.id == name), None)
    if found is not None:
        return _Choice(found, selection, found == newest_of(listing.complete))
    broken = tuple(pair for pair in listing.incomplete if pair[0].id == name)
    if not broken:
        raise Misuse("backup_unknown", f"there is no backup {name!r} in {location.name}", _others_than(name, listing))
    absent = nothing_eligible(Listing((), broken), location)
    return _Choice(absent.backup, selection, False, absent.facts)


def _others_than(name: str, listing: Listing) -> str:
    """Say which backups are called nearly so, else the newest few."""
    ids = [backup.id for backup in reversed(listing.complete)]
    if near := difflib.get_close_matches(name, ids[:NEAR_LOOKED_AT], 1):
        return f"did you mean {names(near)}?"
    return f"name one of: {names(ids)} (the newest first); or newest, oldest, random" if ids else "no complete backup lies there"


# --- what it is -------------------------------------------------------------------------------------------------------


def _look(source: BackupSource, backup: Backup, request: DrillRequest, equipment: Equipment) -> BackupFacts:
    try:
        ends = source.peek(backup, PEEK_FIRST_BYTES, PEEK_LAST_BYTES)
    except RestoreTesterError as error:
        return _trouble(error, request)
    facts = _inspect(ends, request.engine, equipment)
    if request.workload is None and facts.trouble is not None and facts.trouble.code == "not_one_backup":
        raise Misuse(facts.trouble.code, facts.trouble.message, facts.trouble.hint)
    return facts


def _inspect(ends: Ends, engine: str | None, equipment: Equipment) -> BackupFacts:
    """Ask each restorer what the content is; the first that recognises it has it."""
    if engine is not None and engine not in equipment.restorers:
        raise Misuse("engine_unknown", f"no restorer for engine {engine}", f"use one of: {', '.join(sorted(equipment.restorers))}")
    looked = [restorer.inspect(ends) for name, restorer in equipment.restorers.items() if engine in (None, name)]
    return next((facts for facts in looked if facts.trouble is None), looked[0])


def _trouble(error: RestoreTesterError, request: DrillRequest) -> BackupFacts:
    """What `verify` was told wrong is said at once; a fleet goes on, with a record of what it could not ask."""
    if isinstance(error, Misuse) and request.workload is None:
        raise error
    blame = blame_of(error, request.objectives) if not isinstance(error, Misuse) else Blame.OURS
    return BackupFacts(format=None, engine=None, trouble=error.reason, trouble_blame=blame)


def refusal(facts: BackupFacts) -> RestoreTesterError | None:
    """Return the error that a drill ends with at once where there is nothing to restore; None where there is."""
    if facts.trouble is None:
        return None
    kind = BackupUnusable if facts.trouble_blame is Blame.BACKUP else CannotTell
    return kind(facts.trouble.code, facts.trouble.message, facts.trouble.hint)
