"""`restore-tester find-good`: a workload whose newest backup may be bad → the newest one that a drill proves good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester find-good orders                 back from the newest, until one is good
  restore-tester find-good orders --location offsite --most 5

\b
Exit codes: 0 one was found, 1 every backup that was drilled is bad, 2 usage or configuration,
3 nothing could be told, 130 interrupted.
"""


def find_good(
    workload: Annotated[str, typer.Argument(metavar="WORKLOAD", help="The workload, by name.", show_default=False)],
    *,
    location: Annotated[str | None, typer.Option(metavar="LOCATION", help="Where to look. Default: its first location.")] = None,
    most: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Drill at most so many backups.")] = 20,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Walk back through the retained backups and name the newest that passes, and how to restore it."""
    from restore_tester.cli import walking_back

    raise typer.Exit(walking_back.find_good(config, workload, location, most, output))
