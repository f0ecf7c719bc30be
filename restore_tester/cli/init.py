"""`restore-tester init`: a folder or a bucket's prefix → a commented configuration of the workloads whose backups lie there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE
from restore_tester.cli.output import OutputOption

EXAMPLES = """\b
Examples:
  restore-tester init /backups
  restore-tester init s3://acme-dr/postgres/      another endpoint than AWS: AWS_ENDPOINT_URL
  restore-tester init /backups --output-file conf.d/eu.yaml      to be named under `include`

\b
Exit codes: 0, 2 usage, a file that is there already or nothing where to look, 3 nothing could be
read or recognised.
"""


def init(
    uri: Annotated[str, typer.Argument(metavar="URI", help="A folder, or s3://BUCKET/PREFIX.", show_default=False)],
    *,
    output_file: Annotated[Path, typer.Option("--output-file", metavar="FILE", help="The configuration to write.")] = DEFAULT_FILE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    output: OutputOption = "text",
) -> None:
    """Look at what lies there and write a configuration for it. Reads names, times and the ends of one backup of each workload;
    restores nothing."""
    from restore_tester.cli import initialising

    raise typer.Exit(initialising.initialise(uri, initialising.Target(output_file, force), output))
