"""The sum beside a backup, in the forms that producers write."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from restore_tester.backups.given import GivenSource
from restore_tester.contracts import Intake
from restore_tester.errors import CannotTell
from restore_tester.model import Fetched, Location

SUM = hashlib.sha256(b"data").hexdigest()
OTHER = "00" * 32


def fetch(path: Path, tmp_path: Path) -> Fetched:
    (tmp_path / "into").mkdir()
    source = GivenSource(Location(None, "given", str(path)))
    return source.fetch(source.list_backups().complete[0], Intake(tmp_path / "into", lambda size: None))


def a_file(tmp_path: Path, sidecar: str | bytes | None) -> Path:
    path = tmp_path / "a.dump"
    path.write_bytes(b"data")
    if sidecar is not None:
        (tmp_path / "a.dump.sha256").write_bytes(sidecar if isinstance(sidecar, bytes) else sidecar.encode())
    return path


def a_tree(tmp_path: Path) -> Path:
    folder = tmp_path / "a.dir"
    folder.mkdir()
    for name in ("toc.dat", "2.dat", "b\\n.dat"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    "text",
    [
        SUM,
        f"{SUM}\n",
        f"{SUM.upper()}\r\n",
        f"\ufeff{SUM}\n",
        f"{SUM}  a.dump\n",
        f"{SUM} *a.dump\n",
        f"{SUM}  /backups/2026/a.dump\n",
        f"{SUM}  renamed-since.dump\n",
        f"SHA256 (a.dump) = {SUM}\n",
        f"{OTHER}  b.dump\n{SUM}  a.dump\n",
    ],
)
def test_every_usual_form_is_read(tmp_path: Path, text: str) -> None:
    assert fetch(a_file(tmp_path, text), tmp_path).sidecar_sha256 == SUM


def test_without_a_sidecar_nothing_is_promised(tmp_path: Path) -> None:
    assert fetch(a_file(tmp_path, None), tmp_path).sidecar_sha256 is None


def test_a_sum_that_does_not_match_is_handed_on(tmp_path: Path) -> None:
    fetched = fetch(a_file(tmp_path, OTHER), tmp_path)
    assert (fetched.sha256, fetched.sidecar_sha256) == (SUM, OTHER)


@pytest.mark.parametrize(
    "text", ["", "\n", "not a sum", SUM[:-1], f"{SUM}0", f"{SUM}  b.dump\n{OTHER}  c.dump\n", b"\xff\xfe\0\0", "md5: 123"]
)
def test_one_that_says_nothing_is_said_loudly(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(CannotTell) as caught:
        fetch(a_file(tmp_path, text), tmp_path)
    assert caught.value.reason.code == "sidecar_unreadable"


def test_a_folder_in_the_sidecars_place_is_said_loudly(tmp_path: Path) -> None:
    path = a_file(tmp_path, None)
    (tmp_path / "a.dump.sha256").mkdir()
    with pytest.raises(CannotTell):
        fetch(path, tmp_path)


def test_the_sidecar_of_a_links_target_counts(tmp_path: Path) -> None:
    a_file(tmp_path, SUM)
    (tmp_path / "latest.dump").symlink_to("a.dump")
    assert fetch(tmp_path / "latest.dump", tmp_path).sidecar_sha256 == SUM


@pytest.mark.parametrize(
    "command",
    ["cd a.dir && find . -type f | xargs -d '\\n' sha256sum", "find a.dir -type f | xargs -d '\\n' sha256sum", "cd a.dir && sha256sum *"],
)
def test_a_list_that_sha256sum_wrote_of_a_folder_matches_it(tmp_path: Path, command: str) -> None:
    folder = a_tree(tmp_path)
    subprocess.run(["sh", "-c", f"({command}) > {tmp_path}/a.dir.sha256"], check=True, cwd=tmp_path, timeout=60)
    fetched = fetch(folder, tmp_path)
    assert fetched.sidecar_sha256 == fetched.sha256


def test_the_sum_of_a_folder_is_what_sort_and_sha256sum_say(tmp_path: Path) -> None:
    folder = a_tree(tmp_path)
    told = subprocess.run(
        ["sh", "-c", "sha256sum * | LC_ALL=C sort | sha256sum"], check=True, cwd=folder, timeout=60, capture_output=True, text=True
    ).stdout.split()[0]
    (tmp_path / "a.dir.sha256").write_text(f"{told}  a.dir\n")
    fetched = fetch(folder, tmp_path)
    assert fetched.sha256 == fetched.sidecar_sha256 == told


def test_a_listed_file_that_is_missing_breaks_the_promise(tmp_path: Path) -> None:
    folder = a_tree(tmp_path)
    subprocess.run(["sh", "-c", f"sha256sum * > {tmp_path}/a.dir.sha256"], check=True, cwd=folder, timeout=60)
    (folder / "2.dat").unlink()
    fetched = fetch(folder, tmp_path)
    assert fetched.sidecar_sha256 not in (None, fetched.sha256)


def test_a_file_that_the_list_does_not_name_breaks_no_promise(tmp_path: Path) -> None:
    folder = a_tree(tmp_path)
    subprocess.run(["sh", "-c", f"sha256sum toc.dat 2.dat > {tmp_path}/a.dir.sha256"], check=True, cwd=folder, timeout=60)
    fetched = fetch(folder, tmp_path)
    assert fetched.sidecar_sha256 == fetched.sha256
