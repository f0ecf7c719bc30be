"""Files of a catalogue (`<engine>/<name>.sql`, `.py`) → `Check` values; every mistake of every file is said at once.

A file opens with its header, one `-- key: value` (in `.py`: `# key: value`) a line; see `docs/write-a-check.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import restore_tester
from restore_tester.checking.headers import Mistake, read_check
from restore_tester.errors import CannotTell, Misuse
from restore_tester.model import Check

ANY_ENGINE = "any"
ENGINES = (ANY_ENGINE, "postgresql", "mysql", "sqlite", "redis", "files")
SHIPPED = "shipped"
OWN = "own"
PYTHON_REFUSED = "a check in Python runs outside of the sandbox, so only those that come with the tool are asked"
LANGUAGES = {".sql": "sql", ".py": "python"}
_LARGEST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read of some files: checks, and what is wrong with the others."""

    checks: tuple[Check, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    def and_also(self, other: _Reading) -> _Reading:
        return _Reading(self.checks + other.checks, self.mistakes + other.mistakes)


def shipped_checks(engine: str | None = None) -> tuple[Check, ...]:
    """Return the checks that come with the tool, by name: those for one engine, or all. Raise CannotTell where they are missing."""
    checks = _reported(_read_folder(_shipped_folder(), ANY_ENGINE, SHIPPED)).checks
    return tuple(check for check in checks if engine is None or check.engine in (ANY_ENGINE, engine))


def load_checks(folder: Path, engine: str = ANY_ENGINE, *, allow_python: bool = False) -> tuple[Check, ...]:
    """Given a folder of one's own, return its checks: files that lie in it directly are for `engine`, files in `<engine>/` for that engine.

    Raise Misuse: `checks_missing`, `check_invalid`, `python_check_not_allowed`.
    """
    shipped = shipped_checks()
    own = _refuse_python(_read_own(folder, engine), folder, allow_python)
    return _reported(_without_doubles(_Reading(shipped).and_also(own), (folder,))).checks[len(shipped) :]


def load_catalogue(folders: tuple[Path, ...] = (), *, allow_python: bool = False) -> tuple[Check, ...]:
    """Return every shipped check and those of the folders given, for all engines. Raise as `load_checks` does, for all folders at once."""
    read = _Reading(shipped_checks())
    for folder in dict.fromkeys(folders):
        read = read.and_also(_refuse_python(_read_own(folder, ANY_ENGINE), folder, allow_python))
    return _reported(_without_doubles(read, folders)).checks


def _shipped_folder() -> Path:
    """In a wheel the catalogue is package data; in a checkout it is the folder beside the package."""
    package = Path(restore_tester.__file__).parent
    for folder in (package / "shipped_checks", package.parent / "checks"):
        if folder.is_dir():
            return folder
    raise CannotTell("catalogue_missing", "this installation has no checks", "install restore-tester again")


def _read_own(folder: Path, engine: str) -> _Reading:
    if not folder.is_dir():
        raise Misuse("checks_missing", f"there is no folder of checks {str(folder)!r}", "give --checks a folder that holds .sql files")
    read = _read_folder(folder, engine, OWN)
    if not read.checks and not read.mistakes:
        raise Misuse("checks_missing", f"there is no check in {str(folder)!r}", "put .sql files into it; docs/write-a-check.md shows one")
    return read


def _read_folder(folder: Path, engine: str, origin: str) -> _Reading:
    read = _Reading()
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            read = read.and_also(_read_engine(path, engine, origin))
        elif path.suffix in LANGUAGES:
            read = read.and_also(_read_file(path, engine, origin))
    return read


def _read_engine(folder: Path, wanted: str, origin: str) -> _Reading:
    """A folder whose name is no engine holds no checks; where it does, its name is a mistake that would silence them."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix in LANGUAGES and path.name[0] not in "._"]
    if files and folder.name not in ENGINES:
        return _Reading(mistakes=(Mistake.near(folder, 0, f"no engine is called {folder.name!r}", folder.name, ENGINES),))
    if wanted != ANY_ENGINE and folder.name not in (ANY_ENGINE, wanted):
        return _Reading()
    read = _Reading()
    for path in files:
        read = read.and_also(_read_file(path, folder.name, origin))
    return read


def _read_file(path: Path, engine: str, origin: str) -> _Reading:
    if not _NAME.fullmatch(path.stem):
        return _Reading(mistakes=(Mistake(path, 0, "a check's name has letters, digits, _ and - only"),))
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        return _Reading(mistakes=(Mistake(path, 0, f"it cannot be read: {error.strerror}"),))
    if len(content) > _LARGEST_BYTES:
        return _Reading(mistakes=(Mistake(path, 0, "it is larger than 1 MiB"),))
    read = read_check(path, content, engine, LANGUAGES[path.suffix], origin)
    return _Reading(checks=(read,)) if isinstance(read, Check) else _Reading(mistakes=read)


def _refuse_python(read: _Reading, folder: Path, allowed: bool) -> _Reading:
    """A check in Python runs here, outside of every sandbox, with all that we may do."""
    if allowed:
        return read
    python = [check for check in read.checks if check.language == "python"]
    # What else is wrong with such a file does not matter any more.
    malformed = {mistake.path for mistake in read.mistakes if LANGUAGES.get(mistake.path.suffix) == "python"}
    files = sorted({folder / f"{check.name}.py" for check in python} | malformed)
    others = tuple(mistake for mistake in read.mistakes if mistake.path not in malformed)
    refused = tuple(Mistake(path, 0, PYTHON_REFUSED) for path in files)
    return _Reading(tuple(check for check in read.checks if check not in python), (*others, *refused))


def _without_doubles(read: _Reading, folders: tuple[Path, ...]) -> _Reading:
    """A name says which check it was, in every record: it may stand for one only."""
    mistakes, seen = list(read.mistakes), dict[str, Check]()
    for check in read.checks:
        other = seen.setdefault(check.name, check)
        if other is not check and (ANY_ENGINE in (check.engine, other.engine) or check.engine == other.engine):
            whose = "a check that comes with the tool" if other.origin == SHIPPED else "another check"
            mistakes.append(Mistake(folders[-1], 0, f"{check.name} is the name of {whose}; rename yours"))
    return _Reading(read.checks, tuple(mistakes))


def _reported(read: _Reading) -> _Reading:
    if not read.mistakes:
        return read
    count = len(read.mistakes)
    said = "\n".join(mistake.sentence() for mistake in read.mistakes)
    message = f"1 mistake in a check: {said}" if count == 1 else f"{count} mistakes in checks:\n{said}"
    if any(mistake.fact == PYTHON_REFUSED for mistake in read.mistakes):
        raise Misuse("python_check_not_allowed", message, "write the check in SQL")
    raise Misuse("check_invalid", message, "correct the file and its header; docs/write-a-check.md lists the keys")
