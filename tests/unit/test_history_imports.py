"""What a history gives and takes costs nothing to import: SQLAlchemy is loaded by who opens one."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["restore_tester.history", "restore_tester.history.nouns"])
def test_the_nouns_of_history_load_no_database(module: str) -> None:
    code = f"import sys, {module}; print([name for name in ('sqlalchemy', 'alembic', 'psycopg', 'msgspec') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_up_to_date_history_is_opened_without_alembic(tmp_path: object) -> None:
    code = (
        "import sys; from restore_tester.history.records import open_history\n"
        "for alembic in (True, False):\n"
        f"    with open_history('sqlite:///{tmp_path}/history.db'): pass\n"
        "    print('alembic' in sys.modules)\n"
        "    [sys.modules.pop(name) for name in list(sys.modules) if name.startswith('alembic')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True\nFalse\n", "")
