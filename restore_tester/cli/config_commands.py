"""`restore-tester config`: what the operator wrote → every mistake in it with its place, or the JSON Schema of what could be written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester config check                     every mistake at once, with file:line:column
  restore-tester config check --live              and what matches in each location, what does not, how often backups come
  restore-tester config schema > schema.json      for editors and for CI
"""

DEFAULT_FILE = Path("restore-tester.yaml")
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", envvar="RESTORE_TESTER_CONFIG", help="The configuration to read.")
]

app = typer.Typer(
    help="Check the configuration, or describe what it may hold.", epilog=EXAMPLES, rich_markup_mode=None, no_args_is_help=True
)


@app.command("check")
def check(
    config: ConfigOption = DEFAULT_FILE,
    live: Annotated[bool, typer.Option("--live", help="Also list every location: read-only, nothing is fetched.")] = False,
    output: OutputOption = "text",
) -> None:
    """Say every mistake at once. Exit 0 without any, 2 with one; with --live also 1 or 3 for locations where no drill could begin."""
    from restore_tester.cli import configuration_check
    from restore_tester.service.sources import open_source

    raise typer.Exit(configuration_check.check(config, open_source if live else None, output))


@app.command("schema")
def schema(output: OutputOption = "json") -> None:
    """Print the JSON Schema of a configuration: JSON, whatever output is asked for."""
    from restore_tester.cli import configuration_check

    raise typer.Exit(configuration_check.print_schema())
