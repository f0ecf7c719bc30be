"""A path on the command line, in all the ways a path can be wrong."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from restore_tester.backups.given import GivenSource
from restore_tester.contracts import Intake
from restore_tester.errors import CannotTell, Misuse, SandboxFault, SourceUnreachable
from restore_tester.model import Backup, Fetched, Location, from_json, to_json


def source_of(path: Path) -> GivenSource:
    return GivenSource(Location(None, "given", path.absolute().as_uri()))


def listed(path: Path) -> Backup:
    return source_of(path).list_backups().complete[0]


def fetch(path: Path, tmp_path: Path) -> Fetched:
    folder = tmp_path / "into"
    folder.mkdir(exist_ok=True)
    source = source_of(path)
    return source.fetch(source.list_backups().complete[0], Intake(folder, lambda size: None))


def test_an_absent_path_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse) as caught:
        listed(tmp_path / "nothing.dump")
    assert caught.value.reason.code == "path_not_found"


def test_a_link_to_a_backup_is_the_backup(tmp_path: Path) -> None:
    (tmp_path / "real.dump").write_bytes(b"data")
    (tmp_path / "latest.dump").symlink_to("real.dump")
    assert listed(tmp_path / "latest.dump").id == "latest.dump"
    assert fetch(tmp_path / "latest.dump", tmp_path).size_bytes == 4


def test_a_dangling_link_is_an_absent_path(tmp_path: Path) -> None:
    (tmp_path / "latest.dump").symlink_to("gone.dump")
    with pytest.raises(Misuse):
        listed(tmp_path / "latest.dump")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Misuse) as caught:
        listed(tmp_path / "pipe")
    assert caught.value.reason.code == "not_a_file"
    assert "pipe" in caught.value.reason.message


def test_a_device_is_refused() -> None:
    with pytest.raises(Misuse):
        listed(Path("/dev/zero"))


def test_a_socket_in_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(SourceUnreachable) as caught:
            listed(tmp_path)
    assert caught.value.reason.code == "special_file"


def test_a_link_inside_a_folder_that_stays_inside_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "toc.dat").write_bytes(b"contents")
    (folder / "1.dat").symlink_to("toc.dat")
    fetched = fetch(folder, tmp_path)
    assert (tmp_path / fetched.path / "1.dat").read_bytes() == b"contents"
    assert not (tmp_path / fetched.path / "1.dat").is_symlink()


@pytest.mark.parametrize(
    ("target", "code"), [("/etc/passwd", "link_leaves_backup"), ("../secret", "link_leaves_backup"), ("gone", "broken_link")]
)
def test_a_link_that_leaves_the_folder_or_leads_nowhere_is_not_followed(tmp_path: Path, target: str, code: str) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "1.dat").symlink_to(target)
    with pytest.raises(SourceUnreachable) as caught:
        listed(folder)
    assert caught.value.reason.code == code


def test_a_link_to_a_folder_is_not_walked_into(tmp_path: Path) -> None:
    (tmp_path / "backup" / "real").mkdir(parents=True)
    (tmp_path / "backup" / "again").symlink_to("real")
    with pytest.raises(SourceUnreachable):
        listed(tmp_path / "backup")


READ_AS_NOBODY = """
import os, sys
from restore_tester.backups.given import GivenSource
from restore_tester.errors import SourceUnreachable
from restore_tester.model import Location
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
source = GivenSource(Location(None, "given", sys.argv[1]))
try:
    source.peek(source.list_backups().complete[0], 10, 10)
except SourceUnreachable as error:
    print(error.reason.code, error.reason.message.startswith(f"{source.identity} may not read"), source.identity)
"""


def test_a_reader_without_the_right_to_read_is_named(tmp_path: Path) -> None:
    """Root may read everything, so as root the reader is nobody."""
    (tmp_path / "a.dump").write_bytes(b"data")
    (tmp_path / "a.dump").chmod(0)
    argv = [sys.executable, "-c", READ_AS_NOBODY, str(tmp_path / "a.dump")]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[2]).stdout.split()
    assert said[:2] == ["access_denied", "True"]
    assert not said[2].startswith("root@")


def test_a_name_that_is_not_utf8_still_makes_a_record(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.dump"))
    path.write_bytes(b"data")
    backup = listed(path)
    assert from_json(Backup, to_json(backup)) == backup
    assert backup.id == "caf\\xe9.dump"
    assert fetch(path, tmp_path).size_bytes == 4


def test_a_hostile_name_comes_through_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[31m%20<b>[red].dump"
    path.write_bytes(b"data")
    assert json.loads(to_json(listed(path)))["id"] == path.name
    assert fetch(path, tmp_path).size_bytes == 4


def test_a_file_that_grows_while_it_is_read_is_not_returned(tmp_path: Path) -> None:
    path = tmp_path / "a.dump"
    path.write_bytes(b"x" * (3 << 20))
    (tmp_path / "into").mkdir()

    def grow(size: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    source = source_of(path)
    with pytest.raises(CannotTell) as caught:
        source.fetch(source.list_backups().complete[0], Intake(tmp_path / "into", grow))
    assert caught.value.reason.code == "changed_while_read"


def test_a_file_that_was_only_touched_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.dump"
    path.write_bytes(b"x" * 100)
    (tmp_path / "into").mkdir()
    source = source_of(path)
    backup = source.list_backups().complete[0]
    os.utime(path, (1, 1))
    assert source.fetch(backup, Intake(tmp_path / "into", lambda size: None)).size_bytes == 100


def test_a_full_disk_is_the_sandboxes_fault(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"x" * 100)
    (tmp_path / "into").mkdir()
    source = source_of(tmp_path / "a.dump")
    backup = source.list_backups().complete[0]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # no file may be larger: the nearest to a full disk
    try:
        with pytest.raises(SandboxFault) as caught:
            source.fetch(backup, Intake(tmp_path / "into", lambda size: None))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.reason.code == "disk_full"


def test_a_compressed_table_of_contents_is_found(tmp_path: Path) -> None:
    (tmp_path / "toc.dat.gz").write_bytes(b"\x1f\x8b compressed")
    (tmp_path / "1.dat").write_bytes(b"data")
    source = source_of(tmp_path)
    assert source.peek(source.list_backups().complete[0], 2, 2).first == b"\x1f\x8b"


def test_a_folder_without_a_table_of_contents_has_empty_ends(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_bytes(b"hello")
    source = source_of(tmp_path)
    ends = source.peek(source.list_backups().complete[0], 10, 10)
    assert (ends.first, ends.last, len(ends.parts)) == (b"", b"", 1)


def test_fetching_lets_other_threads_run(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(os.urandom(8 << 20))
    (tmp_path / "into").mkdir()
    source, seen = source_of(tmp_path / "a.dump"), []
    backup = source.list_backups().complete[0]
    thread = threading.Thread(target=lambda: seen.append(source.fetch(backup, Intake(tmp_path / "into", lambda size: None))))
    thread.start()
    thread.join()
    assert seen[0].size_bytes == 8 << 20
