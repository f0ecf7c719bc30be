"""A folder or a bucket's prefix → a configuration file for what lies there, and what was found, as text or one JSON object.

Only the file is written, and it holds nothing that `config check` refuses: what would be is set aside.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from restore_tester.backups.inference import infer
from restore_tester.backups.local_files import path_of
from restore_tester.cli.config_commands import DEFAULT_FILE
from restore_tester.cli.content_look import LookedAt, look
from restore_tester.cli.first_configuration import EXAMPLES_SHOWN, Aside, Store, text_of
from restore_tester.cli.first_fleet import Looked, NewWorkload, first_fleet
from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import new_page, show
from restore_tester.cli.render_first_fleet import Found, as_json, describe
from restore_tester.cli.request import given_location
from restore_tester.config.loading import examine
from restore_tester.contracts import Equipment, Listing
from restore_tester.errors import CannotTell, Misuse
from restore_tester.judgement import exits
from restore_tester.judgement.wording import counted
from restore_tester.model import Location
from restore_tester.service.configured import trouble_with_name
from restore_tester.service.equipment import equipment_for
from restore_tester.service.signals import interruptible

LANES = 6
MOST_WORKLOADS = 2000
TOO_MANY = f"more than {MOST_WORKLOADS} sets of names: name a deeper folder or prefix, one after the other"
REFUSED = "the configuration may not hold these names"
UNFINISHED = "not finished, or never to be"
NO_NAME_OF_A_BACKUP = "hidden or unreadable names, links, special files"


@dataclass(frozen=True, slots=True)
class Target:
    """The file to write, and whether one that is there may be overwritten."""

    file: Path
    force: bool


def initialise(uri: str, target: Target, output: OutputFormat) -> int:
    """Look, write, and say it. Return the exit code. Raise Misuse (`file_exists`, `nothing_here`, `one_backup`, …), CannotTell
    (`nothing_recognised`), and what the source raises."""
    _refuse_target(target)
    location = _location(uri)
    equipment = equipment_for(lambda event: None)
    with interruptible():
        found = _accepted(find(location, equipment))
    if not found.workloads:
        raise _nothing(found)
    _write(text_of(found.store, found.workloads, found.aside, found.at), target)
    if output == "json":
        say_json(json.dumps(as_json(found, target.file)).encode())
    else:
        page = new_page(sys.stdout)
        describe(page, found, target.file)
        show(page)
    return exits.PASSED


def find(location: Location, equipment: Equipment) -> Found:
    """Given where to look, return the workloads whose backups lie there. Raise Misuse, and what the source raises."""
    source = equipment.open_source(location)
    listing = source.list_backups()
    store = _store(location, listing)
    inferred = infer(listing.complete)
    aside = {each.why: (list(each.names[:EXAMPLES_SHOWN]), len(each.names)) for each in inferred.unplaced}
    sets, more = inferred.named[:MOST_WORKLOADS], inferred.named[MOST_WORKLOADS:]
    _add(aside, TOO_MANY, [backup.id for each in more for backup in each.backups])
    with ThreadPoolExecutor(LANES, "looking") as lanes:
        looked = tuple(lanes.map(lambda named: look(named, source, equipment), sets))
    kept = _kept(looked, aside)
    _add(aside, UNFINISHED, [reason.message for _, reason in listing.incomplete])
    _add(aside, NO_NAME_OF_A_BACKUP, listing.unrecognised, listing.unrecognised_count)
    now = equipment.clock.now()
    unplaced = tuple(Aside(why, tuple(names), count) for why, (names, count) in aside.items())
    return Found(store, first_fleet(kept, store.base, now), unplaced, now)


def _add(aside: dict[str, tuple[list[str], int]], why: str, names: Sequence[str], count: int | None = None) -> None:
    if names:
        known, before = aside.get(why, ([], 0))
        aside[why] = ([*known, *names][:EXAMPLES_SHOWN], before + max(count or 0, len(names)))


def _kept(looked: Sequence[LookedAt], aside: dict[str, tuple[list[str], int]]) -> tuple[Looked, ...]:
    kept = []
    for each in looked:
        if each.no_backup is None:
            kept.append(each.looked)
        else:
            _add(aside, each.no_backup, [backup.id for backup in each.looked.named.backups])
    return tuple(kept)


# --- where to look ----------------------------------------------------------------------------------------------------


def _location(uri: str) -> Location:
    """Raise Misuse for what is neither a folder nor a bucket's prefix."""
    given = given_location(uri)
    # The newest backup counts though it was written a moment ago: names are looked at, not bytes.
    options = (*given.options, ("quiet_seconds", "0"))
    if given.type == "s3":
        return Location("init", "s3", given.uri, options)
    folder = path_of(given.uri)
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise Misuse("path_not_text", "the folder's path is not UTF-8, and cannot stand in a configuration", "rename it") from error
    if folder.is_file():
        raise _one_backup(uri)
    if not folder.exists():
        raise Misuse("path_not_found", f"there is nothing at {uri}", "check the path")
    return Location("init", "folder", folder.absolute().as_uri(), options)


def _store(location: Location, listing: Listing) -> Store:
    """What every location of the configuration has in common. Names are cut off what the source calls a backup's whole URI."""
    backup = next(iter(listing.complete), None)
    if location.type == "folder":
        if backup is not None and backup.is_tree and backup.uri == location.uri:
            raise _one_backup(location.uri)
        root = str(path_of(location.uri))
        return Store(root, "folder", (), "path", root if root.endswith("/") else f"{root}/")
    bucket, _, prefix = location.uri.removeprefix("s3://").partition("/")
    if any(each.uri == location.uri.rstrip("/") for each in listing.complete):
        raise _one_backup(location.uri)
    base = backup.uri.removeprefix(f"s3://{bucket}/").removesuffix(backup.id) if backup is not None else prefix
    endpoint = tuple((key, value) for key, value in location.options if key == "endpoint_url")
    return Store(location.uri, "s3", (("bucket", bucket), *endpoint), "prefix", base)


def _one_backup(uri: str) -> Misuse:
    return Misuse("one_backup", f"{uri} is one backup, not a place of backups", "name the folder above it; or prove it with verify")


def _nothing(found: Found) -> Misuse | CannotTell:
    count = sum(each.count for each in found.aside)
    if count == 0:
        return Misuse("nothing_here", f"there is nothing in {found.store.uri}: no configuration was written", "check the folder or prefix")
    why = "; ".join(f"{each.count}: {each.why}, such as {each.names[0]}" for each in found.aside[:3])
    fact = f"of {counted(count, 'name')} in {found.store.uri} none could be made a workload ({why})"
    return CannotTell("nothing_placed", fact, "name another folder or prefix, or write the configuration by hand: docs/configuration.md")


# --- writing ----------------------------------------------------------------------------------------------------------


def _refuse_target(target: Target) -> None:
    if target.file.is_dir():
        raise Misuse("file_unwritable", f"{target.file} is a folder", "name a file in it")
    folder = target.file.absolute().parent
    if not folder.is_dir():
        raise Misuse("file_unwritable", f"there is no folder {target.file.parent} to write {target.file.name} into", f"mkdir -p {folder}")
    if not target.force and os.path.lexists(target.file):
        raise Misuse("file_exists", f"{target.file} exists already", "name another with --output-file, or overwrite it with --force")


def _accepted(found: Found) -> Found:
    """Leave out what the loader refuses: a name that looks like a password."""
    if not _is_refused(found, found.workloads):
        return found
    refused = [workload for workload in found.workloads if _is_refused(found, (workload,))]
    ids = [backup.id for workload in refused for place in workload.places for backup in place.named.backups]
    aside = (*found.aside, Aside(REFUSED, tuple(ids[:EXAMPLES_SHOWN]), len(ids)))
    return replace(found, workloads=tuple(workload for workload in found.workloads if workload not in refused), aside=aside)


def _is_refused(found: Found, workloads: tuple[NewWorkload, ...]) -> bool:
    with tempfile.TemporaryDirectory(prefix="restore-tester-init-") as folder:
        file = Path(folder) / DEFAULT_FILE
        file.write_text(text_of(found.store, workloads, (), found.at), encoding="utf-8")
        return bool(workloads) and bool(examine(file, trouble_with_name).mistakes)


def _write(text: str, target: Target) -> None:
    try:
        if not target.force:
            with target.file.open("x", encoding="utf-8") as file:
                file.write(text)
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.file.absolute().parent, delete=False) as fresh:
            fresh.write(text)
        Path(fresh.name).chmod(0o644)
        Path(fresh.name).replace(target.file)
    except FileExistsError as error:
        raise Misuse("file_exists", f"{target.file} exists already", "name another with --output-file") from error
    except OSError as error:
        raise Misuse("file_unwritable", f"{target.file} cannot be written: {error.strerror}", "name another with --output-file") from error
