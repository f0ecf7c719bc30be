"""`make bench`: the figures that the README and the issues state, measured here. Never a timed test.

python -m tests.benchmarks [help small large memory docker]
"""

from __future__ import annotations

import sys

from tests.benchmarks import docker_drill, help_text, large, memory, small

BENCHES = {"help": help_text.run, "small": small.run, "large": large.run, "memory": memory.run, "docker": docker_drill.run}


def main() -> None:
    wanted = sys.argv[1:] or list(BENCHES)
    for name in wanted:
        print(f"== {name}", flush=True)
        BENCHES[name]()


if __name__ == "__main__":
    main()
