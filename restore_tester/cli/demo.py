"""`restore-tester demo`: nothing at all → a database, its backups, spoiled copies of them, and a verdict on each."""

from __future__ import annotations

import typer

from restore_tester.cli.output import OutputOption


def demo(output: OutputOption = "text") -> None:
    """Make a database of its own, back it up, spoil copies, and verify them all in front of you (./restore-tester-demo)."""
    from restore_tester.cli import demonstration

    raise typer.Exit(demonstration.demonstrate(output))
