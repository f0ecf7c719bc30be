"""A store that refuses, breaks off, changes its mind or is not one: whose fault each is, and how often it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from restore_tester.backups.s3_faults import THAWING_SECONDS
from restore_tester.backups.s3_source import S3Source
from restore_tester.clock import SystemClock
from restore_tester.contracts import Intake
from restore_tester.errors import BackupArchived, BackupUnusable, CannotTell, Interrupted, Misuse, RestoreTesterError, SourceUnreachable
from restore_tester.model import Location
from tests.faulty_store import Answer, Request, Rule, before, error
from tests.s3_fixtures import QUICK, Place, fetch, only
from tests.stores import BUCKET, S3Server, Toxiproxy, running_toxiproxy

LARGE = bytes(range(251)) * 21_000
HALF = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"


def is_listing(request: Request) -> bool:
    return "list-type=2" in request.target


def is_reading(request: Request) -> bool:
    return request.method == "GET" and "orders.dump" in request.target and ".sha256" not in request.target and not is_listing(request)


def always(when: Callable[[Request], bool], answer: Answer) -> Rule:
    return lambda request: answer if when(request) else None


def refused(place: Place, rule: Rule, tmp_path: Path) -> tuple[RestoreTesterError, list[Request]]:
    """Return what listing and fetching through the rule raises, and what the store was asked."""
    with before(place.server, rule) as (through, asked), pytest.raises(RestoreTesterError) as caught:
        source = place.source(through=through)
        fetch(source, only(source), tmp_path)
    return caught.value, asked


@pytest.mark.parametrize(
    ("when", "answer", "kind", "code"),
    [
        (is_listing, error(403, "AccessDenied"), SourceUnreachable, "access_denied"),
        (is_reading, error(403, "AccessDenied"), SourceUnreachable, "access_denied"),
        (is_listing, error(403, "SignatureDoesNotMatch"), SourceUnreachable, "access_denied"),
        (is_listing, error(400, "ExpiredToken"), SourceUnreachable, "access_denied"),
        (is_listing, error(403, "RequestTimeTooSkewed"), SourceUnreachable, "clock_skewed"),
        (is_listing, error(404, "NoSuchBucket"), SourceUnreachable, "location_absent"),
        (is_reading, error(404, "NoSuchKey"), BackupUnusable, "backup_gone"),
        (is_reading, error(412, "PreconditionFailed"), CannotTell, "changed_while_read"),
        (is_reading, error(400, "KMS.DisabledException"), BackupUnusable, "key_unusable"),
        (is_reading, error(400, "KMS.KMSInvalidStateException"), BackupUnusable, "key_unusable"),
        (is_reading, error(400, "InvalidRequest"), SourceUnreachable, "store_refused"),
        (is_reading, error(403, "InvalidObjectState", more="<AccessTier>DEEP_ARCHIVE_ACCESS</AccessTier>"), BackupArchived, "archived"),
    ],
)
def test_what_is_final_is_said_at_once_and_asked_once(
    place: Place, tmp_path: Path, when: Callable[[Request], bool], answer: Answer, kind: type[RestoreTesterError], code: str
) -> None:
    place.put("orders.dump", b"data")
    raised, asked = refused(place, always(when, answer), tmp_path)
    assert (type(raised), raised.reason.code) == (kind, code)
    assert len([request for request in asked if when(request)]) == 1


def test_a_denial_names_who_was_denied_and_what_to_grant(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    denied = error(403, "AccessDenied", "User: x is not authorized to perform: kms:Decrypt on resource: y")
    raised, asked = refused(place, always(is_reading, denied), tmp_path)
    assert "access key test…@127.0.0.1" in raised.reason.message
    assert raised.reason.hint == "grant it kms:Decrypt on the object's key"
    assert len(asked) > 0


def test_a_denied_head_costs_the_stores_sum_and_not_the_backup(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)
    with before(place.server, always(lambda request: request.method == "HEAD", Answer(403, b""))) as (through, _):
        source = place.source(through=through)
        assert fetch(source, only(source), tmp_path)[1].read_bytes() == LARGE


def test_a_busy_store_is_asked_again(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)
    busy = iter([error(503, "SlowDown"), Answer(500, b""), Answer(502, b"<html>bad gateway</html>")])
    with before(place.server, lambda request: next(busy, None)) as (through, _):
        source = place.source(through=through)
        assert fetch(source, only(source), tmp_path)[1].read_bytes() == LARGE


def test_a_store_that_stays_busy_is_given_up_after_some_attempts(place: Place, tmp_path: Path) -> None:
    raised, asked = refused(place, lambda request: error(503, "SlowDown"), tmp_path)
    assert (type(raised), raised.reason.code, len(asked)) == (SourceUnreachable, "store_unreachable", QUICK.attempts)


def test_a_listing_that_fails_half_way_fails_whole(place: Place, tmp_path: Path) -> None:
    pages = always(is_listing, Answer(200, HALF))
    raised, _ = refused(place, lambda request: error(403, "AccessDenied") if "continuation" in request.target else pages(request), tmp_path)
    assert (type(raised), raised.reason.code) == (SourceUnreachable, "access_denied")


def test_a_page_that_leads_to_itself_is_no_listing(place: Place, tmp_path: Path) -> None:
    raised, _ = refused(place, always(is_listing, Answer(200, HALF)), tmp_path)
    assert raised.reason.code == "store_answers_oddly"


@pytest.mark.parametrize("body", [b"<html><body>please log in</body></html>", b"", b"<a/>"])
def test_a_login_page_is_no_empty_bucket(place: Place, tmp_path: Path, body: bytes) -> None:
    raised, _ = refused(place, always(is_listing, Answer(200, body)), tmp_path)
    assert (type(raised), raised.reason.code) == (SourceUnreachable, "store_answers_oddly")


def test_a_store_that_will_not_tell_of_uploads_is_listed_all_the_same(place: Place) -> None:
    place.put("orders.dump", b"data")
    with before(place.server, always(lambda request: "uploads" in request.target, error(403, "AccessDenied"))) as (through, _):
        assert only(place.source(through=through)).id == "orders.dump"


def test_an_object_replaced_in_the_middle_is_not_returned(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)

    def replace(request: Request) -> Answer | None:
        if is_reading(request) and request.range and "bytes=4194304" in request.range:
            place.put("orders.dump", LARGE[::-1])
        return None

    raised, _ = refused(place, replace, tmp_path)
    assert (type(raised), raised.reason.code) == (CannotTell, "changed_while_read")


def test_an_object_that_expires_in_the_middle_is_gone(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)

    def expire(request: Request) -> Answer | None:
        if is_reading(request) and request.range and "bytes=4194304" in request.range:
            place.server.client().delete_object(Bucket=BUCKET, Key=f"{place.prefix}orders.dump")
        return None

    raised, _ = refused(place, expire, tmp_path)
    assert (type(raised), raised.reason.code) == (BackupUnusable, "backup_gone")


def test_an_answer_whose_headers_were_cut_off_is_asked_for_again(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    etag = place.server.client().head_object(Bucket=BUCKET, Key=f"{place.prefix}orders.dump")["ETag"]
    cut = iter([Answer(200, b"", {"ETag": etag[:9]}), Answer(200, b"", {"ETag": etag}), Answer(200, b"")])
    with before(place.server, lambda request: next(cut, None) if is_reading(request) else None) as (through, _):
        source = place.source(through=through)
        assert fetch(source, only(source), tmp_path)[1].read_bytes() == b"data"


def test_a_store_that_does_not_know_if_match_is_found_out(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data")
    raised, _ = refused(place, always(is_reading, Answer(200, b"atad", {"ETag": '"another"'})), tmp_path)
    assert (type(raised), raised.reason.code) == (CannotTell, "changed_while_read")


def test_a_server_that_ignores_ranges_is_no_s3_store(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)
    etag = place.server.client().head_object(Bucket=BUCKET, Key=f"{place.prefix}orders.dump")["ETag"]
    raised, _ = refused(place, always(is_reading, Answer(200, LARGE, {"ETag": etag})), tmp_path)
    assert raised.reason.code == "store_answers_oddly"


def test_bytes_spoiled_once_on_the_way_are_read_again(place: Place, tmp_path: Path) -> None:
    place.put("orders.dump", b"data", ChecksumAlgorithm="SHA256")
    answer = place.server.client().get_object(Bucket=BUCKET, Key=f"{place.prefix}orders.dump", ChecksumMode="ENABLED")
    headers = {"ETag": answer["ETag"], "x-amz-checksum-sha256": answer["ChecksumSHA256"], "x-amz-checksum-type": "FULL_OBJECT"}
    answer["Body"].close()
    spoiled = iter([Answer(200, b"dat\0", headers)])
    with before(place.server, lambda request: next(spoiled, None) if is_reading(request) else None) as (through, _):
        source = place.source(through=through)
        assert fetch(source, only(source), tmp_path)[1].read_bytes() == b"data"


# --- bad networks -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def toxiproxy() -> Iterator[Toxiproxy]:
    with running_toxiproxy() as proxy:
        yield proxy


CUT: dict[str, Any] = {"type": "limit_data", "stream": "downstream", "attributes": {"bytes": 700_000}}
SLOW: dict[str, Any] = {"type": "bandwidth", "stream": "downstream", "attributes": {"rate": 8_000}}
LATE: dict[str, Any] = {"type": "latency", "stream": "downstream", "attributes": {"latency": 50, "jitter": 30}}
FLAKY: dict[str, Any] = {"type": "reset_peer", "stream": "downstream", "toxicity": 0.2, "attributes": {"timeout": 30}}


@pytest.mark.parametrize("toxics", [[CUT], [SLOW], [LATE, CUT], [FLAKY]], ids=["cut", "slow", "late and cut", "resetting"])
def test_a_bad_network_costs_time_and_no_byte(place: Place, toxiproxy: Toxiproxy, tmp_path: Path, toxics: list[dict[str, Any]]) -> None:
    place.put("orders.dump", LARGE)
    with toxiproxy.before(place.server, *toxics) as through:
        source = place.source(through=through)
        assert fetch(source, only(source), tmp_path)[1].read_bytes() == LARGE


@pytest.mark.parametrize(
    "toxic",
    [{"type": "reset_peer", "attributes": {"timeout": 0}}, {"type": "limit_data", "attributes": {"bytes": 20}}],
    ids=["reset", "cut at once"],
)
def test_a_network_that_is_down_is_ours_to_complain(place: Place, toxiproxy: Toxiproxy, toxic: dict[str, Any]) -> None:
    with toxiproxy.before(place.server, {"stream": "downstream", **toxic}) as through, pytest.raises(SourceUnreachable) as caught:
        place.source(through=through).list_backups()
    assert caught.value.reason.code in ("store_unreachable", "store_answers_oddly")


def test_an_interrupted_fetch_ends_at_once_and_leaves_no_thread(place: Place, toxiproxy: Toxiproxy, tmp_path: Path) -> None:
    place.put("orders.dump", LARGE)

    def interrupt(size: int) -> None:
        raise Interrupted

    with toxiproxy.before(place.server, SLOW) as through:
        source = place.source(through=through)
        backup = only(source)
        with pytest.raises(Interrupted):
            source.fetch(backup, Intake(tmp_path, interrupt))
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fetch")] == []


def test_a_port_that_nobody_listens_on_is_unreachable(place: Place) -> None:
    with pytest.raises(SourceUnreachable) as caught:
        place.source(through=S3Server("http://127.0.0.1:1")).list_backups()
    assert caught.value.reason.code == "store_unreachable"


# --- what versitygw lacks ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = S3Server(f"http://{host}:{port}")
    found.client().create_bucket(Bucket=BUCKET)
    yield found
    server.stop()


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_archive_storage_says_how_long_thawing_takes(place: Place, moto: S3Server, tmp_path: Path, storage_class: str) -> None:
    there = Place(moto, place.prefix)
    there.put("orders.dump", b"data", StorageClass=storage_class)
    with pytest.raises(BackupArchived) as caught:
        fetch(there.source(), only(there.source()), tmp_path)
    assert (caught.value.reason.code, caught.value.thawing_seconds) == ("archived", THAWING_SECONDS[storage_class])
    assert storage_class in caught.value.reason.message


def test_a_role_is_taken_on_and_named(place: Place, moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Place(moto, place.prefix)
    there.put("orders.dump", b"data")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint)
    keys = (("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY"))
    role = ("role_arn", "arn:aws:iam::123456789012:role/recovery")
    source = S3Source(Location("place", "s3", f"s3://{BUCKET}/{place.prefix}", (*keys, role)), SystemClock(), patience=QUICK)
    assert fetch(source, only(source), tmp_path)[1].read_bytes() == b"data"
    assert source.identity == "arn:aws:sts::123456789012:assumed-role/recovery/restore-tester"


# --- options ----------------------------------------------------------------------------------------------------------


def test_without_credentials_nobody_is_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    source = S3Source(Location("place", "s3", "s3://bucket/", (("endpoint_url", place.server.endpoint),)), SystemClock())
    with pytest.raises(SourceUnreachable) as caught:
        source.list_backups()
    assert caught.value.reason.code == "no_credentials"


@pytest.mark.parametrize(
    ("uri", "options", "code"),
    [
        ("s3:///orders", {}, "location_wrong"),
        ("s3://bucket/", {"profile": "no such profile"}, "location_wrong"),
        ("s3://bucket/", {"endpoint_url": "not a url"}, "location_wrong"),
        ("s3://Not_A_Bucket!/", {}, "location_wrong"),
        ("s3://bucket/", {"secret_key": "hunter2"}, "secret_reference"),
        ("s3://bucket/", {"secret_key": "env:NOT_SET_ANYWHERE"}, "secret_missing"),
    ],
)
def test_a_location_that_makes_no_sense_is_misuse(place: Place, uri: str, options: dict[str, str], code: str) -> None:
    found = {"endpoint_url": place.server.endpoint, "access_key": "env:ACCESS_KEY", "secret_key": "env:SECRET_KEY", **options}
    with pytest.raises(Misuse) as caught:
        S3Source(Location("place", "s3", uri, tuple(found.items())), SystemClock(), patience=QUICK).list_backups()
    assert caught.value.reason.code == code
    assert "hunter2" not in str(caught.value)
