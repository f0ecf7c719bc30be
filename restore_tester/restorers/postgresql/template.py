"""A server's programs → a fresh data directory in the workspace, copied from a template that initdb made once.

initdb takes 0.8 s, a copy 0.05 s. Templates lie in the user's cache, one per server, locale and checksums; a template counts
only when it is complete, and where the cache cannot be written each drill makes its own data directory. initdb runs inside
the sandbox, and before anything of a backup does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from restore_tester.contracts import Command, Sandbox
from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.model import Profile
from restore_tester.restorers.postgresql.servers import Server

SUPERUSER = "restore_tester_sandbox"  # no role of production is called so: a cluster's dump would alter it under us
LOCALES = ("C.UTF-8", "C")
DATA_FOLDER = "data"
_COMPLETE = "complete"
_INITDB_SECONDS = 300.0
_CHECKSUMS_BY_DEFAULT_SINCE = 18
_COPY_BLOCK_BYTES = 1 << 30
_SPARSE_FROM_BYTES = 1 << 22
_ZEROS = bytes(1 << 18)


def place_data_directory(server: Server, sandbox: Sandbox, profile: Profile) -> None:
    """Given a sandbox, put a fresh data directory into `data` of its workspace, owned as the workspace is.

    Raise CannotTell (`server_missing`) where initdb does not work, SandboxFault (`disk_full`).
    """
    checksums = profile is Profile.FAITHFUL and server.major >= _CHECKSUMS_BY_DEFAULT_SINCE
    data = sandbox.workspace.here / DATA_FOLDER
    template = cache_folder() / "postgresql" / _key(server, checksums)
    try:
        if _is_complete(template):
            _copy(template / "data", data, sandbox.workspace.here)
            return
        _initdb(server, sandbox, checksums)
        with contextlib.suppress(OSError):  # a cache that cannot be written (read-only, full) is no fault of this drill
            _remember(data, template)
    except OSError as error:
        raise SandboxFault(
            "disk_full", f"a data directory cannot be made: {error.strerror}", "free disk space, then drill again"
        ) from error


def cache_folder() -> Path:
    """Return where templates are kept: `$RESTORE_TESTER_CACHE`, else `restore-tester` in the user's cache folder."""
    if own := os.environ.get("RESTORE_TESTER_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "restore-tester"


def _key(server: Server, checksums: bool) -> str:
    """A template serves exactly the server that made it: an upgrade in place changes its binary's time, an image's its digest."""
    if server.image:
        made_by = server.image.rpartition("@")[2]
    else:
        binary = (server.folder / "postgres").stat()
        made_by = f"{binary.st_size}\0{binary.st_mtime_ns}"
    identity = f"{server.folder}\0{made_by}\0{SUPERUSER}\0{LOCALES}\0{checksums}"
    return f"{server.major}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _is_complete(template: Path) -> bool:
    """The marker counts the files: a template that lost some is made anew."""
    try:
        expected = int((template / _COMPLETE).read_text())
    except (OSError, ValueError):
        return False
    return expected == _count_files(template / "data")


def _count_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _initdb(server: Server, sandbox: Sandbox, checksums: bool) -> None:
    inside = str(sandbox.workspace.inside / DATA_FOLDER)
    argv = [server.program("initdb"), "-D", inside, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"]
    if server.major >= _CHECKSUMS_BY_DEFAULT_SINCE and not checksums:
        argv.append("--no-data-checksums")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"}
    for locale in LOCALES:
        done = sandbox.run(Command((*argv, f"--locale={locale}"), environment, deadline_seconds=_INITDB_SECONDS))
        if done.code == 0:
            return
        if b"invalid locale" not in done.errors:
            break
    if b"No space left" in done.errors:
        raise SandboxFault("disk_full", "the sandbox has no disk space left", "give the sandbox more disk, then drill again")
    raise CannotTell(
        "server_missing",
        f"initdb of PostgreSQL {server.major} in {server.folder} does not work (exit code {done.code})",
        "repair that installation; `restore-tester doctor` says what is here",
    )


def _remember(data: Path, template: Path) -> None:
    """Copy beside the template's place, then rename: whoever comes second throws its copy away. A damaged template gives way."""
    template.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=template.parent))
    try:
        _copy(data, made / "data", made)
        (made / _COMPLETE).write_text(str(_count_files(made / "data")))
        if template.exists() and not _is_complete(template):
            damaged = Path(tempfile.mkdtemp(prefix=".old-", dir=template.parent))
            template.rename(damaged / "template")
            shutil.rmtree(damaged, ignore_errors=True)
        with contextlib.suppress(OSError):
            made.rename(template)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _copy(source: Path, target: Path, like: Path) -> None:
    """Copy a tree of plain files and folders, shared blocks where the file system can, owned as `like` is."""
    owner = like.stat()
    chown = os.geteuid() == 0
    for folder, _, files in os.walk(source):
        made = target / Path(folder).relative_to(source)
        made.mkdir(mode=0o700)
        if chown:
            os.chown(made, owner.st_uid, owner.st_gid)
        here, there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY), os.open(made, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in files:
                _copy_file(name, here, there, (owner.st_uid, owner.st_gid) if chown else None)
        finally:
            os.close(here)
            os.close(there)


def _copy_file(name: str, here: int, there: int, owner: tuple[int, int] | None) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=here)
    try:
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=there)
        try:
            if owner:
                os.fchown(target, *owner)
            if os.fstat(source).st_size < _SPARSE_FROM_BYTES:
                while os.sendfile(target, source, None, _COPY_BLOCK_BYTES):
                    pass
            else:
                _copy_sparse(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_sparse(source: int, target: int) -> None:
    """Leave out blocks of zeros: a fresh WAL segment is 16 MB of them, the largest part of an empty cluster."""
    size = 0
    while block := os.read(source, len(_ZEROS)):
        if block != _ZEROS[: len(block)]:
            os.pwrite(target, block, size)
        size += len(block)
    os.ftruncate(target, size)
