"""The program that `link` starts: `python -I -S start.py CONTROL UID GID MEMORY PROCESSES DISK DEADLINE FOLDER [SHOWN …]`.

It finds its own package, so that compiled modules are used, and nothing of the site that surrounds it is.
"""

from __future__ import annotations

import os
import sys

_HOUSE = os.path.abspath(__file__).rsplit("/", 5)[0]  # noqa: PTH100 - no pathlib in the jail: its import is half our start

if __name__ == "__main__":
    sys.path.append(_HOUSE)
    from restore_tester.sandboxes.process.jail.guardian import main

    sys.exit(main())
