"""The shape of a configuration: every key, its type, its default and its description. pydantic lives here and in `rules`.

What needs two values at once is in `meaning`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from restore_tester.config.rules import (
    ChecksFolder,
    ClockTime,
    CriticalityName,
    Day,
    Duration,
    DurationOrZero,
    Endpoint,
    Engine,
    FilePath,
    HistoryPlace,
    ModeName,
    Name,
    NamePattern,
    Quiet,
    Reference,
    Schedule,
    Setting,
    Size,
    StrategyName,
    Text,
    Until,
    WebAddress,
    Zone,
)


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class CriticalityShape(Shape):
    """What a shipped criticality leaves out here keeps its shipped value; a new one needs all three."""

    rto: Duration | None = Field(None, description="Recovery time objective: how long recovery may take.", examples=["1h"])
    rpo: Duration | None = Field(None, description="Recovery point objective: how much data, in time, may be lost.", examples=["15m"])
    drill_every: Duration | None = Field(None, description="How often a workload is drilled.", examples=["1d"])


class PauseShape(Shape):
    reason: Text = Field(description="Why: it stands beside everything that is paused.", examples=["storage migration"])
    until: Until = Field(description="When drills start again: the last day of the pause, or an instant.")


class LimitedShape(Shape):
    concurrency: int | None = Field(None, ge=1, le=1000, description="How many drills may read its store at once, at most.")
    daily_budget: Size | None = Field(
        None, description="Bytes that drills may fetch from here in a day of UTC; more is refused, loudly.", examples=["500GiB"]
    )


class FolderShape(LimitedShape):
    type: Literal["folder"] = Field(description="Backups lie in a folder of this machine, or one mounted here.")
    path: Text = Field(description="The folder. Relative paths count from the folder of this file.", examples=["backups/orders"])
    name: NamePattern | None = Field(
        None,
        description="What the backups are called, with their stamp in braces (strftime directives) and {any} for other text. "
        "By default every file is a backup, dated by when it was stored.",
        examples=["orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump"],
    )
    timezone: Zone = Field(
        "UTC", description="The zone of the stamp in the name, where it does not say one itself.", examples=["Europe/Berlin"]
    )
    quiet: DurationOrZero = Field(
        "1m", validate_default=True, description="How long a file must have been quiet before it counts as whole."
    )


class S3Shape(LimitedShape):
    type: Literal["s3"] = Field(description="Backups lie in a bucket of S3 or of a store that speaks its protocol.")
    bucket: Text = Field(description="The bucket.", examples=["acme-dr"])
    prefix: str = Field("", description="What the keys of these backups begin with; `name` is what follows.", examples=["orders/"])
    name: NamePattern | None = Field(
        None,
        description="What the backups are called after the prefix, with their stamp in braces (strftime directives) and {any} for other "
        "text. By default every object is a backup, dated by when it was stored.",
        examples=["orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump"],
    )
    timezone: Zone = Field(
        "UTC", description="The zone of the stamp in the name, where it does not say one itself.", examples=["Europe/Berlin"]
    )
    endpoint_url: Endpoint | None = Field(
        None, description="The store's address, where it is not AWS.", examples=["https://minio.example.com:9000"]
    )
    region: Text | None = Field(None, description="The bucket's region.", examples=["eu-central-1"])
    profile: Text | None = Field(None, description="A profile of the AWS configuration on this machine.", examples=["recovery"])
    role_arn: Text | None = Field(None, description="A role to take on before reading: best the one that recovery would use.")
    external_id: Text | None = Field(None, description="The external id that the role asks for.")
    access_key: Reference | None = Field(None, description="Reference to the access key's id. By default the AWS credential chain.")
    secret_key: Reference | None = Field(None, description="Reference to the access key's secret.")
    session_token: Reference | None = Field(None, description="Reference to the session token that goes with temporary keys.")
    ca_bundle: FilePath | None = Field(
        None, description="Certificates to trust, where the store has its own authority.", examples=["/etc/ssl/minio.pem"]
    )


LocationShape = Annotated[FolderShape | S3Shape, Field(discriminator="type")]


class RecoveryEnvironmentShape(Shape):
    cpus: Annotated[float, Field(gt=0, le=4096)] | None = Field(None, description="Processors that recovery would have.", examples=[4])
    memory: Size | None = Field(None, description="Memory that recovery would have.", examples=["8GiB"])


class OverrideShape(Shape):
    severity: Literal["gating", "warning", "info"] | None = Field(None, description="How grave a problem found by this check is here.")
    except_: tuple[Text, ...] = Field(
        (), alias="except", description="Catalogue names that the check passes over.", examples=[["public.legacy"]]
    )
    reason: Text = Field(description="Why: it stands beside the check in every record.", examples=["legacy ids"])
    until: Day = Field(description="The last day on which this holds.", examples=["2027-01-31"])


class WorkloadShape(Shape):
    owner: Text = Field(description="Who is called when its drill fails.", examples=["payments-sre"])
    criticality: CriticalityName = Field("essential", description="The bundle of objectives and cadence that it starts from.")
    engine: Engine | None = Field(
        None, description="What the backup must be restored as. By default its content says it.", examples=["postgresql"]
    )
    image: Text | None = Field(
        None, description="Docker and Kubernetes sandboxes: the image that recovery would use.", examples=["postgres:16"]
    )
    image_is: Literal["production", "similar"] = Field(
        "similar", description="`production`: an extension that the image lacks fails the drill. `similar`: it is inconclusive."
    )
    heartbeat_tolerance: DurationOrZero = Field(
        "5m", validate_default=True, description="How far apart the beats that `recovery_point` reads may lie."
    )
    database: Text | None = Field(
        None, description="The database to judge where a backup holds several. By default all.", examples=["orders"]
    )
    locations: dict[Name, LocationShape] = Field(
        min_length=1, description="Where its backups lie. The order counts: the first is drilled most."
    )
    rto: Duration | None = Field(None, description="Recovery time objective, instead of the criticality's.", examples=["45m"])
    rpo: Duration | None = Field(None, description="Recovery point objective, instead of the criticality's.", examples=["15m"])
    schedule: Schedule | None = Field(
        None, description="When to drill: five cron fields, Sunday is 0. Instead of `drill_every`.", examples=["0 3 * * *"]
    )
    drill_every: Duration | None = Field(None, description="How often to drill, instead of the criticality's.", examples=["1d"])
    timezone: Zone = Field("UTC", description="The zone of `schedule`.", examples=["Europe/Berlin"])
    select: StrategyName = Field("rotating", description="Which backup a drill takes.")
    profile: Literal["faithful", "fast"] = Field(
        "faithful", description="`fast` proves restorability soonest; its recovery time is never judged."
    )
    recovery_point: Text | None = Field(
        None,
        description="A query that returns the newest beat of the source: a heartbeat.",
        examples=["select max(beat_at) from heartbeat"],
    )
    settings: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")], Setting] = Field(
        {}, description="The server's settings, as in production.", examples=[{"shared_buffers": "4GB"}]
    )
    recovery_environment: RecoveryEnvironmentShape | None = Field(
        None, description="What recovery would have: the RTO is judged only on its like."
    )
    checks: tuple[ChecksFolder, ...] = Field((), description="Folders with questions of its own, from the folder of this file.")
    check_overrides: dict[Name, OverrideShape] = Field({}, description="Checks that are treated differently here, for a reason and a time.")
    depends_on: tuple[Name, ...] = Field((), description="Workloads that must be back before this one.", examples=[["customers"]])
    mode: ModeName | None = Field(None, description="`observe`: judged and shown, never paged. By default the fleet's mode.")
    quiet_hours: tuple[Quiet, ...] | None = Field(
        None, description="Hours in which no drill starts by itself, in its `timezone`. By default the fleet's.", examples=[["22:00-06:00"]]
    )
    paused: PauseShape | None = Field(None, description="No drill starts by itself until the pause ends. By default the fleet's.")


class NotificationShape(Shape):
    url: Reference = Field(description="Reference to where messages go: an address of apprise, as `slack://…`, which is a secret.")
    when: tuple[Literal["failed", "recovered", "inconclusive", "stale", "all"], ...] = Field(
        ("all",), min_length=1, description="Which changes are told.", examples=[["failed", "recovered"]]
    )
    workloads: tuple[Text, ...] = Field(
        (), description="Only of workloads that are called like one of these; `*` is any text.", examples=[["orders", "shop-*"]]
    )
    criticality: tuple[CriticalityName, ...] = Field((), description="Only of workloads of these.", examples=[["mission-critical"]])
    owners: tuple[Text, ...] = Field((), description="Only of workloads of these owners.", examples=[["payments-sre"]])
    at_most_every: Duration = Field(
        "1m", validate_default=True, description="Messages are at least so far apart; what happens meanwhile stands in the next."
    )
    digest: ClockTime | None = Field(
        None, description="When, in UTC, a summary of how everything stands is sent each day.", examples=["08:00"]
    )


class PingShape(Shape):
    url: Reference = Field(description="Reference to the address, of a service that calls somebody once it is asked no more.")
    every: Duration = Field("5m", validate_default=True, description="How often it is asked, while the service is healthy.")


class IncludedShape(Shape):
    criticality: dict[Name, CriticalityShape] = Field({}, description="Bundles of objectives and cadence, by name.")
    workloads: dict[Name, WorkloadShape] = Field({}, description="Everything that is drilled, by name.")


class FleetShape(IncludedShape):
    """The main file."""

    history: HistoryPlace = Field(
        "sqlite:///restore-tester.db", validate_default=True, description="Where drills are remembered. Never with a password."
    )
    sandbox: Literal["auto", "process", "docker"] = Field("auto", description="Where backups are restored.")
    concurrency: int = Field(2, ge=1, le=1000, description="How many drills run side by side.")
    settle: DurationOrZero = Field("1h", validate_default=True, description="A backup that is still incomplete after this has failed.")
    mode: ModeName = Field("page", description="`observe`: judged and shown, never paged.")
    allow_python_checks: bool = Field(False, description="Whether checks written in Python may load from outside the shipped catalogue.")
    open_pages: bool = Field(False, description="Whether pages may be read without a token.")
    watch_every: Duration = Field(
        "5m", validate_default=True, description="How often the service lists every location: what came, what is missing."
    )
    jitter: DurationOrZero = Field(
        "5m", validate_default=True, description="How far drills of one `schedule` are spread, at most a tenth of its gaps."
    )
    quiet_hours: tuple[Quiet, ...] = Field(
        (), description="Hours in which no drill starts by itself, in each workload's `timezone`.", examples=[["22:00-06:00"]]
    )
    paused: PauseShape | None = Field(None, description="No drill of the fleet starts by itself until the pause ends.")
    accept_unsealed_sandbox: bool = Field(
        False, description="Whether the service may decode backups in a sandbox that has a way out to the network."
    )
    api_token: Reference | None = Field(
        None, description="Reference to the token that starts drills by `POST /api/v1/drills`. Without it nobody can."
    )
    metrics: Literal["auto", "full", "lean"] = Field(
        "auto", description="How many series a location has; `auto` is `lean` above 5000 locations."
    )
    stage_metrics: bool = Field(False, description="Whether each stage of a drill has a series of its own.")
    find_good: int = Field(
        10, ge=0, le=1000, description="Most drills that a walk back to the last good backup takes; 0: it is not looked for by itself."
    )
    public_url: WebAddress | None = Field(
        None, description="Where people reach the pages: messages link there.", examples=["https://restore-tester.example.com"]
    )
    notifications: tuple[NotificationShape, ...] = Field((), description="Who is told when the state of a workload changes.")
    ping: PingShape | None = Field(None, description="A dead man's switch outside, asked while the service is healthy.")
    include: tuple[Text, ...] = Field(
        (),
        description="More files with `workloads` and `criticality`: paths or patterns, from the folder of this file.",
        examples=[["conf.d/*.yaml"]],
    )
