"""What was typed after `verify` → a `DrillRequest`, or a Misuse that says what cannot be meant."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from restore_tester.checking.catalogue import load_catalogue
from restore_tester.config.secrets import holds_password
from restore_tester.errors import Misuse
from restore_tester.judgement.durations import parse_duration
from restore_tester.model import Check, Heartbeat, Location, Objectives, Profile
from restore_tester.planning import DrillRequest

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PASSWORD = re.compile(r"(?i)^[a-z][a-z0-9+.-]+://[^/@\s]*:[^/@\s]+@|[?&\s](?:password|pwd|pass)\s*=|^(?:password|pwd|pass)\s*=")
_DATABASES = ("postgres", "postgresql", "mysql", "mariadb", "redis", "mongodb", "sqlite")
SANDBOXES = ("auto", "process", "docker")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of `verify`, as they were typed."""

    backup: str
    engine: str | None = None
    sandbox: str = "auto"
    image: str | None = None
    database: str | None = None
    rto: str | None = None
    rpo: str | None = None
    profile: str | None = None
    checks: tuple[Path, ...] = ()
    recovery_point: str | None = None
    keep: bool = False


def drill_request(wanted: Wanted) -> DrillRequest:
    """Return the request. Raise Misuse for what cannot be meant, before anything is opened."""
    _refuse_sandbox(wanted)
    return DrillRequest(
        locations=(given_location(wanted.backup),),
        profile=_profile(wanted),
        objectives=Objectives(_seconds("--rto", wanted.rto), _seconds("--rpo", wanted.rpo)),
        heartbeat=Heartbeat(wanted.recovery_point) if wanted.recovery_point else None,
        engine=wanted.engine,
        database=wanted.database,
        image=wanted.image,
        checks=_checks(wanted.checks),
        keep=wanted.keep,
    )


def given_location(backup: str) -> Location:
    """Given what was typed as BACKUP, return where it lies: a path, `file://…`, `s3://BUCKET/KEY`. Raise Misuse for anything else."""
    if _PASSWORD.search(backup):
        raise Misuse(
            "secret_on_command_line",
            "a password stands on the command line, where every user can read it",
            "name the backup's path instead",
        )
    scheme = _URI.match(backup)
    if scheme is None:
        return Location(None, "given", Path(backup).absolute().as_uri())
    if scheme[1].lower() == "file":
        return Location(None, "given", backup)
    if scheme[1].lower() == "s3":
        return Location(None, "s3", backup, _store_options())
    if scheme[1].lower() in _DATABASES:
        raise Misuse("not_a_backup", "this names a running database, not a backup of it", "take a dump with pg_dump and name its path")
    raise Misuse("not_supported_yet", f"{scheme[1].lower()}:// cannot be read yet", "copy the backup to a disk here and name its path")


def _store_options() -> tuple[tuple[str, str], ...]:
    """Keys, profile and region come from the AWS chain, as every tool has them; which endpoint was asked stands in the record."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and holds_password(endpoint):
        raise Misuse(
            "secret_in_endpoint",
            "the endpoint's address holds credentials, and would stand in what is written",
            "leave them out of AWS_ENDPOINT_URL; name keys with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    return (("endpoint_url", endpoint),) if endpoint else ()


def _profile(wanted: Wanted) -> Profile:
    if wanted.rto is None:
        return Profile(wanted.profile or Profile.FAST)
    if wanted.profile == Profile.FAST:
        raise Misuse(
            "rto_with_fast",
            "--rto cannot be judged with --profile fast, which is not how recovery would run",
            "leave --profile away: --rto drills faithful by itself",
        )
    return Profile.FAITHFUL


def _seconds(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Misuse("duration_malformed", f"{option}: {error}", f"for example {option} 4h") from error


def _refuse_sandbox(wanted: Wanted) -> None:
    if wanted.sandbox not in SANDBOXES:
        raise Misuse("sandbox_unknown", f"there is no sandbox {wanted.sandbox!r}", f"use one of: {', '.join(SANDBOXES)}")
    if wanted.image is not None and wanted.sandbox != "docker":
        raise Misuse("image_without_docker", "--image belongs to the docker sandbox", "add --sandbox docker")


def _checks(folders: tuple[Path, ...]) -> tuple[Check, ...]:
    return load_catalogue(folders)
