"""`restore-tester show`: the id of a past drill → its record in full."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption


def show(
    drill: Annotated[str, typer.Argument(metavar="DRILL", help="The id of a drill, as history and run say it.", show_default=False)],
    *,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Show a past drill in full."""
    from restore_tester.cli import remembering

    raise typer.Exit(remembering.show(config, drill, output))
