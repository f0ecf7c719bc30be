"""Arguments → a command → an exit code: 0 passed, 1 failed, 2 usage, 3 inconclusive, 4 stale (`status --check`),
130 interrupted.

Only the options live here and in the command modules' signatures; what a command needs is imported when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from restore_tester import __version__
from restore_tester.cli import (
    accept,
    checks,
    config_commands,
    demo,
    doctor,
    find_good,
    history,
    init,
    notify,
    plan,
    serve,
    show,
    status,
    verify,
)
from restore_tester.cli import run as run_command
from restore_tester.cli.output import Complaint, complain

if TYPE_CHECKING:
    from restore_tester.errors import RestoreTesterError

PROGRAM = "restore-tester"
# As in judgement/exits.py, whose import (of every noun) is not for `--help` to pay.
EXIT_USAGE, EXIT_INTERRUPTED = 2, 130

EXAMPLES = """\b
Examples:
  restore-tester demo                             the whole thing, on a database of its own
  restore-tester verify /backups/orders.dump      is this backup any good?
  restore-tester verify orders.sql.gz --rpo 24h --recovery-point "select max(beat_at) from heartbeat"
  restore-tester run --all                        drill the fleet that restore-tester.yaml describes
  restore-tester status                           one line a workload: proven when, how fast, losing what
  restore-tester doctor                           can drills run here? what is missing?

\b
Exit codes: 0 passed, 1 failed, 2 usage, 3 inconclusive, 4 stale (status --check), 130 interrupted.
"""

app = typer.Typer(
    name=PROGRAM,
    help="Restores your backups, proves that the data is there, and measures real recovery time and data loss.",
    epilog=EXAMPLES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("verify", epilog=verify.EXAMPLES)(verify.verify)
app.command("run", epilog=run_command.EXAMPLES)(run_command.run)
app.command("plan", epilog=plan.EXAMPLES)(plan.plan)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("history")(history.history)
app.command("find-good", epilog=find_good.EXAMPLES)(find_good.find_good)
app.command("accept", epilog=accept.EXAMPLES)(accept.accept)
app.command("notify", epilog=notify.EXAMPLES)(notify.notify)
app.command("init", epilog=init.EXAMPLES)(init.init)
app.command("demo")(demo.demo)
app.add_typer(checks.app, name="checks")
app.add_typer(config_commands.app, name="config")
app.command("doctor")(doctor.doctor)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def restore_tester(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")] = False,
) -> None:
    # Without a command nothing was verified, so this must not look like success to whoever reads the exit code.
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EXIT_USAGE)


def main() -> NoReturn:
    """Run the command line and leave the process with the contract's exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Given arguments, run their command. Return the exit code."""
    command = typer.main.get_command(app)
    try:
        return int(command.main(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
    except typer.TyperException as error:
        complain(_usage(error), arguments)
        return EXIT_USAGE
    except typer.Abort:
        return EXIT_INTERRUPTED
    except _foreseen() as error:
        return _report(error, arguments)
    except _interrupted():
        complain(Complaint("interrupted", "interrupted before anything was proven", "start it again"), arguments)
        return EXIT_INTERRUPTED


def _report(error: RestoreTesterError, arguments: Sequence[str]) -> int:
    from restore_tester.judgement.exits import exit_code_of

    complain(Complaint(error.reason.code, error.reason.message, error.reason.hint), arguments)
    return exit_code_of(error)


def _usage(error: typer.TyperException) -> Complaint:
    message = error.format_message().strip().rstrip(".")
    context: typer.Context | None = getattr(error, "ctx", None)
    where = context.command_path if context else PROGRAM
    return Complaint("usage", message[:1].lower() + message[1:], f"see {where} --help")


# An except clause is looked at only once something was raised, so these keep the errors' module out of `--help`.


def _foreseen() -> type[RestoreTesterError]:
    from restore_tester.errors import RestoreTesterError

    return RestoreTesterError


def _interrupted() -> type[BaseException]:
    from restore_tester.errors import Interrupted

    return Interrupted
