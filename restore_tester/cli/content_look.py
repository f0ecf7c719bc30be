"""A set of backups → what the content of one of them says, read from its ends; or why the set is none of backups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from restore_tester.backups.inference import Named
from restore_tester.cli.first_fleet import Looked
from restore_tester.contracts import BackupSource, Equipment
from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.judgement.wording import names
from restore_tester.model import Backup, BackupFacts, Reason

PEEK_FIRST_BYTES, PEEK_LAST_BYTES = 1 << 18, 1 << 14
# What says that something is no dump at all, rather than a dump that went wrong.
FOREIGN = frozenset({"unrecognised", "encrypted_or_random", "html_page", "not_one_backup", "format_not_supported"})

_DUMP_ENDING = re.compile(r".*\.(?:dump|sql|pgdump|backup|bak|tar|gz|zst|lz4|xz|bz2)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class LookedAt:
    """`no_backup` is why none of the set is a backup that could be drilled."""

    looked: Looked
    no_backup: str | None = None


def look(named: Named, source: BackupSource, equipment: Equipment) -> LookedAt:
    """Look at the newest, and at two more where the newest is no good, or where names may be of different databases."""
    several = named.pattern is None or "{any}" in named.pattern
    good: list[BackupFacts] = []
    troubles: list[Reason] = []
    for backup in _some(named):
        facts = _inspect(backup, source, equipment)
        if isinstance(facts, Reason):
            return LookedAt(Looked(named, None, facts))
        if facts.trouble is None:
            good.append(facts)
        else:
            troubles.append(facts.trouble)
        if good and not several:
            break
    if not good:
        return _without_content(named, troubles[0])
    databases = list(dict.fromkeys(facts.databases for facts in good))
    if len(databases) > 1 and named.pattern is not None:
        listed = names(name for each in databases for name in each)
        return LookedAt(Looked(named, good[0]), f"their names do not tell apart the databases in them ({listed})")
    return LookedAt(Looked(named, good[0] if len(databases) == 1 else None, troubles[0] if troubles else None))


def _some(named: Named) -> Iterator[Backup]:
    """The newest, the one in the middle, the oldest; each once."""
    last = len(named.backups) - 1
    yield from (named.backups[index] for index in sorted({last, last // 2, 0}, reverse=True))


def _inspect(backup: Backup, source: BackupSource, equipment: Equipment) -> BackupFacts | Reason:
    """Return what it is, or why we could not look: that is no fault of the backup's."""
    try:
        ends = source.peek(backup, PEEK_FIRST_BYTES, PEEK_LAST_BYTES)
    except BackupUnusable as error:
        return BackupFacts(format=None, engine=None, trouble=error.reason)
    except CannotTell as error:
        return error.reason
    looked = [restorer.inspect(ends) for restorer in equipment.restorers.values()]
    return next((facts for facts in looked if facts.trouble is None), looked[0])


def _without_content(named: Named, trouble: Reason) -> LookedAt:
    """A job that writes nothing, or damaged dumps, is a workload whose drill shall fail; a folder of logs is none."""
    foreign = trouble.code in FOREIGN or (trouble.code == "empty" and not _DUMP_ENDING.fullmatch(named.backups[-1].id))
    return LookedAt(Looked(named, None, trouble), trouble.message if foreign else None)
