"""An S3 store, asked patiently → pages of objects, unfinished uploads, delete markers, and bytes of one object that is still itself.

The one room of boto3, loaded only when a store is first asked. Nothing here writes: the calls are ListObjectsV2,
ListObjectVersions, ListMultipartUploads, HeadObject, GetObject, and GetCallerIdentity of STS.

What may pass by itself (5xx, SlowDown, a cut or stalled connection) is asked again with growing pauses, here and nowhere
else: botocore's own retries are off, because they end where the body begins. What is final (403, 404, archive, keys) is
asked once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_after_attempt, wait_random_exponential
from urllib3.exceptions import HTTPError

from restore_tester.backups.ordered import Lane, Stopped
from restore_tester.backups.s3_answers import Doubtful, having, is_transient, refusal_in, total_in, understood
from restore_tester.backups.s3_faults import Asked, changed, odd_answer
from restore_tester.backups.s3_session import open_session, who
from restore_tester.backups.s3_sums import Sum, sum_in
from restore_tester.errors import SourceUnreachable
from restore_tester.model import Location

Answer = TypeVar("Answer")
BLOCK_BYTES = 256 << 10
MARKERS_READ = 1000


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
            self.identity = who(session, self._options)

    # --- listing ------------------------------------------------------------------------------------------------------

    def objects(self, prefix: str) -> Iterator[Object]:
        """Return every object below a prefix, page by page. Raise SourceUnreachable where any page is missing."""
        token: dict[str, str] = {}
        while True:
            page = self._page("list_objects_v2", {"Prefix": prefix, **token})
            for each in page.get("Contents", ()):
                yield Object(each["Key"], each["Size"], each.get("ETag", ""), each["LastModified"].astimezone(UTC))
            if not page["IsTruncated"]:
                return
            following = page.get("NextContinuationToken")
            if not following or following == token.get("ContinuationToken"):
                raise odd_answer(self._asked(None, "s3:ListBucket"), "a page of the listing says there are more, and not where")
            token = {"ContinuationToken": following}

    def exactly(self, key: str) -> Object | None:
        """Return the object of that very key, None where there is none. Listed, so that it needs no permission beside listing."""
        page = self._page("list_objects_v2", {"Prefix": key, "MaxKeys": 1})
        for each in page.get("Contents", ()):
            if each["Key"] == key:
                return Object(key, each["Size"], each.get("ETag", ""), each["LastModified"].astimezone(UTC))
        return None

    def has_any(self, prefix: str) -> bool:
        return bool(self._page("list_objects_v2", {"Prefix": prefix, "MaxKeys": 1}).get("Contents"))

    def uploads(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Return (key, when it began) of each unfinished multipart upload; none where the store will not say: few identities may ask."""
        markers: dict[str, str] = {}
        while True:
            try:
                page = self._page("list_multipart_uploads", {"Prefix": prefix, **markers})
            except SourceUnreachable as error:
                if error.reason.code in ("access_denied", "store_refused"):
                    return
                raise
            for each in page.get("Uploads", ()):
                yield each["Key"], each["Initiated"].astimezone(UTC)
            following = {"KeyMarker": page.get("NextKeyMarker", ""), "UploadIdMarker": page.get("NextUploadIdMarker", "")}
            if not page["IsTruncated"] or following == markers:
                return
            markers = following

    def delete_markers(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Return (key, when) of objects that a delete marker hides, of the first thousand versions; none where the store will not say."""
        try:
            page = self._page("list_object_versions", {"Prefix": prefix, "MaxKeys": MARKERS_READ})
        except SourceUnreachable as error:
            if error.reason.code in ("access_denied", "store_refused"):
                return
            raise
        for each in page.get("DeleteMarkers", ()):
            if each["IsLatest"]:
                yield each["Key"], each["LastModified"].astimezone(UTC)

    def _page(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What does not say whether it is all is no listing: botocore reads any XML, and a login page would be an empty bucket."""
        about = self._asked(None, {"list_objects_v2": "s3:ListBucket"}.get(operation, "s3:ListBucketVersions"))

        def ask() -> Mapping[str, Any]:
            found: Mapping[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **asked)
            return having(found, "IsTruncated")

        return self._patiently(about, ask)

    # --- reading ------------------------------------------------------------------------------------------------------

    def sum_of(self, span: Span) -> Sum | None:
        """Return the sum that the store keeps of the whole object, None where it keeps none that can be compared."""
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
        return sum_in(answer) if answer is not None else None

    def read(self, span: Span, lane: Lane) -> Sum | None:
        """Fill the lane's buffer with the span. Return the sum of the whole object, where the span is all of it and the store keeps one."""
        about = self._asked(span.key, "s3:GetObject")
        found: Sum | None = None
        while True:
            found = self._patiently(about, lambda: self._read_on(span, lane, about), lane.stop) or found
            if lane.arrived == span.length:
                return found

    def small(self, key: str, limit: int) -> bytes | None:
        """Return a small object beside a backup, None where there is none; at most `limit` bytes."""
        about = self._asked(key, "s3:GetObject")

        def get() -> bytes | None:
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if error.response["Error"].get("Code") == "NoSuchKey":
                    return None
                raise
            with body:
                content: bytes = body.read(limit)
                return content

        return self._patiently(about, get)

    def _read_on(self, span: Span, lane: Lane, about: Asked) -> Sum | None:
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
