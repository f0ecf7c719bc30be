"""Events → lines: JSON in production, readable on a terminal; no secret ever in them. The one room that knows structlog.

What libraries log (uvicorn, APScheduler, warnings) goes the same way and through the same redaction.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder
from structlog.stdlib import BoundLogger, ProcessorFormatter

from restore_tester.contracts import DrillEvent
from restore_tester.model import Drill, DrillOrder, Verdict
from restore_tester.service.redaction import redacted_value

if TYPE_CHECKING:
    # Everybody may log, these too.
    from restore_tester.service.crew import Ended
    from restore_tester.service.fleet import Job

Logger = BoundLogger

# Their INFO is one line per job or connection, and says nothing that ours do not.
_QUIET: Final = ("uvicorn", "uvicorn.error", "apscheduler", "botocore", "boto3", "urllib3", "alembic", "docker", "asyncio")
_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")


def begin(stream: TextIO | None = None, *, level: str = "info", readable: bool | None = None) -> None:
    """From now on, write events to a stream (stdout by default): readable where it is a terminal, else one JSON object a line."""
    target = stream if stream is not None else sys.stdout
    is_readable = target.isatty() if readable is None else readable
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(is_readable=is_readable, colours=target.isatty()))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def logger(name: str) -> Logger:
    """Return who writes events under a module's name: `.info("what happened", drill=…, location=…)`. Until `begin`, only warnings are
    seen."""
    chain: list[Any] = [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _TIME,
        ProcessorFormatter.wrap_for_formatter,
    ]
    made: Logger = structlog.wrap_logger(logging.getLogger(name), processors=chain, wrapper_class=BoundLogger)
    return made


def watch(job: Job, order: DrillOrder, event: DrillEvent) -> None:
    """Write one line as a stage of a drill ends. Fits `crew.Watch`."""
    if event.kind == "ended":
        facts = {"workload": job.workload.name, "location": order.location.name, "stage": event.stage}
        logger("restore_tester.drill").info("stage ended", drill=order.drill, **facts)


def ended(outcome: Ended) -> None:
    """Write what came of a job: a drill, or why there is none; and that it could not be remembered, if so."""
    log = logger("restore_tester.drill").bind(workload=outcome.job.workload.name)
    if outcome.error is not None:
        reason = outcome.error.reason
        log.error("no drill", code=reason.code, message=reason.message, hint=reason.hint)
    if outcome.drill is not None:
        _drill_ended(log, outcome.drill)
    if outcome.forgotten is not None:
        reason = outcome.forgotten.reason
        log.error("drill not remembered", code=reason.code, message=reason.message, hint=reason.hint)


def _drill_ended(log: Logger, drill: Drill) -> None:
    write = log.info if drill.verdict is Verdict.PASSED else log.warning
    write(
        "drill ended",
        drill=drill.drill,
        location=drill.location,
        trigger=drill.trigger,
        backup=drill.backup.id,
        verdict=drill.verdict.value,
        reasons=[{"code": reason.code, "message": reason.message, "hint": reason.hint} for reason in drill.reasons],
        proof_level=drill.proof_level,
        recovery_time_seconds=drill.recovery_time_seconds,
        data_loss_seconds=drill.data_loss_seconds,
        stages={stage.name: round(stage.seconds, 3) for stage in drill.stages},
    )


def _formatter(*, is_readable: bool, colours: bool) -> ProcessorFormatter:
    last: Any = structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="at") if is_readable else structlog.processors.JSONRenderer()
    return ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, _TIME, _where],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            # An exception becomes text before anything is redacted: its message may hold what was typed into an address.
            structlog.processors.format_exc_info,
            _redact,
            last,
        ],
    )


_where = CallsiteParameterAdder({CallsiteParameter.MODULE})


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Nothing gets past this: every value, and every key, is looked at just before it is written."""
    found = redacted_value(event)
    assert isinstance(found, dict)
    return found
