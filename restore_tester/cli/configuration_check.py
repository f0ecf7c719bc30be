"""A configuration file → its mistakes and warnings, and with `--live` what lies in each location; as text or one JSON object."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restore_tester.cli.location_check import OpenSource, Seen, see_locations
from restore_tester.cli.output import OutputFormat, say, say_json
from restore_tester.clock import SystemClock
from restore_tester.config.loading import Loaded, examine
from restore_tester.judgement import exits
from restore_tester.judgement.wording import counted, duration, inert
from restore_tester.service.configured import trouble_with_name

CHECK_SCHEMA = "restore-tester/config-check/v1"


def check(file: Path, open_source: OpenSource | None, output: OutputFormat) -> int:
    """Say what is wrong; list every location where a way to open them is given. Return the exit code."""
    loaded = examine(file, trouble_with_name, SystemClock().now().date())
    seen: tuple[Seen, ...] = ()
    if open_source is not None and loaded.configuration is not None:
        seen = see_locations(loaded.configuration, open_source)
    if output == "json":
        say_json(json.dumps(_as_json(file, loaded, seen)).encode())
    else:
        say("".join(f"{_inert_lines(text)}\n" for text in _as_text(file, loaded, seen)), sys.stdout)
    if loaded.configuration is None:
        return exits.USAGE
    return (
        exits.FAILED if any(one.exit_code == exits.FAILED for one in seen) else max((one.exit_code for one in seen), default=exits.PASSED)
    )


def print_schema() -> int:
    """Print the JSON Schema of the configuration. Return the exit code."""
    from restore_tester.config.schema import json_schema

    say_json(json.dumps(json_schema(), indent=2).encode())
    return exits.PASSED


def _as_json(file: Path, loaded: Loaded, seen: tuple[Seen, ...]) -> dict[str, Any]:
    configuration = loaded.configuration
    return {
        "schema": CHECK_SCHEMA,
        "file": str(file),
        "files": loaded.files,
        "valid": configuration is not None,
        "workloads": len(configuration.workloads) if configuration else None,
        "locations": sum(len(workload.locations) for workload in configuration.workloads) if configuration else None,
        "mistakes": [asdict(mistake) for mistake in loaded.mistakes],
        "warnings": [asdict(warning) for warning in loaded.warnings],
        "live": [one.as_json() for one in seen],
    }


def _as_text(file: Path, loaded: Loaded, seen: tuple[Seen, ...]) -> list[str]:
    lines = [str(mistake) for mistake in loaded.mistakes]
    lines += [
        f"{warning.file}:{warning.line}:{warning.column}: warning: {warning.where}: {warning.message}\n  HINT: {warning.hint}"
        for warning in loaded.warnings
    ]
    if loaded.configuration is None:
        return [*lines, f"{file}: {counted(len(loaded.mistakes), 'mistake')}"]
    lines += [line for one in seen for line in _seen_as_text(one)]
    workloads = loaded.configuration.workloads
    locations = counted(sum(len(workload.locations) for workload in workloads), "location")
    return [*lines, f"{file}: no mistakes; {counted(len(workloads), 'workload')}, {locations}"]


def _seen_as_text(seen: Seen) -> list[str]:
    lines = [f"{seen.workload} / {seen.location}: {_summary(seen)}"]
    lines += [f"  not complete: {name}: {reason.message}" for name, reason in seen.incomplete]
    if seen.unrecognised_count:
        examples = ", ".join(seen.unrecognised)
        lines.append(f"  not recognised: {counted(seen.unrecognised_count, 'name')}, such as {examples}")
    for reason in seen.troubles:
        lines.append(f"  {reason.message}\n  HINT: {reason.hint}")
    return lines


def _summary(seen: Seen) -> str:
    if not seen.could_be_read:
        return "cannot be read"
    if not seen.backups:
        return "no backup to drill"
    newest = f", the newest of {seen.newest:%Y-%m-%d %H:%M:%S} UTC" if seen.newest else ""
    every = f", one every {duration(seen.interval_seconds)}" if seen.interval_seconds else ""
    return f"{counted(seen.backups, 'backup')}{newest}{every}"


def _inert_lines(text: str) -> str:
    return "\n".join(inert(line) for line in text.split("\n"))
