"""A location's options → a session with credentials that renew themselves, and who they say we are."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from restore_tester.config.secrets import parse_reference

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
    if session.region_name is None:
        session._session.set_config_variable("region", ANY_REGION)
    return _in_role(session, options["role_arn"], options.get("external_id")) if "role_arn" in options else session


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
