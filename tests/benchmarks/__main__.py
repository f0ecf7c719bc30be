"""`make bench`: the figures that the README and the issues state, measured here. Never a timed test.

python -m tests.benchmarks [help small large memory docker configuration fetch listing history status metrics pages watch]
"""

from __future__ import annotations

import sys

from tests.benchmarks import (
    configuration,
    docker_drill,
    fetch,
    help_text,
    history,
    large,
    listing,
    memory,
    metrics,
    pages,
    small,
    status,
    watch,
)

BENCHES = {
    "help": help_text.run,
    "small": small.run,
    "large": large.run,
    "memory": memory.run,
    "docker": docker_drill.run,
    "configuration": configuration.run,
    "fetch": fetch.run,
    "listing": listing.run,
    "history": history.run,
    "status": status.run,
    "metrics": metrics.run,
    "pages": pages.run,
    "watch": watch.run,
}


def main() -> None:
    wanted = sys.argv[1:] or list(BENCHES)
    for name in wanted:
        print(f"== {name}", flush=True)
        BENCHES[name]()


if __name__ == "__main__":
    main()
