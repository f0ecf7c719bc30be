"""What an S3 store says no with → the house's errors: whose fault it is, who was refused, and whether asking again may help. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from restore_tester.config.secrets import resolved_values
from restore_tester.errors import BackupArchived, BackupUnusable, CannotTell, RestoreTesterError, SourceUnreachable

TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
TRANSIENT_CODES = frozenset(
    {
        *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeoutException", "OperationAborted"),
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequests"),
        *("BandwidthLimitExceeded", "KMS.ThrottlingException", "KMS.KMSInternalException", "KMS.DependencyTimeoutException"),
    }
)
_REFUSED_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed"}
)

# A shorter one would take words apart and prove nothing.
SHORTEST_KNOWN = 6
_USERINFO = re.compile(r"://.*@", re.DOTALL)

HOUR = 3600.0
# What the store's documentation promises for its standard retrieval, the later end, in seconds (dearer or slower tiers exist):
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
# Flexible Retrieval 3 to 5 h, Deep Archive within 12 h, Intelligent-Tiering Archive Access 3 to 5 h, its Deep Archive Access within 12 h.
THAWING_SECONDS = {
    "GLACIER": 5 * HOUR,
    "DEEP_ARCHIVE": 12 * HOUR,
    "ARCHIVE_ACCESS": 5 * HOUR,
    "DEEP_ARCHIVE_ACCESS": 12 * HOUR,
}
# An archive that says no more of itself: the longest of the above.
UNKNOWN_ARCHIVE_SECONDS = 12 * HOUR


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success: the store's code, the HTTP status, its words, and for an archived object where it lies."""

    code: str
    status: int
    message: str
    archive: str | None = None
    deleted: bool = False

    @property
    def is_transient(self) -> bool:
        return self.code in TRANSIENT_CODES or (self.status in TRANSIENT_STATUSES and not self.code.startswith("KMS."))


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, and by whom. `key` is None where the bucket itself was asked."""

    bucket: str
    key: str | None
    identity: str
    permission: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key or ''}"


def error_of(refusal: Refusal, asked: Asked) -> RestoreTesterError:
    """Given what the store said to what, return whose fault that is."""
    code, status = refusal.code, refusal.status
    if code == "NoSuchBucket" or (status == 404 and asked.key is None):
        return SourceUnreachable(
            "location_absent", f"there is no bucket {asked.bucket}", "correct the location's bucket, or its endpoint_url"
        )
    if code == "InvalidObjectState":
        return archived(asked, refusal.archive)
    if code.startswith("KMS.") and not refusal.is_transient:
        return _key_unusable(refusal, asked)
    if code == "RequestTimeTooSkewed":
        return SourceUnreachable("clock_skewed", "the store refuses what this machine's clock stamps", "set the clock of this machine")
    if code in _REFUSED_CREDENTIALS or status in (401, 403):
        return _denied(refusal, asked)
    if status == 404:
        return _gone(refusal, asked)
    if status in (412, 416):
        return changed(asked)
    if refusal.is_transient:
        said = f"the store of {asked.uri} is not able to answer ({code}, HTTP {status})"
        return SourceUnreachable("store_unreachable", said, "try again later; look at the store's health")
    said = f"the store refused to read {asked.uri} ({code}, HTTP {status}): {refusal.message}"
    return SourceUnreachable("store_refused", said, "look the code up in the store's documentation")


def archived(asked: Asked, where: str | None) -> BackupArchived:
    """Return that an object must be thawed first; `where` is its storage class or access tier."""
    seconds = THAWING_SECONDS.get(where or "", UNKNOWN_ARCHIVE_SECONDS)
    return BackupArchived(
        "archived",
        f"{asked.uri} lies in archive storage ({where or 'of an unnamed class'}): thawing it takes up to {seconds / HOUR:.0f} h",
        "keep a copy of recent backups in a class that answers at once, or thaw this one (aws s3api restore-object) and drill it again",
        thawing_seconds=seconds,
    )


def changed(asked: Asked) -> CannotTell:
    return CannotTell(
        "changed_while_read", f"{asked.uri} is not the object that was listed", "drill it again when the job that writes it has ended"
    )


def without_credentials(text: str) -> str:
    """Given a library's words, return them without what may stand between a URL's scheme and its host: rather too much than too little,
    for a password may hold anything. Secrets that this process knows are taken out wherever they stand."""
    for value in resolved_values():
        text = text.replace(value, "…") if len(value) >= SHORTEST_KNOWN else text
    return _USERINFO.sub("://…@", text)


def unreachable(asked: Asked, why: str) -> SourceUnreachable:
    """Return that the store could not be asked, or not be heard to the end."""
    said = f"the store of {asked.uri} cannot be reached: {without_credentials(why)}"
    return SourceUnreachable("store_unreachable", said, "look at the network, and at the location's endpoint_url (and ca_bundle)")


def odd_answer(asked: Asked, what: str) -> SourceUnreachable:
    """Return that something answered which does not speak S3 as it should: a proxy, a login page, another service."""
    return SourceUnreachable(
        "store_answers_oddly", f"the answer for {asked.uri} is not one of an S3 store: {without_credentials(what)}", "check endpoint_url"
    )


def _gone(refusal: Refusal, asked: Asked) -> BackupUnusable:
    how = "was deleted: a delete marker lies on it" if refusal.deleted else "was here and is gone"
    return BackupUnusable("backup_gone", f"{asked.uri} {how}", "drill again when the rotation is over")


def _denied(refusal: Refusal, asked: Asked) -> SourceUnreachable:
    """A key of KMS that refuses *us* proves nothing about others: DESIGN 3 calls that denied, and only a dead key unusable."""
    needs = re.search(r"kms:\w+", refusal.message)
    permission = f"{needs[0]} on the object's key" if needs else asked.permission
    said = f"{asked.identity} may not read {asked.uri} ({refusal.code})"
    if refusal.code in _REFUSED_CREDENTIALS:
        return SourceUnreachable("access_denied", said, "check the location's credentials and region: the store does not accept them")
    return SourceUnreachable("access_denied", said, f"grant it {permission}")


def _key_unusable(refusal: Refusal, asked: Asked) -> BackupUnusable:
    return BackupUnusable(
        "key_unusable",
        f"the key that {asked.uri} is encrypted with cannot be used ({refusal.code}): {refusal.message}",
        "enable the key again, or cancel its deletion: without it nobody can restore this backup",
    )
