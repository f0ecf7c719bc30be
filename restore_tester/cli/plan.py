"""`restore-tester plan`: names of workloads → which backup would be drilled next, why, and what it would take; touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester plan                             the whole fleet
  restore-tester plan orders --location offsite

\b
Exit codes: 0; 1 or 3 where a drill would fail or be inconclusive for want of a backup, 2 usage or configuration.
"""


def plan(
    workloads: Annotated[list[str] | None, typer.Argument(metavar="[WORKLOAD]...", help="All without a name.", show_default=False)] = None,
    *,
    location: Annotated[str | None, typer.Option(metavar="LOCATION", help="Take the backup from this location.")] = None,
    backup: Annotated[
        str | None, typer.Option(metavar="ID|newest|oldest|random", help="This backup, instead of the one whose turn it is.")
    ] = None,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Say which backups would be drilled next, and why. Touches nothing."""
    from restore_tester.cli import looking_ahead
    from restore_tester.service import fleet

    asked = fleet.Asked(tuple(workloads or ()), not workloads, location, backup)
    raise typer.Exit(looking_ahead.plan(config, asked, output))
