"""`restore-tester serve`: a configuration → the service, until somebody asks it to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore_tester.cli.config_commands import DEFAULT_FILE, ConfigOption

DEFAULT_LISTEN = "127.0.0.1:8000"
EXAMPLES = """\b
Examples:
  restore-tester serve                            drill what is due; pages and /metrics on http://127.0.0.1:8000/
  kill -HUP PID                                   read the configuration again; with a mistake the old one stays

\b
Exit codes: 0 asked to stop, 2 usage or configuration, 3 it could not begin.
"""


def serve(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", envvar="RESTORE_TESTER_LISTEN", help="Where to answer HTTP.")
    ] = DEFAULT_LISTEN,
    config: ConfigOption = Path(DEFAULT_FILE),
) -> None:
    """Drill the fleet by its schedule, remember, and tell Prometheus."""
    from restore_tester.service import serving

    serving.serve(config, listen)
