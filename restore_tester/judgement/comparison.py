"""What was expected in the data, and what was found there → the differences.

A manifest was written in the dump's own snapshot: rows and hashes are equal, or the copy is not that snapshot. A baseline
is what passed before, of a living database: tables may grow, shrink and appear. One that vanished, that held rows and holds none, or
that lost half of them, is a difference, and fails the drill; one that lost a tenth is told (`rows_fewer`). No threshold is right for
every table: where vanishing is meant (a dropped table, a partition rotated out, a queue), `survivors` takes it out of what is expected.
A table too many never makes data unrecoverable: it is told (`table_extra`), not held against the backup.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from restore_tester.model import Difference, Fingerprint, TableContent

MANIFEST = "manifest"
BASELINE = "baseline"
TABLE_MISSING = "table_missing"
TABLE_EXTRA = "table_extra"
ROWS = "rows"
ROWS_FEWER = "rows_fewer"
HASH = "hash"

# A small table changes by a few rows without meaning anything.
FEW_ROWS = 20
SHARE_LOST = 0.5
SHARE_TOLD = 0.1

_Name = tuple[str, str, str]


def compare(expected: Fingerprint | None, found: Fingerprint | None) -> tuple[Difference, ...]:
    """Given both fingerprints, return the differences by name of the table. What was not counted differs from nothing:
    `compared_fully` tells whether all could be compared."""
    if expected is None or found is None:
        return ()
    there, wanted = _by_name(found), _by_name(expected)
    exact = expected.origin == MANIFEST
    differences: list[Difference] = []
    for name, table in sorted(wanted.items()):
        differences += _table(name, table, there.get(name), exact=exact)
    if exact:
        differences += [Difference(TABLE_EXTRA, ".".join(name), None, there[name].rows) for name in sorted(there.keys() - wanted.keys())]
    return tuple(differences)


def survivors(baseline: Fingerprint, excepted: tuple[str, ...]) -> Fingerprint:
    """Given names of tables that may vanish or become empty (`schema.table` or `database.schema.table`, `*` for any text), return
    the baseline without them."""
    return Fingerprint(baseline.origin, tuple(table for table in baseline.content if not _is_excepted(table, excepted)))


def _is_excepted(table: TableContent, excepted: tuple[str, ...]) -> bool:
    short = f"{table.schema}.{table.name}"
    return any(fnmatchcase(name, wanted) for name in (short, f"{table.database}.{short}") for wanted in excepted)


def compared_fully(expected: Fingerprint | None, found: Fingerprint | None) -> bool:
    """Return whether a manifest names every expected table with a count, and each was found with one; without anything expected,
    nothing was compared. A baseline that nobody confirmed proves nothing: it is only what passed before."""
    if expected is None or found is None or not expected.content or expected.origin != MANIFEST:
        return False
    there = _by_name(found)
    return all(table.rows is not None and name in there and there[name].rows is not None for name, table in _by_name(expected).items())


def hashed_fully(expected: Fingerprint | None, found: Fingerprint | None) -> bool:
    """Return whether a manifest gives a hash of every table and each was found to be equal."""
    if expected is None or found is None or not expected.content or expected.origin != MANIFEST:
        return False
    there = _by_name(found)
    return all(table.hash is not None and name in there and there[name].hash == table.hash for name, table in _by_name(expected).items())


def _by_name(fingerprint: Fingerprint) -> dict[_Name, TableContent]:
    return {(table.database, table.schema, table.name): table for table in fingerprint.content}


def _table(name: _Name, wanted: TableContent, found: TableContent | None, *, exact: bool) -> list[Difference]:
    if found is None:
        return [Difference(TABLE_MISSING, ".".join(name), wanted.rows, None)]
    differences = []
    if wanted.rows is not None and found.rows is not None:
        kind = _difference_of_rows(wanted.rows, found.rows, exact=exact)
        differences += [Difference(kind, ".".join(name), wanted.rows, found.rows)] if kind else []
    if exact and wanted.hash is not None and found.hash is not None and wanted.hash != found.hash:
        differences.append(Difference(HASH, ".".join(name), wanted.hash, found.hash))
    return differences


def _difference_of_rows(wanted: int, found: int, *, exact: bool) -> str | None:
    if exact:
        return ROWS if wanted != found else None
    lost = wanted - found
    if wanted > 0 and (found == 0 or (lost >= FEW_ROWS and lost >= SHARE_LOST * wanted)):
        return ROWS
    return ROWS_FEWER if lost >= FEW_ROWS and lost >= SHARE_TOLD * wanted else None
