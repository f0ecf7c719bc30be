"""The demo's folder: a working configuration, room for the backups and the history, and what says that all of it is the demo's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restore_tester.cli.config_commands import DEFAULT_FILE
from restore_tester.cli.demo_backups import CASES, DATABASE, HEARTBEAT_QUERY, NAME, OFFSITE, PRIMARY
from restore_tester.errors import Misuse

FOLDER = Path("restore-tester-demo")
CONFIGURATION = DEFAULT_FILE.name
PAGE = "results.html"
ABOUT = "about.txt"
BACKUPS = "backups"
HISTORY = "restore-tester.db"
RECOVERY_POINT_OBJECTIVE = "24h"
CONFIGURATION_TEXT = f"""\
# A working configuration: what `restore-tester demo` drilled by. The next demo makes this folder anew; copy it to keep it.
history: sqlite:///{HISTORY}
sandbox: process
workloads:
  {DATABASE}:
    owner: you
    rto: 15m
    rpo: {RECOVERY_POINT_OBJECTIVE}
    drill_every: 1d
    recovery_point: {HEARTBEAT_QUERY}
    locations:
      {PRIMARY}: {{type: folder, path: {BACKUPS}/{PRIMARY}, name: "{NAME}"}}
      {OFFSITE}: {{type: folder, path: {BACKUPS}/{OFFSITE}, name: "{NAME}"}}
"""
ABOUT_TEXT = f"""\
Made by restore-tester demo, which makes this folder anew: keep nothing here.

{CONFIGURATION}   the configuration by which {BACKUPS}/ was drilled
{HISTORY}     every drill, remembered
{PAGE}          what came of them: open it in a browser

The backups are of a shop that traded for three days, played through in seconds: names, file times and the headers of the
archives are set back to the day that each stands for. All else in them is what pg_dump wrote, or was spoiled on purpose:

"""
_OURS = re.compile(
    rf"{ABOUT}|{re.escape(CONFIGURATION)}|{PAGE}|{re.escape(HISTORY)}(-wal|-shm|-journal|-service)?|{BACKUPS}(/({PRIMARY}|{OFFSITE}))?"
    rf"|{BACKUPS}/({PRIMARY}|{OFFSITE})/shop-[0-9-]+T[0-9]+Z\.(dump|sql|data)"
)


@contextmanager
def demo_folder() -> Iterator[Path]:
    """Yield the demo's folder with its configuration and empty locations; it is taken away again where the demo does not come
    to its end. Raise Misuse (`demo_folder_taken`) where something of somebody else lies there."""
    if FOLDER.is_symlink() or (FOLDER.exists() and not _is_ours(FOLDER)):
        fact = f"{FOLDER.absolute()} is here already, and not all in it is the demo's own"
        raise Misuse("demo_folder_taken", fact, "remove it where you need nothing of it, or start the demo in another folder")
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    complete = False
    try:
        for location in (PRIMARY, OFFSITE):
            (FOLDER / BACKUPS / location).mkdir(parents=True)
        (FOLDER / ABOUT).write_text(ABOUT_TEXT + "".join(f"{BACKUPS}/{each.location}: {each.story}\n" for each in CASES))
        (FOLDER / CONFIGURATION).write_text(CONFIGURATION_TEXT)
        yield FOLDER
        complete = True
    finally:
        if not complete:
            shutil.rmtree(FOLDER, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Only what the demo wrote, and left as it wrote it, may be made anew."""
    about, configuration = folder / ABOUT, folder / CONFIGURATION
    ours = about.is_file() and about.read_text(errors="replace").startswith(ABOUT_TEXT)
    untouched = not configuration.exists() or configuration.read_text(errors="replace") == CONFIGURATION_TEXT
    return ours and untouched and all(_OURS.fullmatch(path.relative_to(folder).as_posix()) for path in folder.rglob("*"))
