"""`restore-tester status`: the history → one line a workload, for people who ask whether it could be recovered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption


def status(
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit 4 if any workload is stale, failing, or was never drilled.")] = False,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Say how every workload stands: proven when, recovery time, data loss."""
    from restore_tester.cli import overview

    raise typer.Exit(overview.status(config, output, check=check))
