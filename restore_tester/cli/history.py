"""`restore-tester history`: past drills, the newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption


def history(
    workload: Annotated[str | None, typer.Argument(metavar="[WORKLOAD]", help="Only drills of this workload.", show_default=False)] = None,
    *,
    location: Annotated[str | None, typer.Option(metavar="LOCATION", help="Only drills of this location.")] = None,
    verdict: Annotated[Literal["passed", "failed", "inconclusive"] | None, typer.Option(help="Only drills with this verdict.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 20,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """List past drills."""
    from restore_tester.cli import remembering
    from restore_tester.history.nouns import Search
    from restore_tester.model import Verdict

    search = Search(workload, location, Verdict(verdict) if verdict else None, None, limit)
    raise typer.Exit(remembering.history(config, search, output))
