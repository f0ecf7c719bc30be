"""An S3 store, asked patiently → pages of objects, unfinished uploads, delete markers, and bytes of one object that is still itself.

The one room of boto3, loaded only when a store is first asked. Nothing here writes: the calls are ListObjectsV2,
ListObjectVersions, ListMultipartUploads, GetBucketVersioning, HeadObject, GetObject, GetObjectAttributes, and GetCallerIdentity
of STS.

What may pass by itself (5xx, SlowDown, a cut or stalled connection) is asked again with growing pauses, here and nowhere
else: botocore's own retries are off, because they end where the body begins. What is final (403, 404, archive, keys) is
asked once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_after_attempt, wait_random_exponential
from urllib3.exceptions import HTTPError

from restore_tester.backups.ordered import Lane, Stopped
from restore_tester.backups.s3_answers import Doubtful, having, is_transient, refusal_in, total_in, understood
from restore_tester.backups.s3_faults import Asked, changed, odd_answer
from restore_tester.backups.s3_session import open_session, refuse_credentials_in, who
from restore_tester.backups.s3_sums import Stored, Uncompared, part_sums, sum_in
from restore_tester.backups.s3_versions import Deleted, deleted_in, keeps_versions
from restore_tester.errors import RestoreTesterError, SourceUnreachable
from restore_tester.model import Location

Answer = TypeVar("Answer")
BLOCK_BYTES = 256 << 10
# Of a bucket's versions, so many thousands are looked through for what was deleted.
VERSION_PAGES = 1000
_NEXT_OBJECTS = {"ContinuationToken": "NextContinuationToken"}
_NEXT_UPLOADS = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
_NEXT_VERSIONS = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
_UNTOLD = ("access_denied", "store_refused")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask, the longest pause between, and how long to wait for a connection and for the next bytes (seconds)."""

    attempts: int = 7
    longest_pause_seconds: float = 8.0
    connect_seconds: float = 10.0
    read_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Object:
    key: str
    size_bytes: int
    etag: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of an object, from `start`, `length` of them, of one listed with this ETag and size."""

    key: str
    etag: str
    size_bytes: int
    start: int
    length: int

    @property
    def is_whole(self) -> bool:
        return self.length == self.size_bytes


class Store:
    """Given a location (options `endpoint_url region profile role_arn external_id access_key secret_key
    session_token ca_bundle`) and how many connections may be open at once. Raise Misuse, SourceUnreachable (`no_credentials`)."""

    def __init__(self, location: Location, bucket: str, patience: Patience, connections: int) -> None:
        self._options = dict(location.options)
        self._bucket = bucket
        self._patience = patience
        self._config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=patience.connect_seconds,
            read_timeout=patience.read_seconds,
            max_pool_connections=connections,
            response_checksum_validation="when_required",
            user_agent_extra="restore-tester",
        )
        with understood(Asked(bucket, None, "this process", "sts:AssumeRole")):
            session = open_session(self._options)
            self._client = session.client(
                "s3", config=self._config, endpoint_url=self._options.get("endpoint_url"), verify=self._options.get("ca_bundle")
            )
            refuse_credentials_in(self._client.meta.endpoint_url)
            self.identity = who(session, self._options)

    def of_bucket(self, bucket: str) -> Store:
        """Return the same store, asked for another bucket by the same client."""
        other = copy(self)
        other._bucket = bucket
        return other

    # --- listing ------------------------------------------------------------------------------------------------------

    def objects(self, prefix: str) -> Iterator[Object]:
        """Return every object below a prefix. Raise SourceUnreachable where any page is missing."""
        for page in self.pages(prefix):
            yield from page

    def pages(self, prefix: str) -> Iterator[tuple[Object, ...]]:
        """Return every object below a prefix, page by page, in the store's order. Raise SourceUnreachable where one is missing."""
        about = self._asked(None, "s3:ListBucket")
        for page in self._pages("list_objects_v2", prefix, _NEXT_OBJECTS):
            found = tuple(
                Object(each["Key"], each["Size"], each.get("ETag", ""), each["LastModified"].astimezone(UTC))
                for each in page.get("Contents", ())
            )
            if not all(each.key.startswith(prefix) for each in found):
                raise odd_answer(about, "it lists keys that do not begin with the prefix that was asked for")
            yield found

    def exactly(self, key: str) -> Object | None:
        """Return the object of that very key, None where there is none. Listed, so that it needs no permission beside listing."""
        page = self._page("list_objects_v2", {"Prefix": key, "MaxKeys": 1})
        for each in page.get("Contents", ()):
            if each["Key"] == key:
                return Object(key, each["Size"], each.get("ETag", ""), each["LastModified"].astimezone(UTC))
        return None

    def has_any(self, prefix: str) -> bool:
        page = self._page("list_objects_v2", {"Prefix": prefix, "MaxKeys": 1})
        return any(each["Key"].startswith(prefix) for each in page.get("Contents", ()))

    def uploads(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Return (key, when it began) of each unfinished multipart upload; none where the store will not say: few identities may ask."""
        for page in self._where_allowed(self._pages("list_multipart_uploads", prefix, _NEXT_UPLOADS)):
            for each in page.get("Uploads", ()):
                if each["Key"].startswith(prefix):
                    yield each["Key"], each["Initiated"].astimezone(UTC)

    def deleted(self, prefix: str) -> Iterator[Deleted]:
        """Return what delete markers hide, among the first million of versions; none where the store will not say."""
        found = deleted_in(self._where_allowed(self._versions(prefix)))
        return (each for each in found if each.key.startswith(prefix))

    def _versions(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """A bucket that never kept versions lists its objects here once more: after the first page it is asked whether it does."""
        for page in islice(self._pages("list_object_versions", prefix, _NEXT_VERSIONS), VERSION_PAGES):
            yield page
            if page["IsTruncated"] and not keeps_versions(page) and not self._may_keep_versions:
                return

    @cached_property
    def _may_keep_versions(self) -> bool:
        about = self._asked(None, "s3:GetBucketVersioning")
        try:
            answer: Mapping[str, Any] = self._patiently(about, lambda: self._client.get_bucket_versioning(Bucket=self._bucket))
        except SourceUnreachable:
            return True
        return "Status" in answer

    def _where_allowed(self, pages: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Few identities may ask for more than the listing: without it less is known, and nothing is wrong."""
        try:
            yield from pages
        except SourceUnreachable as error:
            if error.reason.code not in _UNTOLD:
                raise

    def _pages(self, operation: str, prefix: str, following: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """`following` says how the next page is asked for by what this one says. A store that sends us in circles is no store."""
        asked: dict[str, str] = {}
        been: set[int] = set()
        while True:
            page = self._page(operation, {"Prefix": prefix, **asked})
            yield page
            if not page["IsTruncated"]:
                return
            asked = {name: page[said] for name, said in following.items() if page.get(said)}
            here = hash(tuple(asked.values()))
            if not asked or here in been:
                what = "a page of the listing says there are more, and not where"
                raise odd_answer(self._asked(None, "s3:ListBucket"), what)
            been.add(here)

    def _page(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What does not say whether it is all is no listing: botocore reads any XML, and a login page would be an empty bucket."""
        about = self._asked(None, {"list_objects_v2": "s3:ListBucket"}.get(operation, "s3:ListBucketVersions"))

        def ask() -> Mapping[str, Any]:
            found: Mapping[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **asked)
            return having(found, "IsTruncated")

        return self._patiently(about, ask)

    # --- reading ------------------------------------------------------------------------------------------------------

    def sum_of(self, span: Span) -> Stored:
        """Return the sum that the store keeps of the object, None where it keeps none."""
        about = self._asked(span.key, "s3:GetObject")

        def head() -> Mapping[str, Any] | None:
            """A refusal to HEAD has no words: GET, which comes next, is told why, or is allowed where HEAD is not."""
            try:
                found: Mapping[str, Any] = self._client.head_object(
                    Bucket=self._bucket, Key=span.key, IfMatch=span.etag, ChecksumMode="ENABLED"
                )
                _same(span, having(found, "ETag", "ContentLength"), int(found["ContentLength"]), about)
            except ClientError as error:
                if refusal_in(error).is_transient:
                    raise
                return None
            return found

        answer = self._patiently(about, head)
        return self._by_parts(span, sum_in(answer)) if answer is not None else None

    def _by_parts(self, span: Span, found: Stored) -> Stored:
        """A sum of an upload's parts can be compared where the store tells their borders; few do, and few identities may ask."""
        if not isinstance(found, Uncompared) or not found.of_parts:
            return found
        about = self._asked(span.key, "s3:GetObjectAttributes")
        try:
            return part_sums(self._attributes(span, about), found.algorithm, span.size_bytes) or found
        except RestoreTesterError:
            return found

    def _attributes(self, span: Span, about: Asked) -> Iterator[Mapping[str, Any]]:
        def ask() -> Mapping[str, Any]:
            page: Mapping[str, Any] = self._client.get_object_attributes(
                Bucket=self._bucket, Key=span.key, ObjectAttributes=["ETag", "ObjectParts"], MaxParts=1000, PartNumberMarker=marker
            )
            return page

        marker = 0
        while True:
            page = self._patiently(about, ask)
            if str(page.get("ETag", "")).strip('"') != span.etag.strip('"'):
                raise changed(about)
            yield page
            parts = page.get("ObjectParts", {})
            following = int(parts.get("NextPartNumberMarker", 0))
            if not parts.get("IsTruncated") or following <= marker:
                return
            marker = following

    def read(self, span: Span, lane: Lane) -> Stored:
        """Fill the lane's buffer with the span. Return the sum of the whole object, where the span is all of it and the store keeps one."""
        about = self._asked(span.key, "s3:GetObject")
        found: Stored = None
        while True:
            found = self._patiently(about, lambda: self._read_on(span, lane, about), lane.stop) or found
            if lane.arrived == span.length:
                return self._by_parts(span, found)

    def small(self, key: str, limit: int) -> bytes | None:
        """Return a small object beside a backup, None where there is none; at most `limit` bytes."""
        about = self._asked(key, "s3:GetObject")

        def get() -> bytes | None:
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if (refusal := refusal_in(error)).status == 404 and refusal.code != "NoSuchBucket":
                    return None
                raise
            with body:
                content: bytes = body.read(limit)
                return content

        return self._patiently(about, get)

    def _read_on(self, span: Span, lane: Lane, about: Asked) -> Stored:
        """Read from where the last connection broke. Progress made is kept: a broken connection after some is no failed attempt."""
        if lane.stop.is_set():
            raise Stopped
        had = lane.arrived
        wanted: dict[str, str] = {"ChecksumMode": "ENABLED"}
        if not span.is_whole or had:
            wanted = {"Range": f"bytes={span.start + had}-{span.start + span.length - 1}"}
        answer = self._client.get_object(Bucket=self._bucket, Key=span.key, IfMatch=span.etag, **wanted)
        with answer["Body"] as body:
            having(answer, "ETag", "ContentLength")
            _same(span, answer, total_in(answer), about)
            if answer["ContentLength"] != span.length - had:
                raise Doubtful(odd_answer(about, "it sent another range than the one asked for"))
            try:
                while lane.arrived < span.length:
                    if lane.stop.is_set():
                        raise Stopped
                    until = min(lane.arrived + BLOCK_BYTES, span.length)
                    size = body.readinto(lane.buffer[lane.arrived : until])
                    if not size:
                        break
                    lane.arrived += size
            except (BotoCoreError, HTTPError, OSError):
                if lane.arrived == had:
                    raise
        return sum_in(answer) if span.is_whole and not had else None

    # --- asking -------------------------------------------------------------------------------------------------------

    def _patiently(self, about: Asked, ask: Callable[[], Answer], stop: threading.Event | None = None) -> Answer:
        """A pause ends at once when `stop` is set: nobody waits for a fetch that was interrupted."""
        again = Retrying(
            sleep=sleep_using_event(stop) if stop is not None else time.sleep,
            stop=stop_after_attempt(self._patience.attempts),
            wait=wait_random_exponential(multiplier=0.2, max=self._patience.longest_pause_seconds),
            retry=retry_if_exception(is_transient),
            reraise=True,
        )
        with understood(about):
            return again(ask)

    def _asked(self, key: str | None, permission: str) -> Asked:
        return Asked(self._bucket, key, self.identity, permission)


def _same(span: Span, answer: Mapping[str, Any], size_bytes: int | None, about: Asked) -> None:
    """If-Match is the store's to keep; one that does not know it is found out here."""
    if answer["ETag"] != span.etag or size_bytes != span.size_bytes:
        raise Doubtful(changed(about))
