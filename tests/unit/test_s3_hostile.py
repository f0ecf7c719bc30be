"""A bucket that lies, forgets, circles or keeps odd sums: what is believed of it, and what is said of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from restore_tester.backups.s3_source import S3Source
from restore_tester.backups.s3_sums import Comparison, PartSums, Sum, Uncompared, part_sums, sum_in
from restore_tester.backups.s3_versions import Deleted, deleted_in
from restore_tester.errors import BackupUnusable, CannotTell, Misuse, RestoreTesterError, SourceUnreachable
from restore_tester.judgement.absence import dead_newest
from restore_tester.model import Location
from tests.faulty_store import Answer, Request, before, error
from tests.large_bucket import listed
from tests.s3_fixtures import QUICK, Place, fetch, only
from tests.stores import BUCKET, S3Server, running_versitygw

DAILY = ("name", "orders-{taken_at:%Y%m%d}.dump")
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
FIRST, SECOND = b"first part" * 1000, b"the second"


def xml(body: str) -> Answer:
    return Answer(200, body.encode(), {"Content-Type": "application/xml"})


def row(key: str) -> str:
    return f'<Contents><Key>{key}</Key><LastModified>2026-11-04T00:00:00Z</LastModified><ETag>"e"</ETag><Size>5</Size></Contents>'


def digest(content: bytes, encoded: bool = True) -> str:
    raw = hashlib.sha256(content).digest()
    return base64.b64encode(raw).decode() if encoded else raw.hex()


# --- listings ---------------------------------------------------------------------------------------------------------


def test_what_a_console_makes_of_a_folder_is_no_backup(place: Place) -> None:
    place.put("", b"")
    place.put("2026/", b"")
    place.put("2026/orders.dump", b"x")
    assert [backup.id for backup in place.source().list_backups().complete] == ["2026/orders.dump"]


def test_a_bucket_of_folder_markers_alone_is_empty(place: Place) -> None:
    place.put("", b"")
    listing = place.source(DAILY).list_backups()
    assert (listing.complete, listing.unrecognised_count) == ((), 0)


def test_a_listing_that_goes_in_circles_ends(place: Place) -> None:
    def circle(request: Request) -> Answer | None:
        token = parse_qs(urlsplit(request.target).query).get("continuation-token", [""])[0]
        following = "B" if token == "A" else "A"
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
        return (
            xml(f"<ListBucketResult>{more}{row(place.prefix + 'a.dump')}</ListBucketResult>") if "list-type=2" in request.target else None
        )

    with before(place.server, circle) as (server, asked), pytest.raises(SourceUnreachable) as caught:
        place.source(through=server).list_backups()
    assert caught.value.reason.code == "store_answers_oddly"
    assert len(asked) < 10


def test_keys_of_another_prefix_are_not_cut_to_fit(place: Place) -> None:
    def lie(request: Request) -> Answer | None:
        rows = f"<ListBucketResult><IsTruncated>false</IsTruncated>{row('another-team/secret.dump')}</ListBucketResult>"
        return xml(rows) if "list-type=2" in request.target else None

    with before(place.server, lie) as (server, _), pytest.raises(SourceUnreachable) as caught:
        place.source(through=server).list_backups()
    assert caught.value.reason.code == "store_answers_oddly"


def test_a_hundred_thousand_objects_are_listed_without_being_held() -> None:
    found = listed(pages=100)
    assert (found.complete, found.unrecognised) == (100, 99_900)
    assert found.after - found.before < 16 << 20


# --- what was deleted -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def versioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_versitygw(tmp_path_factory.mktemp("versioned"), "--keep-alive") as server:
        server.client().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield server


def days_kept(there: Place, *days: int) -> None:
    for day in days:
        there.put(f"orders-202611{day:02}.dump", b"x")


def delete(there: Place, name: str) -> None:
    there.server.client().delete_object(Bucket=BUCKET, Key=there.prefix + name)


def test_the_newest_backup_deleted_is_not_passed_over_for_an_older_one(place: Place, versioned: S3Server) -> None:
    there = Place(versioned, place.prefix)
    days_kept(there, 3, 4)
    delete(there, "orders-20261104.dump")
    dead = dead_newest(there.source(DAILY).list_backups())
    assert dead is not None
    assert (dead.backup.id, dead.facts.trouble.code if dead.facts.trouble else "") == ("orders-20261104.dump", "deleted")


def test_retention_by_delete_markers_is_no_loss(place: Place, versioned: S3Server) -> None:
    there = Place(versioned, place.prefix)
    days_kept(there, 1, 2, 3, 4)
    for day in (1, 2):
        delete(there, f"orders-202611{day:02}.dump")
    listing = there.source(DAILY).list_backups()
    assert (len(listing.complete), listing.incomplete) == (2, ())


def test_retention_by_delete_markers_is_no_loss_where_names_say_no_time(place: Place, versioned: S3Server) -> None:
    there = Place(versioned, place.prefix)
    for name in ("monday.dump", "tuesday.dump"):
        there.put(name, b"x")
    delete(there, "monday.dump")
    listing = there.source().list_backups()
    assert ([backup.id for backup in listing.complete], listing.incomplete) == (["tuesday.dump"], ())


def test_a_folder_deleted_with_all_its_members_was_deleted_once(place: Place, versioned: S3Server) -> None:
    there = Place(versioned, place.prefix)
    for name in ("set-20261103/toc.dat", "set-20261104/toc.dat", "set-20261104/1.dat"):
        there.put(name, b"x")
    for name in ("toc.dat", "1.dat"):
        delete(there, f"set-20261104/{name}")
    listing = there.source(("name", "set-{taken_at:%Y%m%d}"), ("quiet_seconds", "0")).list_backups()
    assert [(backup.id, reason.code) for backup, reason in listing.incomplete] == [("set-20261104", "deleted")]


@pytest.mark.parametrize("answer", [error(501, "NotImplemented"), error(500, "InternalError"), Answer(200, b"<html>")])
def test_a_store_that_knows_no_versions_is_listed_all_the_same(place: Place, answer: Answer) -> None:
    days_kept(place, 3)
    with before(place.server, lambda request: answer if "versions" in request.target else None) as (server, _):
        assert len(place.source(DAILY, through=server).list_backups().complete) == 1


def marker(key: str, minutes: int = 0) -> dict[str, object]:
    return {"Key": key, "IsLatest": True, "LastModified": NOON + timedelta(minutes=minutes)}


def version(key: str, minutes: int = 0) -> dict[str, object]:
    return {"Key": key, "LastModified": NOON - timedelta(minutes=minutes)}


def test_what_was_deleted_is_found_on_any_page_with_the_time_it_was_stored() -> None:
    pages = [
        {"Versions": [version("a")]},
        {"DeleteMarkers": [marker("b"), marker("c")], "Versions": [version("b", 9), version("b", 5)]},
        {"Versions": [version("c", 3)]},
        {"DeleteMarkers": [marker("d")]},
    ]
    found = [(each.key, each.stored_at) for each in deleted_in(pages)]
    assert found == [("b", NOON - timedelta(minutes=5)), ("c", NOON - timedelta(minutes=3)), ("d", None)]
    assert all(isinstance(each, Deleted) for each in deleted_in(pages))


def test_a_delete_marker_behind_a_thousand_versions_is_found(place: Place) -> None:
    def two_pages(request: Request) -> Answer | None:
        if "versions" not in request.target:
            return None
        at = "<LastModified>2026-11-05T00:00:00Z</LastModified>"
        if "key-marker" not in request.target:
            old = f"<Version><Key>{place.prefix}a</Key><VersionId>v</VersionId><IsLatest>true</IsLatest>{at}</Version>"
            following = "<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>"
            return xml(f"<ListVersionsResult><IsTruncated>true</IsTruncated>{following}{old}</ListVersionsResult>")
        gone = f"<Key>{place.prefix}orders-20261105.dump</Key><VersionId>m</VersionId><IsLatest>true</IsLatest>{at}"
        return xml(f"<ListVersionsResult><IsTruncated>false</IsTruncated><DeleteMarker>{gone}</DeleteMarker></ListVersionsResult>")

    days_kept(place, 4)
    with before(place.server, two_pages) as (server, _):
        listing = place.source(DAILY, through=server).list_backups()
    assert [(backup.id, reason.code) for backup, reason in listing.incomplete] == [("orders-20261105.dump", "deleted")]


# --- sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"ChecksumSHA256": f"{digest(FIRST)}-2", "ETag": '"abc-2"'},
        {"ChecksumSHA256": digest(FIRST), "ETag": '"abc-2"'},
        {"ChecksumSHA256": digest(FIRST), "ChecksumType": "COMPOSITE", "ETag": '"abc"'},
    ],
)
def test_a_sum_of_parts_accuses_nobody_and_is_not_forgotten(answer: dict[str, object]) -> None:
    found = sum_in(answer)
    assert isinstance(found, Uncompared)
    assert found.of_parts
    compared = Comparison(found)
    compared.update(memoryview(SECOND))
    assert (compared.is_wrong, compared.uncompared) == (False, found)


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME", "CRC32", "SHA1", "SHA256"])
def test_every_sum_that_a_store_keeps_of_a_whole_object_can_be_computed(algorithm: str) -> None:
    size = {"CRC32C": 4, "CRC64NVME": 8, "CRC32": 4, "SHA1": 20, "SHA256": 32}[algorithm]
    answer = {f"Checksum{algorithm}": base64.b64encode(bytes(size)).decode(), "ChecksumType": "FULL_OBJECT", "ETag": '"abc-2"'}
    assert sum_in(answer) == Sum(algorithm.lower(), "00" * size)


@pytest.mark.parametrize("cut", [1, 7, 10_000, 10_001])
@pytest.mark.parametrize("rot", [False, True])
def test_sums_of_parts_are_compared_wherever_the_blocks_end(cut: int, rot: bool) -> None:
    stored = PartSums("sha256", ((len(FIRST), digest(FIRST, False)), (len(SECOND), digest(SECOND, False))))
    content = FIRST + (SECOND[:-1] + b"X" if rot else SECOND)
    compared = Comparison(stored)
    for start in range(0, len(content), cut):
        compared.update(memoryview(content)[start : start + cut])
    assert (compared.is_wrong, compared.sha256) == (rot, hashlib.sha256(content).hexdigest())


def test_sums_of_parts_that_do_not_cover_the_object_are_not_compared() -> None:
    pages = [{"ObjectParts": {"Parts": [{"Size": len(FIRST), "ChecksumSHA256": digest(FIRST)}]}}]
    assert part_sums(pages, "sha256", len(FIRST)) is not None
    assert part_sums(pages, "sha256", len(FIRST) + 1) is None
    assert part_sums([], "sha256", 0) is None


def composite(attributes: Answer) -> Callable[[Request], Answer | None]:
    """A store that keeps two parts and their sums, and says the parts as given."""
    content = FIRST + SECOND
    headers = {"ETag": '"abc-2"', "x-amz-checksum-sha256": f"{digest(FIRST)}-2", "x-amz-checksum-type": "COMPOSITE"}

    def answer(request: Request) -> Answer | None:
        if "orders.dump" not in request.target or "sha256" in request.target or "prefix=" in request.target:
            return None
        if "attributes" in request.target:
            return attributes
        return Answer(200, content, {**headers, "Content-Length": str(len(content))})

    return answer


def told_parts(second: bytes) -> Answer:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><Size>{len(part)}</Size><ChecksumSHA256>{digest(part)}</ChecksumSHA256></Part>"
        for number, part in enumerate((FIRST, second), 1)
    )
    head = '<?xml version="1.0"?><GetObjectAttributesOutput><ETag>abc-2</ETag>'
    return xml(f"{head}<ObjectParts><IsTruncated>false</IsTruncated>{parts}</ObjectParts></GetObjectAttributesOutput>")


def drilled(place: Place, tmp_path: Path, attributes: Answer) -> tuple[str, ...]:
    """Return the codes of what a fetch warned of."""
    place.put("orders.dump", FIRST + SECOND)
    backup = only(place.source())
    with before(place.server, composite(attributes)) as (server, _):
        source = place.source(through=server)
        same = replace(backup, parts=(replace(backup.parts[0], pin='"abc-2"'),))
        return tuple(reason.code for reason in fetch(source, same, tmp_path)[0].warnings)


def test_a_composite_sum_is_compared_part_by_part_where_the_store_tells_them(place: Place, tmp_path: Path) -> None:
    assert drilled(place, tmp_path, told_parts(SECOND)) == ()


def test_a_part_that_rotted_is_a_mismatch(place: Place, tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable) as caught:
        drilled(place, tmp_path, told_parts(b"x" * len(SECOND)))
    assert caught.value.reason.code == "checksum_mismatch"


@pytest.mark.parametrize("attributes", [error(403, "AccessDenied"), error(501, "NotImplemented"), xml("<a><ETag>abc-2</ETag></a>")])
def test_a_composite_sum_that_was_not_compared_is_said(place: Place, tmp_path: Path, attributes: Answer) -> None:
    assert drilled(place, tmp_path, attributes) == ("sum_not_compared",)


# --- beside the backup ------------------------------------------------------------------------------------------------


def test_no_sum_beside_a_backup_is_no_loss_however_the_store_says_so(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    with before(place.server, lambda request: Answer(404, b"") if ".sha256" in request.target else None) as (server, _):
        source = place.source(through=server)
        assert fetch(source, only(source), tmp_path)[0].sidecar_sha256 is None


def test_a_bucket_that_is_gone_is_no_missing_sum(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    rule = lambda request: error(404, "NoSuchBucket") if ".sha256" in request.target else None  # noqa: E731
    with before(place.server, rule) as (server, _), pytest.raises(RestoreTesterError) as caught:
        source = place.source(through=server)
        fetch(source, only(source), tmp_path)
    assert caught.value.reason.code == "location_absent"


def test_a_sum_in_an_archive_does_not_archive_its_backup(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    rule = lambda request: error(403, "InvalidObjectState") if ".sha256" in request.target else None  # noqa: E731
    with before(place.server, rule) as (server, _):
        source = place.source(through=server)
        fetched, _ = fetch(source, only(source), tmp_path)
    assert ([reason.code for reason in fetched.warnings], fetched.sidecar_sha256) == (["sidecar_unreadable"], None)


def test_a_sum_of_another_file_beside_a_backup_blames_nobody(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    place.put("orders.dump.sha256", b"0" * 64 + b"  other.dump\n")
    with pytest.raises(CannotTell) as caught:
        fetch(place.source(), only(place.source()), tmp_path)
    assert caught.value.reason.code == "sidecar_of_another"


@pytest.mark.parametrize("called", ["renamed.dump", "orders.dump.partial", "-", "/var/backups/orders.dump"])
def test_a_right_sum_holds_whatever_the_file_was_called(place: Place, tmp_path: Path, called: str) -> None:
    sha256 = hashlib.sha256(b"data").hexdigest()
    place.put("orders.dump", b"data")
    place.put("orders.dump.sha256", f"{sha256}  {called}\n".encode())
    assert fetch(place.source(), only(place.source()), tmp_path)[0].sidecar_sha256 == sha256


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["access_key", "secret_key", "session_token"])
def test_a_secret_with_a_line_break_is_refused_before_a_library_repeats_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("BROKEN", "first-S3CR3T\nsecond-S3CR3T")
    with pytest.raises(Misuse) as caught:
        place.source((option, "env:BROKEN")).list_backups()
    assert caught.value.reason.code == "secret_unusable"
    assert "S3CR3T" not in str(caught.value)


def test_a_secret_that_the_chain_found_is_not_repeated_either(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "first-S3CR3T\nsecond-S3CR3T"}.items():
        monkeypatch.setenv(name, value)
    location = Location("place", "s3", f"s3://{BUCKET}/{place.prefix}", (("endpoint_url", place.server.endpoint),))
    with pytest.raises(RestoreTesterError) as caught:
        S3Source(location, place.clock, patience=QUICK).list_backups()
    assert "S3CR3T" not in str(caught.value)
