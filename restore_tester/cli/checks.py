"""`restore-tester checks`: the catalogue → a list of questions, or one of them in full; a folder of one's own is validated on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.output import OutputFormat, OutputOption

EXAMPLES = """\b
Examples:
  restore-tester checks                           every question that is asked
  restore-tester checks show foreign_keys         one of them, with its text
  restore-tester checks --checks ./checks/orders  yours too: a mistake in a header is said now
"""

FoldersOption = Annotated[
    list[Path] | None, typer.Option("--checks", metavar="DIR", help="Read the checks of this folder too. Repeatable.")
]

app = typer.Typer(help="List the questions that are asked of restored data.", epilog=EXAMPLES, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def checks(context: typer.Context, *, folders: FoldersOption = None, output: OutputOption = "text") -> None:
    if context.invoked_subcommand is None:
        from restore_tester.cli import questions

        raise typer.Exit(questions.list_questions(tuple(folders or ()), output))
    # What stands before `show` holds for it too.
    context.obj = (tuple(folders or ()), output)


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a check, as the list says it.", show_default=False)],
    *,
    folders: FoldersOption = None,
    output: Annotated[
        OutputFormat | None, typer.Option("--output", "-o", help="Text for people, or one JSON object.", show_default="text")
    ] = None,
) -> None:
    """Show one question in full."""
    from restore_tester.cli import questions

    more, otherwise = context.obj
    raise typer.Exit(questions.show_question(name, (*more, *(folders or ())), output or otherwise))
