"""What lies in a place, as it was written into a configuration → the same as text for people, or as one JSON object."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from restore_tester.cli.config_commands import DEFAULT_FILE
from restore_tester.cli.first_configuration import Aside, Store
from restore_tester.cli.first_fleet import NewWorkload
from restore_tester.cli.page import Page, Span, Tone, padded
from restore_tester.judgement.wording import counted, duration

INIT_SCHEMA = "restore-tester/init/v1"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies there, as it will be written."""

    store: Store
    workloads: tuple[NewWorkload, ...]
    aside: tuple[Aside, ...]
    at: datetime


def _next_commands(file: Path) -> tuple[str, str]:
    named = "" if file == DEFAULT_FILE else f" -c {shlex.quote(str(file))}"
    return (f"restore-tester config check --live{named}", f"restore-tester plan{named}")


def describe(page: Page, found: Found, file: Path) -> None:
    page.text(f"{found.store.uri}: {counted(len(found.workloads), 'workload')}", Tone.STRONG)
    width = min(32, max(len(workload.name) for workload in found.workloads))
    for workload in found.workloads:
        page.text(_in_words(workload), indent=2, lead=Span(f"{padded(workload.name, width)}  "))
        for note in workload.notes:
            page.text(note, Tone.UNSURE, indent=width + 4)
    for each in found.aside:
        page.text(f"{each.count} not placed: {each.why}, such as {each.names[0]}", Tone.DIM, indent=2)
    page.blank()
    page.text(f"written: {file}. Set the owners in it, then:")
    for command in _next_commands(file):
        page.row(Span("  "), Span(command, Tone.STRONG))


def _in_words(workload: NewWorkload) -> str:
    named = workload.places[0].named
    every = f", one every {duration(workload.interval_seconds)}" if workload.interval_seconds else ""
    facts = workload.facts
    made = f", {facts.format} of {facts.engine} {facts.engine_version or ''}".rstrip() if facts and facts.format else ""
    also = f", also in {', '.join(place.name for place in workload.places[1:])}" if len(workload.places) > 1 else ""
    zone = f", {named.zone.name} ({named.zone.certainty})" if named.zone else ""
    return f"{counted(len(named.backups), 'backup')}{every}{made}{also}: {named.folder}{named.pattern or '*'}{zone}"


def as_json(found: Found, file: Path) -> dict[str, Any]:
    return {
        "schema": INIT_SCHEMA,
        "uri": found.store.uri,
        "file": str(file),
        "workloads": [_workload_as_json(workload) for workload in found.workloads],
        "not_placed": [{"why": each.why, "count": each.count, "names": each.names} for each in found.aside],
        "next": _next_commands(file),
    }


def _workload_as_json(workload: NewWorkload) -> dict[str, Any]:
    facts = workload.facts
    return {
        "name": workload.name,
        "criticality": workload.criticality,
        "rpo": workload.rpo,
        "interval_seconds": workload.interval_seconds,
        "engine": facts.engine if facts else None,
        "engine_version": facts.engine_version if facts else None,
        "format": facts.format if facts else None,
        "databases": facts.databases if facts else (),
        "notes": workload.notes,
        "locations": [
            {
                "name": place.name,
                "folder": place.named.folder,
                "pattern": place.named.pattern,
                "timezone": place.named.zone.name if place.named.zone else None,
                "timezone_certainty": place.named.zone.certainty if place.named.zone else None,
                "backups": len(place.named.backups),
                "newest": place.named.times[-1].isoformat().replace("+00:00", "Z"),
                "oldest": place.named.times[0].isoformat().replace("+00:00", "Z"),
            }
            for place in workload.places
        ],
    }
