"""Backups in a bucket of a real S3 server: what is listed, what is read, and that nothing is ever written."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore_tester.errors import BackupUnusable, CannotTell, Misuse
from restore_tester.model import from_json, to_json
from tests.s3_fixtures import Place, fetch, only
from tests.stores import BUCKET, S3Server, running_versitygw

LARGE = bytes(range(251)) * 21_000
DAILY = ("name", "orders-{taken_at:%Y%m%d}.dump")
READING = {"s3_ListObjectsV2", "s3_GetObject", "s3_HeadObject", "s3_ListMultipartUploads", "s3_ListObjectVersions"}


def test_objects_are_recognised_by_their_names_after_the_prefix(place: Place) -> None:
    for name in ("orders-20261104.dump", "orders-20261105.dump", "orders-20261105.dump.sha256", "notes.txt"):
        place.put(name, b"x")
    listing = place.source(DAILY).list_backups()
    assert [backup.id for backup in listing.complete] == ["orders-20261104.dump", "orders-20261105.dump"]
    assert listing.complete[0].uri == f"s3://{BUCKET}/{place.prefix}orders-20261104.dump"
    assert listing.unrecognised == ("notes.txt",)


def test_a_prefix_without_a_slash_is_a_folder_where_there_is_one(place: Place) -> None:
    place.put("orders/a.dump", b"x")
    place.put("orders2/b.dump", b"x")
    assert [backup.id for backup in place.source(key="orders").list_backups().complete] == ["a.dump"]


def test_a_prefix_without_a_slash_is_what_keys_begin_with_where_there_is_no_folder(place: Place) -> None:
    place.put("orders-a.dump", b"x")
    assert [backup.id for backup in place.source(key="orders-").list_backups().complete] == ["a.dump"]


def test_a_listing_goes_on_over_the_end_of_a_page(s3_server: S3Server, place: Place) -> None:
    assert s3_server.access_log is not None
    folder = s3_server.access_log.parent / "objects" / BUCKET / place.prefix
    folder.mkdir()
    for number in range(2345):
        (folder / f"{number:05}.dump").write_bytes(b"x")
    assert [backup.id for backup in place.source().list_backups().complete] == [f"{number:05}.dump" for number in range(2345)]


def test_an_empty_prefix_is_an_empty_listing(place: Place) -> None:
    assert place.source().list_backups().complete == ()


def test_keys_of_any_characters_are_read(place: Place, tmp_path: Path) -> None:
    name = "ä b+%20?x=1&y#z/o'r\"d.dump"
    place.put(name, b"odd")
    backup = only(place.source())
    assert (backup.id, fetch(place.source(), backup, tmp_path)[1].read_bytes()) == (name, b"odd")


def test_an_unfinished_upload_is_named_in_the_hint(place: Place) -> None:
    place.put("d/toc.dat", b"PGDMP")
    place.server.client().create_multipart_upload(Bucket=BUCKET, Key=f"{place.prefix}d/7.dat.gz")
    listing = place.source(("settle_seconds", "0")).list_backups()
    assert [(backup.id, reason.code) for backup, reason in listing.incomplete] == [("d", "incomplete")]
    assert "unfinished upload of d/7.dat.gz" in listing.incomplete[0][1].hint


def test_a_large_object_arrives_in_pieces_and_in_order(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)
    fetched, copy = fetch(place.source(), only(place.source()), tmp_path)
    assert copy.read_bytes() == LARGE
    assert (fetched.sha256, fetched.size_bytes) == (hashlib.sha256(LARGE).hexdigest(), len(LARGE))


def test_an_empty_object_is_an_empty_file(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"")
    assert fetch(place.source(), only(place.source()), tmp_path)[1].read_bytes() == b""


def test_a_folder_of_large_and_small_objects_arrives_whole(place: Place, tmp_path: Path) -> None:
    parts = {"toc.dat": b"PGDMP", "1.dat": LARGE, "2.dat": b"", "3.dat": b"three"}
    for name, content in parts.items():
        place.put(f"d/{name}", content)
    source = place.source(("quiet_seconds", "0"))
    _, copy = fetch(source, only(source), tmp_path)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == parts


def test_a_listed_backup_is_read_by_another_process_from_its_json(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    backup = only(place.source())
    assert fetch(place.source(), from_json(type(backup), to_json(backup)), tmp_path)[1].read_bytes() == b"data"


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32", "CRC32C", "CRC64NVME"])
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
def test_the_stores_own_sum_is_compared_and_right(place: Place, tmp_path: Path, algorithm: str, content: bytes) -> None:
    place.put("orders.dump", content, ChecksumAlgorithm=algorithm)
    fetch(place.source(), only(place.source()), tmp_path)


def test_a_multipart_object_with_sums_of_parts_is_read(place: Place, tmp_path: Path) -> None:
    client, key = place.server.client(), f"{place.prefix}orders.dump"
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, content in enumerate((LARGE[: 5 << 20], b"last"), 1):
        sent = client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=content, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
    client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    assert fetch(place.source(), only(place.source()), tmp_path)[1].read_bytes() == LARGE[: 5 << 20] + b"last"


def test_bytes_that_rotted_in_the_store_are_a_mismatch(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE, ChecksumAlgorithm="CRC64NVME")
    assert place.server.access_log is not None
    stored = place.server.access_log.parent / "objects" / BUCKET / place.prefix / "orders.dump"
    with stored.open("r+b") as file:
        file.seek(3_000_000)
        file.write(b"rot")
    with pytest.raises(BackupUnusable) as caught:
        fetch(place.source(), only(place.source()), tmp_path)
    assert caught.value.reason.code == "checksum_mismatch"


def test_a_sum_beside_an_object_is_what_was_promised(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    place.put("orders.dump.sha256", b"0" * 64 + b"  orders.dump\n")
    assert fetch(place.source(), only(place.source()), tmp_path)[0].sidecar_sha256 == "0" * 64


def test_a_sum_that_cannot_be_read_is_no_silent_pass(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    place.put("orders.dump.sha256", b"<html>")
    with pytest.raises(CannotTell) as caught:
        fetch(place.source(), only(place.source()), tmp_path)
    assert caught.value.reason.code == "sidecar_unreadable"


def test_a_named_object_is_itself_and_none_of_its_neighbours(place: Place) -> None:
    place.put("orders.dump", b"x")
    place.put("orders.dump.old", b"x")
    assert [backup.id for backup in place.source(name=None, key="orders.dump").list_backups().complete] == ["orders.dump"]


def test_a_named_object_that_is_not_there_was_mistyped(place: Place) -> None:
    with pytest.raises(Misuse) as caught:
        place.source(name=None, key="orders.dump").list_backups()
    assert caught.value.reason.code == "path_not_found"


@pytest.fixture(scope="session")
def versioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_versitygw(tmp_path_factory.mktemp("versioned"), "--keep-alive") as server:
        server.client().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield server


@pytest.mark.parametrize("name", [None, "place"])
def test_a_delete_marker_on_top_says_that_it_was_deleted(place: Place, versioned: S3Server, name: str | None) -> None:
    there = Place(versioned, place.prefix)
    there.put("orders.dump", b"data")
    versioned.client().delete_object(Bucket=BUCKET, Key=f"{place.prefix}orders.dump")
    listing = there.source(name=name, key="orders.dump" if name is None else "").list_backups()
    assert (listing.complete, [reason.code for _, reason in listing.incomplete]) == ((), ["deleted"])


def test_of_a_versioned_bucket_the_current_versions_are_listed(place: Place, versioned: S3Server, tmp_path: Path) -> None:
    there = Place(versioned, place.prefix)
    there.put("orders.dump", b"old")
    there.put("orders.dump", b"new")
    assert fetch(there.source(), only(there.source()), tmp_path)[1].read_bytes() == b"new"


def test_nothing_is_ever_written(place: Place, tmp_path: Path) -> None:
    with running_versitygw(tmp_path) as server:
        own = Place(server, place.prefix)
        own.put("orders.dump", LARGE)
        source = own.source()
        backup = only(source)
        assert server.access_log is not None
        before = server.access_log.stat().st_size
        source.list_backups(), source.peek(backup, 10, 10), fetch(source, backup, tmp_path)
        with server.access_log.open() as log:
            log.seek(before)
            asked = {word for line in log for word in line.split() if word.startswith("s3_")}
    assert {"s3_ListObjectsV2", "s3_GetObject", "s3_HeadObject"} <= asked <= READING


def test_boto3_is_not_loaded_before_a_store_is_asked() -> None:
    code = "import sys, restore_tester.backups.s3_source; print(sorted({'boto3', 'botocore', 'tenacity'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[2]
    )
    assert ran.stdout.strip() == "[]"
