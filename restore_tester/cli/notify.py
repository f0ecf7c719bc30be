"""`restore-tester notify --test`: the configured notifications → a test message to each, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption
from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester notify --test                    does a message reach everybody whom `notifications` names?

\b
Exit codes: 0 all were delivered, 2 usage or configuration, 3 one was not.
"""


def notify(
    *,
    test: Annotated[bool, typer.Option("--test", help="Send one message to each target now.")] = False,
    config: ConfigOption = Path(DEFAULT_FILE),
    output: OutputOption = "text",
) -> None:
    """Send a test message to each target of `notifications`, and say what came of each."""
    if not test:
        raise typer.BadParameter("changes are told by the service; this command only tests: notify --test")
    from restore_tester.cli import notifying

    raise typer.Exit(notifying.test(config, output))
