"""A folder of backups, in all the ways a folder can be odd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from restore_tester.backups.folder import FolderSource
from restore_tester.clock import SystemClock
from restore_tester.contracts import Intake, Listing
from restore_tester.errors import CannotTell, SourceUnreachable
from restore_tester.model import Location

DAILY = ("name", "orders-{taken_at:%Y%m%d}.dump")


def source(root: Path, *options: tuple[str, str]) -> FolderSource:
    return FolderSource(Location("place", "folder", root.as_uri(), (("quiet_seconds", "0"), *options)), SystemClock())


def listing(root: Path, *options: tuple[str, str]) -> Listing:
    return source(root, *options).list_backups()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "orders-20261104.dump").write_bytes(b"four")
    return tmp_path / "b"


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable) as caught:
        listing(tmp_path / "absent")
    assert caught.value.reason.code == "location_absent"


def test_an_empty_folder_is_an_empty_listing(tmp_path: Path) -> None:
    assert listing(tmp_path) == Listing(())


def test_backups_lie_at_any_depth(root: Path) -> None:
    deep = root.joinpath(*(["d"] * 200))
    folder = root
    for name in deep.relative_to(root).parts:
        folder = folder / name
        folder.mkdir()
    (folder / "x.dump").write_bytes(b"x")
    assert "x.dump" in {backup.id.rpartition("/")[2] for backup in listing(root).complete}


def test_a_name_is_read_in_the_locations_zone(root: Path) -> None:
    (backup,) = listing(root, DAILY, ("timezone", "Europe/Berlin")).complete
    assert backup.taken_at is not None
    assert f"{backup.taken_at:%Y-%m-%dT%H:%M%z}" == "2026-11-03T23:00+0000"


def test_a_link_out_of_the_folder_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not a backup")
    (root / "orders-20261105.dump").symlink_to(tmp_path / "secret")
    found = listing(root, DAILY)
    assert [backup.id for backup in found.complete] == ["orders-20261104.dump"]
    assert [(backup.id, reason.code) for backup, reason in found.incomplete] == [("orders-20261105.dump", "link_leaves_location")]


def test_a_link_to_another_backup_is_no_backup_of_its_own(root: Path) -> None:
    (root / "latest.dump").symlink_to("orders-20261104.dump")
    assert [backup.id for backup in listing(root).complete] == ["orders-20261104.dump"]


def test_links_that_lead_nowhere_or_in_circles_are_named(root: Path) -> None:
    (root / "nowhere").symlink_to("absent")
    (root / "circle").symlink_to("circle")
    (root / "up").symlink_to(".")
    assert set(listing(root).unrecognised) == {"nowhere", "circle", "up"}


def test_names_that_are_no_text_and_special_files_are_not_recognised(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.dump")).write_bytes(b"x")
    os.mkfifo(root / "pipe")
    assert set(listing(root).unrecognised) == {"\\xff.dump", "pipe"}


def test_an_odd_name_is_fetched_as_it_is(root: Path, tmp_path: Path) -> None:
    (root / "a b%20#?ü\n.dump").write_bytes(b"odd")
    backup = next(backup for backup in listing(root).complete if backup.id.startswith("a b"))
    folder = tmp_path / "w" / "backup"
    folder.mkdir(parents=True)
    fetched = source(root).fetch(backup, Intake(folder, lambda size: None))
    assert (folder.parent / fetched.path).read_bytes() == b"odd"


def test_a_file_put_in_the_place_of_the_listed_one_is_not_returned(root: Path, tmp_path: Path) -> None:
    (backup,) = listing(root).complete
    (tmp_path / "other").write_bytes(b"five")
    (tmp_path / "other").rename(root / backup.id)
    with pytest.raises(CannotTell) as caught:
        source(root).peek(backup, 10, 10)
    assert caught.value.reason.code == "changed_while_read"


LIST_AS_NOBODY = """
import os, sys
from restore_tester.backups.folder import FolderSource
from restore_tester.clock import SystemClock
from restore_tester.errors import SourceUnreachable
from restore_tester.model import Location
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
source = FolderSource(Location("place", "folder", sys.argv[1]), SystemClock())
try:
    source.list_backups()
except SourceUnreachable as error:
    print(error.reason.code, source.identity in error.reason.message)
"""


def test_a_folder_below_that_may_not_be_read_fails_the_whole_listing(root: Path) -> None:
    """Root may look everywhere, so as root the reader is nobody."""
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        moved = shutil.copytree(root, Path(public) / "b", ignore=shutil.ignore_patterns("closed"))
        (Path(moved) / "closed").mkdir(mode=0)
        argv = [sys.executable, "-c", LIST_AS_NOBODY, Path(moved).as_uri()]
        said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[2]).stdout.split()
    assert said == ["access_denied", "True"]


def test_a_sum_beside_a_backup_is_what_was_promised(root: Path, tmp_path: Path) -> None:
    (root / "orders-20261104.dump.sha256").write_text("0" * 64 + "  orders-20261104.dump\n")
    (backup,) = listing(root).complete
    folder = tmp_path / "backup"
    folder.mkdir()
    assert source(root).fetch(backup, Intake(folder, lambda size: None)).sidecar_sha256 == "0" * 64
