"""`restore-tester doctor`: this machine → whether drills can run here, what is missing, and the command that installs it."""

from __future__ import annotations

import typer

from restore_tester.cli.output import OutputOption


def doctor(output: OutputOption = "text") -> None:
    """Say whether drills can run here, what is missing, and the command that installs it."""
    from restore_tester.cli import examination

    raise typer.Exit(examination.examine(output))
