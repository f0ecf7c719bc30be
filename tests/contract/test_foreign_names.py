"""What is written by a foreign name lands inside the folder meant for it, or nowhere: every source, hostile listings, planted links."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.backups.copying import pin_of
from restore_tester.backups.folder import FolderSource
from restore_tester.backups.inventory import take_stock
from restore_tester.backups.landing import new_copy, unsafe_name
from restore_tester.backups.names import NamePattern
from restore_tester.backups.recognition import Rules, Seen
from restore_tester.clock import SystemClock
from restore_tester.contracts import Intake
from restore_tester.errors import CannotTell, RestoreTesterError
from restore_tester.model import Backup, Location, Part
from tests.faulty_store import Answer, Request, before
from tests.s3_fixtures import Place
from tests.stores import BUCKET

HOSTILE = ("/{outside}/evil", "../../../evil", "..", "a/../../../evil", "a//evil", "./evil", "a/./evil", "evil/", "a\0b", "x" * 256)
NOW = datetime(2026, 11, 5, tzinfo=UTC)
SETS = NamePattern("set-{taken_at:%Y%m%d}", "UTC")


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def page_of(keys: Iterable[str]) -> Answer:
    """A listing that is said to be whole, its keys encoded as a store encodes them that was asked to."""
    rows = "".join(
        f'<Contents><Key>{quote(key)}</Key><LastModified>2026-11-04T00:00:00Z</LastModified><ETag>"e"</ETag><Size>5</Size></Contents>'
        for key in keys
    )
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>{rows}</ListBucketResult>"
    return Answer(200, body.encode(), {"Content-Type": "application/xml"})


def hostile_bucket(*keys: str) -> Callable[[Request], Answer | None]:
    """A store that lists these keys, and has five bytes for each."""

    def answer(request: Request) -> Answer | None:
        if "list-type=2" in request.target:
            return page_of(keys)
        if "uploads" in request.target or "versions" in request.target or ".sha256" in request.target:
            return None
        return Answer(200 if request.range is None else 206, b"owned", {"ETag": '"e"', "Content-Range": "bytes 0-4/5"})

    return answer


@pytest.mark.parametrize("given_alone", [False, True])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_bucket_writes_outside_the_folder_of_its_copy(hostile: str, given_alone: bool, tmp_path: Path, place: Place) -> None:
    workspace = tmp_path / "workspace" / "backup"
    workspace.mkdir(parents=True)
    name = hostile.format(outside=tmp_path / "outside")
    keys = [f"{place.prefix}set/{each}" for each in ("toc.dat", name)]
    with before(place.server, hostile_bucket(*keys)) as (server, _):
        quiet = ("quiet_seconds", "0")
        source = place.source(quiet, name=None, key="set", through=server) if given_alone else place.source(quiet, through=server)
        listed = source.list_backups()
        parts = tuple(Part(each, 5, '"e"') for each in ("toc.dat", name))
        made_up = Backup("set", f"s3://{BUCKET}/{place.prefix}set", NOW, 10, parts, is_tree=True)
        for backup in (*listed.complete, made_up):
            with suppress(RestoreTesterError):
                source.fetch(backup, Intake(workspace, lambda size: None))
    assert set(written(tmp_path)) <= {"workspace/backup/dump/toc.dat"}


def test_a_sound_set_of_that_bucket_is_copied(tmp_path: Path, place: Place) -> None:
    keys = [f"{place.prefix}set/{each}" for each in ("toc.dat", "..data/1.dat")]
    (tmp_path / "workspace").mkdir()
    with before(place.server, hostile_bucket(*keys)) as (server, _):
        source = place.source(name=None, key="set", through=server)
        (backup,) = source.list_backups().complete
        source.fetch(backup, Intake(tmp_path / "workspace", lambda size: None))
    assert written(tmp_path) == ["workspace/dump/..data/1.dat", "workspace/dump/toc.dat"]


@pytest.mark.parametrize("name", ["/outside", "../outside"])
def test_no_folder_writes_outside_the_folder_of_its_copy(name: str, tmp_path: Path) -> None:
    there, workspace, victim = tmp_path / "a" / "there", tmp_path / "b" / "workspace", tmp_path / "outside"
    there.mkdir(parents=True)
    workspace.mkdir(parents=True)
    foreign = there.parent / "outside"
    foreign.write_bytes(b"owned")
    name = str(victim) if name.startswith("/") else name
    backup = Backup("there", there.as_uri(), NOW, 5, (Part(name, 5, pin_of(foreign.stat())),), is_tree=True)
    with pytest.raises(RestoreTesterError):
        FolderSource(Location("place", "folder", there.as_uri()), SystemClock()).fetch(backup, Intake(workspace, lambda size: None))
    assert written(tmp_path) == ["a/outside"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_set_with_a_name_that_leads_out_is_not_complete(hostile: str) -> None:
    seen = [Seen(f"set-20261104/{name}", 1, datetime(2026, 11, 4, tzinfo=UTC), "p") for name in ("toc.dat", hostile)]
    listing = take_stock(seen if not hostile.endswith("/") else seen[:1], Rules(SETS), NOW, str)
    codes = [(backup.id, reason.code) for backup, reason in listing.incomplete]
    assert codes == ([] if hostile.endswith("/") else [("set-20261104", "name_unsafe")])


def test_a_dump_whose_folder_of_large_objects_leads_out_is_not_complete() -> None:
    names = ("orders/toc.dat", "orders//tmp/x/blobs.toc", "orders//tmp/x/toc.dat")
    listing = take_stock([Seen(name, 1, datetime(2026, 11, 4, tzinfo=UTC), "p") for name in names], Rules(None), NOW, str)
    assert [(backup.id, reason.code) for backup, reason in listing.incomplete] == [("orders", "name_unsafe")]
    assert listing.complete == ()


def test_a_set_in_which_a_file_would_be_a_folder_too_is_not_complete() -> None:
    seen = [Seen(f"set-20261104/{name}", 1, datetime(2026, 11, 4, tzinfo=UTC), "p") for name in ("toc.dat", "1.dat", "1.dat/2.dat")]
    listing = take_stock(seen, Rules(SETS), NOW, str)
    assert [reason.code for _, reason in listing.incomplete] == ["name_unsafe"]


def test_a_set_beside_it_stays_complete() -> None:
    names = ("set-20261104/toc.dat", "set-20261104/..data/1.dat", "set-20261104/a/b...c", "set-20261103//evil", "set-20261103/toc.dat")
    listing = take_stock([Seen(name, 1, datetime(2026, 11, 4, tzinfo=UTC), "p") for name in names], Rules(SETS), NOW, str)
    assert [backup.id for backup in listing.complete] == ["set-20261104"]


def test_a_set_named_on_the_command_line_is_refused_for_the_same(place: Place) -> None:
    keys = [f"{place.prefix}set/{each}" for each in ("toc.dat", "1.dat", "1.dat/2.dat")]
    with before(place.server, hostile_bucket(*keys)) as (server, _):
        listing = place.source(name=None, key="set", through=server).list_backups()
    assert [reason.code for _, reason in listing.incomplete] == ["name_unsafe"]


@given(st.text(alphabet="./ab\0ä", min_size=1, max_size=12))
def test_a_name_that_is_not_refused_stays_below_its_folder(name: str) -> None:
    if unsafe_name(name) is None:
        path = Path("/target").joinpath(name)
        assert path.as_posix() == f"/target/{name}"
        assert ".." not in path.parts


def test_a_file_is_not_made_through_a_link_that_was_planted(tmp_path: Path) -> None:
    target, outside = tmp_path / "dump", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    (target / "blobs").symlink_to(outside)
    with pytest.raises(CannotTell):
        new_copy(target, "blobs/1.dat")
    assert written(outside) == []


def test_a_link_in_the_place_of_the_file_is_replaced_not_followed(tmp_path: Path) -> None:
    target, victim = tmp_path / "dump", tmp_path / "victim"
    target.mkdir()
    victim.write_bytes(b"kept")
    (target / "1.dat").symlink_to(victim)
    with new_copy(target, "1.dat") as copy:
        copy.write(b"new")
    assert (victim.read_bytes(), (target / "1.dat").read_bytes()) == (b"kept", b"new")
