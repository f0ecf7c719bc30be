"""A location's options → a session with credentials that renew themselves, and who they say we are."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.utils import parse_timestamp

from restore_tester.config.secrets import holds_password, parse_reference
from restore_tester.errors import Misuse

# Where nobody names a region: buckets elsewhere redirect from here, and stores that are not AWS do not care.
ANY_REGION = "us-east-1"
_SECRETS = ("access_key", "secret_key", "session_token")


def open_session(options: Mapping[str, str]) -> boto3.Session:
    """Given `region profile role_arn external_id access_key secret_key session_token`; what is not given, the AWS chain finds.
    Raise Misuse (`secret_missing`, `secret_reference`), and what botocore raises."""
    secrets = {key: parse_reference(options[key]).resolve() if key in options else None for key in _SECRETS}
    session = boto3.Session(
        aws_access_key_id=secrets["access_key"],
        aws_secret_access_key=secrets["secret_key"],
        aws_session_token=secrets["session_token"],
        region_name=options.get("region"),
        profile_name=options.get("profile"),
    )
    _read_instants_fast(session._session)
    if session.region_name is None:
        session._session.set_config_variable("region", ANY_REGION)
    return _in_role(session, options["role_arn"], options.get("external_id")) if "role_arn" in options else session


def _read_instants_fast(session: botocore.session.Session) -> None:
    """A listing is instants for the most part, in one form: botocore's own reader, for any form, takes as long as all the rest."""
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)


def _instant(value: Any) -> datetime:
    with suppress(TypeError, ValueError):
        read = datetime.fromisoformat(value)
        if read.tzinfo is not None:
            return read
    other: datetime = parse_timestamp(value)
    return other


def refuse_credentials_in(endpoint: str) -> None:
    """Given the address that is really asked, whoever named it. Raise Misuse (`secret_in_endpoint`): libraries repeat it in errors."""
    if holds_password(endpoint) or "@" in urlsplit(endpoint).netloc:
        fact = "the address of the store's endpoint holds credentials, which libraries and servers write into their messages"
        raise Misuse("secret_in_endpoint", fact, "leave them out of endpoint_url and AWS_ENDPOINT_URL; name keys with the AWS_* variables")


def _in_role(session: boto3.Session, role_arn: str, external_id: str | None) -> boto3.Session:
    """Credentials of a role that renew themselves: a fetch may outlast the hour that they are good for."""
    source = session.get_credentials()
    if source is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=session._session.create_client,
        source_credentials=source,
        role_arn=role_arn,
        extra_args={"RoleSessionName": "restore-tester"} | ({"ExternalId": external_id} if external_id else {}),
    )
    inner = botocore.session.Session()
    _read_instants_fast(inner)
    inner._credentials = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)
    return boto3.Session(botocore_session=inner, region_name=session.region_name)


def who(session: boto3.Session, options: Mapping[str, str]) -> str:
    """Return the caller's ARN as AWS knows it, else the access key's id with its middle left out. Stores that are not AWS have no STS."""
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    key_id: str = credentials.get_frozen_credentials().access_key
    masked = f"access key {key_id[:4]}…{key_id[-4:]}" if len(key_id) > 12 else f"access key {key_id[:4]}…"
    if "endpoint_url" in options:
        return f"{masked}@{urlsplit(options['endpoint_url']).netloc.rpartition('@')[2]}"
    try:
        quick = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 1})
        arn: str = session.client("sts", config=quick, verify=options.get("ca_bundle")).get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError):
        return masked
    return arn
