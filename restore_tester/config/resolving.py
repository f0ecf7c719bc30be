"""Shapes that were found right, turned into the frozen nouns: objectives and cadence out of criticality, absolute paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from restore_tester.config import cron, shape
from restore_tester.config.nouns import (
    NOTIFIED,
    SHIPPED_CRITICALITIES,
    CheckOverride,
    Configuration,
    Criticality,
    LocationLimits,
    Mode,
    Pause,
    Ping,
    Strategy,
    Target,
    Workload,
)
from restore_tester.model import Heartbeat, Location, Objectives, Profile, RecoveryEnvironment, Severity

Part = tuple[Path, shape.IncludedShape]

_OPTIONS = (
    *("name", "timezone", "endpoint_url", "region", "profile", "role_arn", "external_id"),
    *("access_key", "secret_key", "session_token", "ca_bundle"),
)


def resolve(fleet: shape.FleetShape, parts: tuple[Part, ...]) -> Configuration:
    """Given the main file's shape, and each file's folder and shape (the main one's first), return the configuration."""
    bundles = _bundles([part for _, part in parts])
    return Configuration(
        history=fleet.history,
        sandbox=fleet.sandbox,
        concurrency=fleet.concurrency,
        settle_seconds=fleet.settle,
        mode=Mode(fleet.mode),
        allow_python_checks=fleet.allow_python_checks,
        open_pages=fleet.open_pages,
        watch_every_seconds=fleet.watch_every,
        jitter_seconds=fleet.jitter,
        quiet_hours=fleet.quiet_hours,
        paused=_pause(fleet.paused),
        accept_unsealed_sandbox=fleet.accept_unsealed_sandbox,
        api_token=fleet.api_token,
        metrics=fleet.metrics,
        stage_metrics=fleet.stage_metrics,
        find_good=fleet.find_good,
        public_url=fleet.public_url,
        notifications=tuple(_target(written) for written in fleet.notifications),
        ping=Ping(fleet.ping.url, fleet.ping.every) if fleet.ping else None,
        workloads=tuple(
            _workload(name, written, folder, bundles[written.criticality], fleet)
            for folder, part in parts
            for name, written in part.workloads.items()
        ),
    )


def _bundles(parts: list[shape.IncludedShape]) -> Mapping[str, Criticality]:
    bundles = dict(SHIPPED_CRITICALITIES)
    for part in parts:
        for name, written in part.criticality.items():
            shipped = bundles.get(name)
            bundles[name] = Criticality(
                _first(written.rto, shipped.recovery_time_seconds if shipped else None),
                _first(written.rpo, shipped.recovery_point_seconds if shipped else None),
                _first(written.drill_every, shipped.drill_every_seconds if shipped else None),
            )
    return bundles


def _first(written: float | None, otherwise: float | None) -> float:
    value = otherwise if written is None else written
    assert value is not None, "loading refuses a new criticality that lacks a value"
    return value


def _workload(name: str, written: shape.WorkloadShape, folder: Path, bundle: Criticality, fleet: shape.FleetShape) -> Workload:
    cadence = cron.widest_gap_seconds(written.schedule) if written.schedule else written.drill_every
    environment = written.recovery_environment
    return Workload(
        name=name,
        owner=written.owner,
        criticality=written.criticality,
        engine=written.engine,
        image=written.image,
        image_is_production=written.image_is == "production",
        heartbeat=Heartbeat(written.recovery_point, written.heartbeat_tolerance) if written.recovery_point else None,
        database=written.database,
        locations=tuple(_location(place, location, folder, fleet.settle) for place, location in written.locations.items()),
        objectives=Objectives(_first(written.rto, bundle.recovery_time_seconds), _first(written.rpo, bundle.recovery_point_seconds)),
        schedule=written.schedule,
        drill_every_seconds=_first(cadence, bundle.drill_every_seconds),
        timezone=written.timezone,
        select=Strategy(written.select),
        profile=Profile(written.profile),
        settings=tuple(written.settings.items()),
        recovery_environment=RecoveryEnvironment(environment.cpus, environment.memory) if environment else None,
        checks=written.checks,
        check_overrides=tuple(_override(check, override) for check, override in written.check_overrides.items()),
        depends_on=written.depends_on,
        mode=Mode(written.mode or fleet.mode),
        quiet_hours=fleet.quiet_hours if written.quiet_hours is None else written.quiet_hours,
        paused=_pause(written.paused or fleet.paused),
        limits=tuple(_limits(written.locations)),
    )


def _location(name: str, written: shape.FolderShape | shape.S3Shape, folder: Path, settle_seconds: float) -> Location:
    """Options are the source's own keys with the operator's values; references to secrets travel as `env:NAME`, `file:PATH`."""
    uri = (folder / written.path).as_uri() if isinstance(written, shape.FolderShape) else f"s3://{written.bucket}/{written.prefix}"
    values = ((key, getattr(written, key, None)) for key in _OPTIONS)
    options = [(key, str(value)) for key, value in values if value is not None]
    options.append(("settle_seconds", f"{settle_seconds:g}"))
    # What nobody wrote is left to the source, which waits longer for a folder of files than for a file.
    if isinstance(written, shape.FolderShape) and "quiet" in written.model_fields_set:
        options.append(("quiet_seconds", f"{written.quiet:g}"))
    return Location(name, written.type, uri, tuple(options))


def _limits(locations: Mapping[str, shape.FolderShape | shape.S3Shape]) -> Iterator[tuple[str, LocationLimits]]:
    for name, written in locations.items():
        if written.concurrency is not None or written.daily_budget is not None:
            yield name, LocationLimits(written.concurrency, written.daily_budget)


def _target(written: shape.NotificationShape) -> Target:
    return Target(
        url=written.url,
        when=NOTIFIED if "all" in written.when else written.when,
        workloads=written.workloads,
        criticality=written.criticality,
        owners=written.owners,
        at_most_every_seconds=written.at_most_every,
        digest=written.digest,
    )


def _pause(written: shape.PauseShape | None) -> Pause | None:
    return Pause(written.reason, written.until) if written else None


def _override(check: str, written: shape.OverrideShape) -> CheckOverride:
    severity = Severity(written.severity) if written.severity else None
    return CheckOverride(check, severity, written.except_, written.reason, written.until)
