"""What every backup source promises: run on each implementation and on the fake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_tester.backups.folder import FolderSource
from restore_tester.backups.given import GivenSource
from restore_tester.clock import SystemClock
from restore_tester.contracts import BackupSource, Intake
from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.model import Backup, Location
from tests.fake_source import FakeSource
from tests.s3_fixtures import Place as Prefix
from tests.stores import BUCKET

DATA = bytes(range(256)) * 10_000
TREE = {"toc.dat": b"PGDMP" + b"\0" * 100, "10.dat.gz": b"ten", "9.dat.gz": b"nine", "blobs/blob_1.dat": b"large object"}


class Place:
    """A source under test, and the way to change or lose a file of its backup."""

    def __init__(self, source: BackupSource, write: Callable[[str, bytes | None], None]) -> None:
        self.source = source
        self.write = write


def _given(tmp_path: Path, files: Mapping[str, bytes], is_tree: bool) -> Place:
    root = tmp_path / "backup"
    root.mkdir()

    def write(name: str, data: bytes | None) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True) if data is None else path.write_bytes(data)

    for name, data in files.items():
        write(name, data)
    named = root if is_tree else root / next(iter(files))
    return Place(GivenSource(Location(None, "given", named.as_uri())), write)


def _fake(tmp_path: Path, files: Mapping[str, bytes], is_tree: bool) -> Place:
    source = FakeSource(files, datetime(2026, 11, 5, tzinfo=UTC), is_tree=is_tree)

    def write(name: str, data: bytes | None) -> None:
        if data is None:
            del source.files[name]
        else:
            source.files[name] = data

    return Place(source, write)


def _folder(tmp_path: Path, files: Mapping[str, bytes], is_tree: bool) -> Place:
    root = tmp_path / "backups"
    inside = root / "one" if is_tree else root
    inside.mkdir(parents=True)

    def write(name: str, data: bytes | None) -> None:
        path = inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True) if data is None else path.write_bytes(data)

    for name, data in files.items():
        write(name, data)
    return Place(FolderSource(Location("place", "folder", root.as_uri(), (("quiet_seconds", "0"),)), SystemClock()), write)


def _bucket(prefix: Prefix, files: Mapping[str, bytes], is_tree: bool, given: bool) -> Place:
    inside = "one/" if is_tree else ""

    def write(name: str, data: bytes | None) -> None:
        if data is None:
            prefix.server.client().delete_object(Bucket=BUCKET, Key=f"{prefix.prefix}{inside}{name}")
        else:
            prefix.put(inside + name, data)

    for name, data in files.items():
        write(name, data)
    if given:
        return Place(prefix.source(name=None, key="one" if is_tree else next(iter(files))), write)
    return Place(prefix.source(("quiet_seconds", "0")), write)


Make = Callable[[Mapping[str, bytes], bool], Place]


@pytest.fixture(params=["given", "fake", "folder", "s3", "s3 given"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param.startswith("s3"):
        place = request.getfixturevalue("place")
        return lambda files, is_tree: _bucket(place, files, is_tree, request.param == "s3 given")
    makers = {"given": _given, "fake": _fake, "folder": _folder}
    return lambda files, is_tree: makers[request.param](tmp_path, files, is_tree)


def only(source: BackupSource) -> Backup:
    (backup,) = source.list_backups().complete
    return backup


def intake(tmp_path: Path, counted: list[int] | None = None) -> Intake:
    folder = tmp_path / "workspace" / "backup"
    folder.mkdir(parents=True)
    return Intake(folder, counted.append if counted is not None else lambda size: None)


def test_a_file_is_listed_with_its_size_and_an_aware_time(make: Make) -> None:
    backup = only(make({"a.dump": DATA}, False).source)
    assert (backup.size_bytes, backup.is_tree, [part.name for part in backup.parts]) == (len(DATA), False, ["a.dump"])
    assert backup.stored_at is not None
    assert backup.stored_at.utcoffset() is not None


def test_a_folder_is_listed_with_all_its_parts(make: Make) -> None:
    backup = only(make(TREE, True).source)
    assert sorted((part.name, part.size_bytes) for part in backup.parts) == sorted((name, len(data)) for name, data in TREE.items())
    assert backup.size_bytes == sum(map(len, TREE.values()))


def test_two_listings_of_what_did_not_change_are_equal(make: Make) -> None:
    source = make(TREE, True).source
    assert source.list_backups() == source.list_backups()


def test_a_peek_returns_both_ends_and_no_more(make: Make) -> None:
    source = make({"a.dump": DATA}, False).source
    ends = source.peek(only(source), 10, 20)
    assert (ends.first, ends.last, ends.size_bytes, ends.is_tree) == (DATA[:10], DATA[-20:], len(DATA), False)


def test_a_peek_of_a_small_file_returns_the_whole_of_it_twice(make: Make) -> None:
    source = make({"a.dump": b"small"}, False).source
    ends = source.peek(only(source), 1000, 1000)
    assert (ends.first, ends.last) == (b"small", b"small")


def test_a_peek_at_a_folder_shows_its_contents_and_its_parts(make: Make) -> None:
    source = make(TREE, True).source
    ends = source.peek(only(source), 5, 5)
    assert (ends.first, ends.is_tree, len(ends.parts)) == (b"PGDMP", True, 4)


def test_a_fetched_file_is_the_same_and_summed_and_counted(make: Make, tmp_path: Path) -> None:
    source, counted = make({"a.dump": DATA}, False).source, []
    fetched = source.fetch(only(source), intake(tmp_path, counted))
    assert (tmp_path / "workspace" / fetched.path).read_bytes() == DATA
    assert (fetched.size_bytes, fetched.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert sum(counted) == len(DATA)
    assert len(counted) > 1


def test_a_fetched_folder_has_every_part_and_the_sum_of_its_sorted_lines(make: Make, tmp_path: Path) -> None:
    source = make(TREE, True).source
    fetched = source.fetch(only(source), intake(tmp_path))
    lines = sorted(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in TREE.items())
    assert fetched.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert {name: (tmp_path / "workspace" / fetched.path / name).read_bytes() for name in TREE} == TREE


def test_a_backup_that_went_away_is_gone(make: Make, tmp_path: Path) -> None:
    place = make({"a.dump": DATA}, False)
    backup = only(place.source)
    place.write("a.dump", None)
    with pytest.raises(BackupUnusable) as caught:
        place.source.fetch(backup, intake(tmp_path))
    assert caught.value.reason.code == "backup_gone"


def test_a_backup_that_is_not_what_was_listed_is_not_returned(make: Make, tmp_path: Path) -> None:
    place = make({"a.dump": DATA}, False)
    backup = only(place.source)
    place.write("a.dump", DATA + b"more")
    with pytest.raises(CannotTell) as caught:
        place.source.fetch(backup, intake(tmp_path))
    assert caught.value.reason.code == "changed_while_read"


def test_a_source_says_who_reads_it(make: Make) -> None:
    assert "@" in make({"a.dump": DATA}, False).source.identity
