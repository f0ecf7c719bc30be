"""The page on operating a fleet names every command that works by a configuration, each of their options, and each exit code."""

from __future__ import annotations

from pathlib import Path

import typer

from restore_tester.cli.app import app
from restore_tester.judgement import exits

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
COMMANDS = ("run", "plan", "status", "history", "show")


def test_every_option_of_a_fleets_commands_is_documented() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {name for command in COMMANDS for option in commands[command].params for name in option.opts if name.startswith("--")}
    shown_as = {"--config": "-c FILE", "--output": "-o json"}
    assert [option for option in sorted(options) if shown_as.get(option, option) not in PAGE] == []


def test_every_exit_code_is_documented() -> None:
    codes = (exits.PASSED, exits.FAILED, exits.USAGE, exits.INCONCLUSIVE, exits.STALE, exits.INTERRUPTED)
    assert [code for code in codes if f"\n| {code} |" not in PAGE] == []
