"""What botocore raises and returns → the house's errors, and answers that are what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from restore_tester.backups.s3_faults import Asked, Refusal, error_of, odd_answer, unreachable, without_credentials
from restore_tester.errors import Misuse, RestoreTesterError, SourceUnreachable

_PLAIN = (
    *(ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, ReadTimeoutError, SSLError),
    *(IncompleteReadError, ResponseStreamingError, OSError),
)


class Doubtful(Exception):
    """An answer that speaks against the object, or against the store, and may be one whose headers were cut off: it is asked for again,
    and believed when it stays."""

    def __init__(self, verdict: RestoreTesterError) -> None:
        super().__init__(verdict.reason.message)
        self.verdict = verdict


@contextmanager
def understood(about: Asked) -> Iterator[None]:
    """Turn what botocore raises into the house's errors."""
    try:
        yield
    except ClientError as error:
        raise error_of(refusal_in(error), about) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError) as error:
        hint = "give the location `access_key` and `secret_key`, a profile, or a role; or run where the AWS chain finds some"
        raise SourceUnreachable(
            "no_credentials", f"there are no credentials to read {about.uri} with: {without_credentials(str(error))}", hint
        ) from error
    except (ProfileNotFound, ParamValidationError, ValueError) as error:
        raise Misuse(
            "location_wrong", f"{about.uri} cannot be asked: {without_credentials(str(error))}", "correct the location's options"
        ) from error
    except Doubtful as error:
        raise error.verdict from None
    except ResponseParserError as error:
        raise odd_answer(about, str(error).partition("\n")[0][:200]) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise unreachable(about, _words(error)) from error


def _words(error: Exception) -> str:
    """What is not known to speak of addresses and times alone may quote what it could not send: a header, and the key in it."""
    cause = error.__cause__ or error.__context__
    return str(error) if isinstance(error, _PLAIN) else " of ".join(type(each).__name__ for each in (error, cause) if each is not None)


def refusal_in(error: ClientError) -> Refusal:
    """Return what the store said no with."""
    said = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    return Refusal(
        code=str(said.get("Code", "")),
        status=int(meta.get("HTTPStatusCode", 0)),
        message=str(said.get("Message", "")),
        archive=said.get("AccessTier") or said.get("StorageClass"),
        deleted=headers.get("x-amz-delete-marker") == "true",
    )


def is_transient(error: BaseException) -> bool:
    """Return whether asking again may help."""
    if isinstance(error, ClientError):
        return refusal_in(error).is_transient
    if isinstance(error, SSLError):
        return False
    passing = (Doubtful, HTTPClientError, IncompleteReadError, ResponseStreamingError, ResponseParserError, HTTPError, OSError)
    return isinstance(error, passing)


def having(answer: Mapping[str, Any], *proofs: str) -> Mapping[str, Any]:
    """An answer whose headers were cut off, or of another service, lacks what every store says: it is asked for again."""
    missing = [proof for proof in proofs if proof not in answer]
    if missing:
        raise ResponseParserError(f"it does not say {', '.join(missing)}")
    return answer


def total_in(answer: Mapping[str, Any]) -> int | None:
    """Return the whole object's size, whether all of it was sent or a range."""
    sent_of = answer.get("ContentRange")
    if sent_of is None:
        return int(answer["ContentLength"])
    total = str(sent_of).rpartition("/")[2]
    return int(total) if total.isdigit() else None
