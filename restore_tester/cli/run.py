"""`restore-tester run`: names of workloads → their drills by configuration, now, remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester run orders                       the backup whose turn it is
  restore-tester run orders --backup newest --location offsite
  restore-tester run --all -o json                the whole fleet, side by side

\b
Exit codes (the worst verdict decides): 0 passed, 1 failed, 2 usage or configuration,
3 inconclusive, 130 interrupted.
"""


def run(
    workloads: Annotated[list[str] | None, typer.Argument(metavar="[WORKLOAD]...", help="Workloads by name.", show_default=False)] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Drill every workload of the configuration.")] = False,
    location: Annotated[str | None, typer.Option(metavar="LOCATION", help="Take the backup from this location.")] = None,
    backup: Annotated[
        str | None, typer.Option(metavar="ID|newest|oldest|random", help="Drill this backup, instead of the one whose turn it is.")
    ] = None,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Drill workloads by configuration, now."""
    from restore_tester.cli import running
    from restore_tester.service import fleet

    asked = fleet.Asked(tuple(workloads or ()), every, location, backup)
    raise typer.Exit(running.run(config, asked, output))
