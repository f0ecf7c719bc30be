"""Locations that are folders → an overview of each. A folder that several of them read (by other names) is walked once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from restore_tester.backups.folder_walk import FolderWalk, Found, inventory_of, take_in
from restore_tester.backups.inventory import Inventory
from restore_tester.backups.local_faults import name_of_reader
from restore_tester.backups.local_files import path_of
from restore_tester.backups.overview import Deadline, Ways
from restore_tester.backups.recognition import Rules, rules_of
from restore_tester.errors import RestoreTesterError
from restore_tester.model import Location


def overview_of_folders(locations: Sequence[Location], ways: Ways) -> None:
    """Given locations whose type is `folder`, tell the listing of each, or why there is none (Misuse, SourceUnreachable, BackupUnusable
    where a folder went away meanwhile)."""
    readers: dict[Path, list[tuple[Location, Rules]]] = {}
    for location in locations:
        try:
            rules = rules_of(location, objects_appear_whole=False)
        except RestoreTesterError as error:
            ways.told(location, error)
        else:
            readers.setdefault(path_of(location.uri).absolute(), []).append((location, rules))
    identity = name_of_reader()
    for root, those in readers.items():
        try:
            inventories = _walked(root, identity, those, ways)
        except RestoreTesterError as error:
            for location, _ in those:
                ways.told(location, error)
        else:
            for (location, _), inventory in zip(those, inventories, strict=True):
                ways.told(location, inventory.listing())


def _walked(root: Path, identity: str, readers: Sequence[tuple[Location, Rules]], ways: Ways) -> list[Inventory]:
    now = ways.clock.now()
    inventories = [inventory_of(root, rules, now, ways.limits.backups) for _, rules in readers]
    deadline = Deadline(ways, root.as_uri())
    walk = FolderWalk(root, identity, lambda name: any(rules.names_backup(name) for _, rules in readers), deadline.check)
    for found in walk.all():
        for inventory, (_, rules) in zip(inventories, readers, strict=True):
            if _concerns(found, rules):
                take_in(inventory, found)
    return inventories


def _concerns(found: Found, rules: Rules) -> bool:
    """A link is followed for those alone who know its name; for the others it is no file."""
    return not found.is_link or rules.names_backup(found.name)
