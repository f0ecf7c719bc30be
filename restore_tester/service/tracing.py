"""A drill's record → OpenTelemetry spans: one for the drill, one for each stage in it, with the times that were measured.

Nothing is imported, and nothing sent, unless the extra `otel` is installed and `OTEL_EXPORTER_OTLP_ENDPOINT` says where to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from restore_tester import __version__
from restore_tester.model import Drill, Stage, Verdict
from restore_tester.service import logs

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Trace = Callable[[Drill], None]


@contextmanager
def tracing() -> Iterator[Trace]:
    """Give who sends the spans of a drill that ended; one that does nothing where nobody asked for it. What is on its way is sent
    before the block ends."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        yield _nothing
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logs.logger(__name__).warning(
            "no traces", hint="an endpoint for traces is set, but the extra is not installed: restore-tester[otel]"
        )
        yield _nothing
        return
    provider = TracerProvider(resource=Resource.create({"service.name": "restore-tester", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        tracer = provider.get_tracer("restore_tester")
        yield lambda drill: trace(tracer, drill)
    finally:
        provider.shutdown()


def trace(tracer: Tracer, drill: Drill) -> None:
    """Given where spans go, and a drill that ended, make its spans. They hold what a metric may hold: names, a verdict, codes."""
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

    attributes: dict[str, str | int | tuple[str, ...]] = {
        "restore_tester.drill": drill.drill,
        "restore_tester.workload": drill.workload or "",
        "restore_tester.location": drill.location or "",
        "restore_tester.trigger": drill.trigger,
        "restore_tester.verdict": drill.verdict.value,
        "restore_tester.proof_level": drill.proof_level,
        "restore_tester.reasons": tuple(reason.code for reason in drill.reasons),
    }
    whole = tracer.start_span("drill", kind=SpanKind.INTERNAL, attributes=attributes, start_time=_nanoseconds(drill.began_at))
    inside = set_span_in_context(whole)
    for stage in drill.stages:
        size = {} if stage.bytes is None else {"restore_tester.bytes": stage.bytes}
        span = tracer.start_span(stage.name, context=inside, attributes=size, start_time=_nanoseconds(stage.began_at))
        span.end(_nanoseconds(_end(stage)))
    if drill.verdict is not Verdict.PASSED:
        whole.set_status(Status(StatusCode.ERROR, drill.reasons[0].code if drill.reasons else drill.verdict.value))
    whole.end(_nanoseconds(drill.ended_at))


def _nothing(_drill: Drill) -> None:
    pass


def _end(stage: Stage) -> datetime:
    return stage.began_at + timedelta(seconds=stage.seconds)


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1000
