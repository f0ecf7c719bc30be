"""`restore-tester accept`: what a drill found → confirmed as the new normal, with a reason; drift counts from there."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester accept 20261121T030002Z-1a2b3c4d --reason "storage moved to the slower tier"
"""


def accept(
    drill: Annotated[str, typer.Argument(metavar="DRILL", help="The drill, by its id.", show_default=False)],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why this is the new normal. It is kept.")],
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Confirm what a drill measured as the new baseline of its location."""
    from restore_tester.cli import accepting

    raise typer.Exit(accepting.accept(config, drill, reason, getpass.getuser(), output))
