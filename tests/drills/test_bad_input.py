"""Bad input, through the whole tool: each ends with its verdict, its reason, one sentence and a hint, and leaves nothing behind."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drills.tool import Said, Tool, short_folder

Dump = Callable[..., Path]
PASSED, FAILED, MISUSE, INCONCLUSIVE = 0, 1, 2, 3


def assert_said(said: Said, code: int, reason: str) -> None:
    """The exit code, the reason's code among the reasons, one sentence and a hint each, and nothing left behind."""
    assert (said.code, reason in said.reasons) == (code, True), (said.code, said.record.get("reasons", said.record))
    for told in said.record.get("reasons") or [said.record["error"]]:
        assert told["message"]
        assert "error" in said.record or "\n" not in told["message"]
        assert told["hint"]
    assert said.left == ()


def written(folder: Path, content: bytes, name: str = "backup.dump") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>", "html_page"),
        (random.Random(7).randbytes(300_000), "encrypted_or_random"),
        (b"this is a letter to my mother\n" * 50, "unrecognised"),
        (bytes(100_000), "unrecognised"),
    ],
    ids=["zero bytes", "an HTML error page", "random bytes", "a letter", "zeros"],
)
def test_what_is_no_backup_fails(tool: Tool, tmp_path: Path, content: bytes, reason: str) -> None:
    said = tool.verify(written(tmp_path, content))
    assert_said(said, FAILED, reason)


def test_random_bytes_are_said_to_look_encrypted(tool: Tool, tmp_path: Path) -> None:
    said = tool.verify(written(tmp_path, random.Random(3).randbytes(100_000)))
    assert "encrypted" in said.record["reasons"][0]["message"]


@pytest.mark.parametrize("keep", [3, 40, 900, 0.3, 0.7, -1], ids=lambda keep: f"keep {keep}")
def test_a_custom_dump_that_is_cut_fails(tool: Tool, tmp_path: Path, app_dump: Dump, keep: float) -> None:
    content = app_dump("custom").read_bytes()
    cut = content[: int(keep if keep < 0 or keep > 1 else len(content) * keep)]
    said = tool.verify(written(tmp_path, cut))
    assert (said.code, said.verdict, said.left) == (FAILED, "failed", ())


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_a_tar_dump_that_is_cut_fails(tool: Tool, tmp_path: Path, app_dump: Dump, keep: float) -> None:
    content = app_dump("tar").read_bytes()
    said = tool.verify(written(tmp_path, content[: int(len(content) * keep)]))
    assert (said.code, said.verdict, said.left) == (FAILED, "failed", ())


def row_boundary(content: bytes) -> int:
    return content.index(b"\n", content.index(b"COPY public.orders") + 20_000) + 1


def after_end_of_data(content: bytes) -> int:
    return content.index(b"\n\\.\n", content.index(b"COPY public.orders")) + 4


def within_a_row(content: bytes) -> int:
    return row_boundary(content) + 5


@pytest.mark.parametrize("boundary", [row_boundary, after_end_of_data, within_a_row])
@pytest.mark.parametrize("compressed", [bytes, gzip.compress], ids=["plain", "compressed again by the pipe"])
def test_a_plain_dump_that_is_cut_fails_before_anything_is_restored(
    tool: Tool, tmp_path: Path, app_dump: Dump, boundary: Callable[[bytes], int], compressed: Callable[[bytes], bytes]
) -> None:
    content = app_dump("plain").read_bytes()
    said = tool.verify(written(tmp_path, compressed(content[: boundary(content)])))
    assert_said(said, FAILED, "trailer_missing")
    assert "restore" not in [stage["name"] for stage in said.record["stages"]]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_compressed_stream_that_is_cut_fails(tool: Tool, tmp_path: Path, app_dump: Dump, pack: Callable[[bytes], bytes]) -> None:
    content = pack(app_dump("plain").read_bytes())
    said = tool.verify(written(tmp_path, content[: len(content) // 2]))
    assert_said(said, FAILED, "compression_truncated")


@pytest.mark.parametrize("where", [0.4, 0.6, 0.8])
def test_flipped_bits_in_compressed_blocks_fail(tool: Tool, tmp_path: Path, app_dump: Dump, where: float) -> None:
    content = bytearray(app_dump("custom").read_bytes())
    content[int(len(content) * where)] ^= 0x10
    said = tool.verify(written(tmp_path, bytes(content)))
    assert (said.code, said.verdict, said.left) == (FAILED, "failed", ())


def test_zeroed_blocks_fail(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    content = bytearray(app_dump("custom").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = bytes(4096)
    assert_said(tool.verify(written(tmp_path, bytes(content))), FAILED, "archive_damaged")


def test_a_sum_beside_the_backup_that_differs_fails_it(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    backup = Path(shutil.copy(app_dump("custom"), tmp_path / "orders.dump"))
    backup.with_name("orders.dump.sha256").write_text(f"{hashlib.sha256(b'another').hexdigest()}  orders.dump\n")
    assert_said(tool.verify(backup), FAILED, "checksum_mismatch")


def test_a_sum_beside_the_backup_that_agrees_is_used_without_asking(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    backup = Path(shutil.copy(app_dump("custom"), tmp_path / "orders.dump"))
    sum_of_it = hashlib.sha256(backup.read_bytes()).hexdigest()
    backup.with_name("orders.dump.sha256").write_text(f"{sum_of_it}  orders.dump\n")
    said = tool.verify(backup)
    assert (said.code, said.record["backup"]["sha256"], said.left) == (PASSED, sum_of_it, ())


def test_a_wrong_extension_changes_nothing(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    said = tool.verify(shutil.copy(app_dump("custom"), tmp_path / "holiday.jpg.gz"))
    assert (said.code, said.record["backup"]["format"], said.left) == (PASSED, "pg_dump-custom", ())


def test_a_dump_that_was_compressed_twice_is_restored_and_said(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    said = tool.verify(written(tmp_path, gzip.compress(gzip.compress(app_dump("plain").read_bytes())), "orders.sql.gz"))
    assert (said.code, "compressed_twice" in said.warnings, said.left) == (PASSED, True, ())


def test_a_dump_newer_than_any_server_here_is_inconclusive(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    content = app_dump("plain").read_bytes().replace(b"Dumped from database version 1", b"Dumped from database version 9", 1)
    assert_said(tool.verify(written(tmp_path, content)), INCONCLUSIVE, "server_too_old")


def test_an_archive_format_newer_than_any_server_here_is_inconclusive(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    content = bytearray(app_dump("custom").read_bytes())
    content[6] = 17
    assert_said(tool.verify(written(tmp_path, bytes(content))), INCONCLUSIVE, "server_too_old")


def test_a_directory_with_a_file_missing_fails(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    backup = Path(shutil.copytree(app_dump("directory"), tmp_path / "orders"))
    next(backup.glob("[0-9]*.dat.gz")).unlink()
    assert_said(tool.verify(backup), FAILED, "directory_incomplete")


def test_a_directory_with_an_emptied_table_fails(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    backup = Path(shutil.copytree(app_dump("directory"), tmp_path / "orders"))
    biggest = max(backup.glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    biggest.write_bytes(gzip.compress(b""))
    said = tool.verify(backup)
    assert (said.code, said.verdict, said.left) == (FAILED, "failed", ())


def test_a_gzip_bomb_is_bounded(tool: Tool, tmp_path: Path) -> None:
    member = gzip.compress(bytes(64 << 20), 9)
    assert_said(tool.verify(written(tmp_path, member * 40, "orders.sql.gz")), INCONCLUSIVE, "decompression_limit")


def test_a_bomb_that_begins_as_a_dump_is_bounded(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    start = app_dump("plain").read_bytes()[:5000]
    bomb = gzip.compress(start) + gzip.compress(b"\n" * (64 << 20), 9) * 40
    assert_said(tool.verify(written(tmp_path, bomb, "orders.sql.gz")), INCONCLUSIVE, "decompression_limit")


def test_a_path_that_is_not_there_is_misuse(tool: Tool, tmp_path: Path) -> None:
    assert_said(tool.verify(tmp_path / "nowhere.dump"), MISUSE, "path_not_found")


def test_a_folder_that_is_no_single_backup_is_misuse(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    shutil.copy(app_dump("custom"), tmp_path / "a.dump")
    shutil.copy(app_dump("plain"), tmp_path / "b.sql")
    assert_said(tool.verify(tmp_path), MISUSE, "not_one_backup")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-- about: x\n-- severity: gating\n-- expect: no_rows\n-- timeot: 5s\nselect 1", "check_invalid"),
        ("-- about: x\n-- severity: gating\n-- expect: no_rows\nselect 1", "check_invalid"),
    ],
    ids=["a misspelt key", "a missing key"],
)
def test_a_check_with_a_bad_header_is_misuse(tool: Tool, tmp_path: Path, app_dump: Dump, text: str, reason: str) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "mine.sql").write_text(text)
    assert_said(tool.verify(app_dump("custom"), "--checks", tmp_path / "checks"), MISUSE, reason)


def test_a_python_check_of_ones_own_is_misuse(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    header = "# about: x\n# severity: gating\n# expect: no_rows\n# timeout: 5s\n"
    (tmp_path / "mine.py").write_text(f"{header}def find_problems(restored):\n    yield 'x'\n")
    assert_said(tool.verify(app_dump("custom"), "--checks", tmp_path), MISUSE, "python_check_not_allowed")


def test_a_gating_check_that_cannot_be_asked_is_inconclusive(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    (tmp_path / "mine.sql").write_text(
        "-- about: Asks a table that never was.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 5s\nselect 1 from public.never_was\n"
    )
    assert_said(tool.verify(app_dump("custom"), "--checks", tmp_path), INCONCLUSIVE, "check_errored")


def test_a_gating_check_of_ones_own_that_finds_rows_fails(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    (tmp_path / "mine.sql").write_text(
        "-- about: Nobody is called User 7.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 5s\n"
        "select name as object from public.customers where name = 'User 7'\n"
    )
    assert_said(tool.verify(app_dump("custom"), "--checks", tmp_path), FAILED, "check_failed")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 12 MB: no data directory fits in."""
    with short_folder() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", folder], check=True, timeout=10)
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True, timeout=10)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a small file system, which only root can mount")
def test_a_full_disk_is_our_fault(tool: Tool, app_dump: Dump, small_disk: Path) -> None:
    said = tool.verify(app_dump("custom"), environment={"TMPDIR": str(small_disk)})
    assert_said(said, INCONCLUSIVE, "disk_full")
    assert list(small_disk.iterdir()) == []
