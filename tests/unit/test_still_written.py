"""A file that somebody still writes is no backup; one that nobody writes any more is, at once. Real writers, real leases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from restore_tester.backups.folder import FolderSource
from restore_tester.backups.inventory import Inventory
from restore_tester.backups.recognition import Seen, rules_of
from restore_tester.backups.writers import is_being_written
from restore_tester.clock import SystemClock
from restore_tester.contracts import Intake, Listing
from restore_tester.errors import CannotTell
from restore_tester.judgement.selection import newest_of
from restore_tester.model import Location
from tests.producers import SourceServer

HOLD = "import sys; file = open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def held_open(path: Path, mode: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process hold the file open until the block ends."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(10)


def look(root: Path, *options: tuple[str, str]) -> Listing:
    return FolderSource(Location("place", "folder", root.as_uri(), options), SystemClock()).list_backups()


def ids(listing: Listing) -> list[str]:
    return [backup.id for backup in listing.complete]


def test_a_file_that_was_closed_a_moment_ago_is_a_backup(tmp_path: Path) -> None:
    (tmp_path / "orders.dump").write_bytes(b"done")
    assert ids(look(tmp_path)) == ["orders.dump"]


def test_a_file_that_a_process_has_open_for_writing_is_none(tmp_path: Path) -> None:
    with held_open(tmp_path / "orders.dump", "ab"):
        listing = look(tmp_path)
    assert [(backup.id, reason.code) for backup, reason in listing.incomplete] == [("orders.dump", "still_growing")]
    assert "open for writing" in listing.incomplete[0][1].message
    assert ids(look(tmp_path)) == ["orders.dump"]


def test_a_reader_does_not_hold_a_backup_up(tmp_path: Path) -> None:
    (tmp_path / "orders.dump").write_bytes(b"done")
    with held_open(tmp_path / "orders.dump", "rb"):
        assert ids(look(tmp_path)) == ["orders.dump"]


def test_a_file_that_lies_about_its_time_is_seen_through_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "orders.dump"
    with held_open(path, "ab"):
        os.utime(path, (time.time() + 600, time.time() + 600))
        assert ids(look(tmp_path)) == []
    assert ids(look(tmp_path)) == ["orders.dump"]


def test_asking_ends_neither_the_asker_nor_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "orders.dump"
    path.write_bytes(b"x")
    code = f"for n in range(3000): open({str(path)!r}, 'ab').close()"
    with subprocess.Popen([sys.executable, "-c", code]) as writer:
        found = set()
        while writer.poll() is None:
            found.add(is_being_written(path))
    assert writer.returncode == 0
    assert found <= {True, False}
    assert is_being_written(path) is False


def test_of_a_file_of_another_user_nothing_is_known(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.dump"
        path.write_bytes(b"x")
        path.chmod(0o644)
        Path(folder).chmod(0o755)
        assert (is_being_written(path), _asked_by_nobody(path)) == (False, "None")


def _asked_by_nobody(path: Path) -> str:
    code = f"import os; os.setgid(65534); os.setuid(65534); print(is_being_written(Path({str(path)!r})))"
    imports = "from pathlib import Path; from restore_tester.backups.writers import is_being_written; "
    done = subprocess.run([sys.executable, "-c", imports + code], capture_output=True, text=True, timeout=60, check=True, cwd=Path.cwd())
    return done.stdout.strip()


def test_where_nothing_is_known_a_fresh_file_waits_its_quiet_minute() -> None:
    now = SystemClock().now()
    inventory = Inventory(rules_of(Location("place", "folder", "file:///"), objects_appear_whole=False), now, str)
    inventory.add(Seen("orders.dump", 1, now, "p"))
    assert [reason.code for _, reason in inventory.listing().incomplete] == ["still_growing"]


def test_a_quiet_time_that_somebody_chose_is_kept(tmp_path: Path) -> None:
    (tmp_path / "orders.dump").write_bytes(b"x")
    (reason,) = [reason for _, reason in look(tmp_path, ("quiet_seconds", "600")).incomplete]
    assert (reason.code, "600 s" in reason.hint) == ("still_growing", True)


def test_a_folder_is_a_backup_three_seconds_after_its_last_file_was_closed(tmp_path: Path) -> None:
    dump = tmp_path / "set"
    dump.mkdir()
    (dump / "toc.dat").write_bytes(b"PGDMP")
    assert ids(look(tmp_path)) == ["set"]
    assert time.time() - (dump / "toc.dat").stat().st_mtime >= 3


def test_a_folder_with_one_file_open_is_none_however_old_that_file_is(tmp_path: Path) -> None:
    dump = tmp_path / "set"
    dump.mkdir()
    (dump / "toc.dat").write_bytes(b"PGDMP")
    with held_open(dump / "1.dat", "ab"):
        os.utime(dump / "1.dat", (1e9, 1e9))
        os.utime(dump / "toc.dat", (time.time() - 10, time.time() - 10))
        assert ids(look(tmp_path)) == []
    assert ids(look(tmp_path)) == ["set"]


@pytest.fixture(scope="module")
def large_database(source: SourceServer) -> str:
    """One that takes pg_dump long enough to be met at work."""
    return source.make_database("slow", "CREATE TABLE lines AS SELECT repeat('x', 1000) AS line FROM generate_series(1, 60000)")


@pytest.mark.parametrize("stalled_seconds", [0, 3.2])
def test_a_dump_under_way_is_no_backup_and_one_that_ended_is(
    tmp_path: Path, source: SourceServer, large_database: str, stalled_seconds: float
) -> None:
    target = tmp_path / "orders-20261105"
    argv = [str(source.bin_folder / "pg_dump"), "-Fd", "-Z0", "-f", str(target), "-d", large_database]
    with subprocess.Popen(argv, env=source.environment) as dump:
        while not [path for path in target.glob("[0-9]*.dat") if path.stat().st_size]:
            assert dump.poll() is None
        dump.send_signal(signal.SIGSTOP)
        time.sleep(stalled_seconds)
        listing = look(tmp_path)
        dump.send_signal(signal.SIGCONT)
    assert dump.returncode == 0
    assert [(backup.id, reason.code) for backup, reason in listing.incomplete] == [("orders-20261105", "still_growing")]
    assert ids(look(tmp_path)) == ["orders-20261105"]


# --- stamps -----------------------------------------------------------------------------------------------------------


def test_a_name_of_the_far_future_is_not_the_newest_for_ever(tmp_path: Path) -> None:
    for name, age in (("orders-20991231.dump", 86400), ("orders-20261120.dump", 3600)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    listing = look(tmp_path, ("name", "orders-{taken_at:%Y%m%d}.dump"))
    by_id = {backup.id: backup for backup in listing.complete}
    lying = by_id["orders-20991231.dump"]
    assert [reason.code for reason in lying.warnings] == ["taken_in_future"]
    assert lying.taken_at is not None
    assert lying.taken_at <= SystemClock().now()
    newest = newest_of(listing.complete)
    assert newest is not None
    assert newest.warnings == () or newest.taken_at_basis == "object_time"


# --- what is no file --------------------------------------------------------------------------------------------------


def test_a_pipe_in_the_place_of_a_listed_file_is_not_waited_on(tmp_path: Path) -> None:
    path = tmp_path / "there" / "orders.dump"
    path.parent.mkdir()
    path.write_bytes(b"x")
    source = FolderSource(Location("place", "folder", path.parent.as_uri()), SystemClock())
    (backup,) = source.list_backups().complete
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CannotTell) as caught:
        source.fetch(backup, Intake(tmp_path, lambda size: None))
    assert caught.value.reason.code == "changed_while_read"
    with pytest.raises(CannotTell):
        source.peek(backup, 10, 10)


def test_a_pipe_in_the_place_of_a_sum_is_not_waited_on(tmp_path: Path) -> None:
    (tmp_path / "orders.dump").write_bytes(b"x")
    os.mkfifo(tmp_path / "orders.dump.sha256")
    source = FolderSource(Location("place", "folder", tmp_path.as_uri()), SystemClock())
    with pytest.raises(CannotTell) as caught:
        source.fetch(source.list_backups().complete[0], Intake(tmp_path / "into", lambda size: None))
    assert caught.value.reason.code == "sidecar_unreadable"
