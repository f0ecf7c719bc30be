"""`restore-tester verify BACKUP`: options → one drill of one backup, without any configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester verify /backups/orders.dump
  restore-tester verify orders.sql.zst --rpo 24h --recovery-point "select max(beat_at) from heartbeat"
  restore-tester verify orders-dir/ --rto 45m --checks ./checks/orders
  restore-tester verify cluster.sql.gz --database orders -o json

\b
Exit codes: 0 passed, 1 failed (the backup or an objective is at fault), 2 usage,
3 inconclusive (we are at fault, or could not ask), 130 interrupted.
"""


def verify(
    backup: Annotated[str, typer.Argument(metavar="BACKUP", help="A dump: a file, or the folder of one.", show_default=False)],
    *,
    engine: Annotated[str | None, typer.Option(help="What it is, where its content does not say: postgresql.")] = None,
    sandbox: Annotated[str, typer.Option(help="Where it is restored: auto, process or docker.")] = "auto",
    image: Annotated[str | None, typer.Option(help="The image that recovery would use, for a docker sandbox.")] = None,
    database: Annotated[str | None, typer.Option(help="The database to judge, where the backup holds several.")] = None,
    rto: Annotated[str | None, typer.Option(help="Recovery time objective: 90s, 15m, 4h, 7d. Implies --profile faithful.")] = None,
    rpo: Annotated[str | None, typer.Option(help="Recovery point objective: 90s, 15m, 4h, 7d.")] = None,
    profile: Annotated[
        Literal["fast", "faithful"] | None,
        typer.Option(help="fast proves restorability soonest; faithful measures what recovery would take.", show_default="fast"),
    ] = None,
    checks: Annotated[list[Path] | None, typer.Option(metavar="DIR", help="Ask the questions of this folder too. Repeatable.")] = None,
    recovery_point: Annotated[
        str | None, typer.Option(metavar="SQL", help="A query that returns the newest beat of a heartbeat: it proves how old the data is.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the restored data directory behind and say where.")] = False,
    output: OutputOption = "text",
) -> None:
    """Prove one backup: restore it in a sandbox, ask it questions, measure."""
    from restore_tester.cli import request, verification

    wanted = request.Wanted(
        backup=backup,
        engine=engine,
        sandbox=sandbox,
        image=image,
        database=database,
        rto=rto,
        rpo=rpo,
        profile=profile,
        checks=tuple(checks or ()),
        recovery_point=recovery_point,
        keep=keep,
    )
    raise typer.Exit(verification.verify(wanted, output))
