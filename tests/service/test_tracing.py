"""Spans of a drill, as OpenTelemetry's own SDK makes them; and nothing at all where nobody asked for any."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from restore_tester.model import Stage, Verdict
from restore_tester.service.tracing import trace
from tests.histories import a_drill

BEGAN = datetime(2026, 11, 21, 3, tzinfo=UTC)


def test_a_drill_is_one_trace_with_a_span_for_each_stage_at_its_own_time() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stages = (Stage("fetch", BEGAN, 10.0, 1000), Stage("restore", BEGAN + timedelta(seconds=4), 20.0))
    drill = replace(a_drill("d-1", verdict=Verdict.FAILED), stages=stages, began_at=BEGAN, ended_at=BEGAN + timedelta(seconds=30))
    trace(provider.get_tracer("test"), drill)
    fetch, restore, whole = exporter.get_finished_spans()
    assert [span.name for span in (fetch, restore, whole)] == ["fetch", "restore", "drill"]
    assert whole.start_time is not None
    seconds = [((span.start_time or 0) - whole.start_time) / 1e9 for span in (fetch, restore)]
    assert (seconds, ((restore.end_time or 0) - whole.start_time) / 1e9) == ([0.0, 4.0], 24.0)
    assert whole.context is not None
    assert all(span.parent is not None and span.parent.span_id == whole.context.span_id for span in (fetch, restore))
    assert (whole.attributes or {})["restore_tester.drill"] == "d-1"
    assert not whole.status.is_ok


def test_nothing_is_imported_where_no_endpoint_is_named() -> None:
    code = (
        "import sys\nfrom restore_tester.service.tracing import tracing\n"
        "with tracing() as trace: trace(None)\nprint([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env={"PATH": "/usr/bin"})
    assert asked.stdout == "[]\n"
