"""`restore-tester demo`: nothing at all → a fleet of backups, sound and spoiled, a verdict on each, and a configuration to go on with."""

from __future__ import annotations

import typer

from restore_tester.cli.output import OutputOption


def demo(output: OutputOption = "text") -> None:
    """Make a shop with backups in two locations, some of them spoiled, and drill them all in front of you (./restore-tester-demo)."""
    from restore_tester.cli import demonstration

    raise typer.Exit(demonstration.demonstrate(output))
