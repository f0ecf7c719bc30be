"""Where a sandbox lives on disk: `<base>/restore-tester-<uid>/<name>/`, made, locked, found dead by the next, removed.

(itself)     locked by our process while it lives: free means that nobody wants this folder any more
guard.lock   locked by every process of the jail as well: free means that none of them is left
keep         there when the folder is to be spared
jail.log     the jail's own troubles
workspace/   what the restore sees   tmp/  its /tmp   root/  a mount point, empty to everybody else
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.process import trees

GUARD_LOCK, KEEP = "guard.lock", "keep"
_LONGEST_HERE = 100 - len("/run/.s.PGSQL.5432") - 1  # a unix socket's path ends at 107 bytes
_DYING_SECONDS = 10.0

# Uids that nothing hands out: systemd's UIDS-GIDS.md leaves 0x70000000 to 0x7FFFFFFE unused.
_THROWAWAY_UIDS = range(0x70000000, 0x7FFFFFFE)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Folder:
    """A sandbox's folder, ours while `claim` lasts. `guard` is the locked descriptor that the jail inherits."""

    path: Path
    uid: int
    gid: int
    guard: int

    @property
    def here(self) -> Path:
        return self.path / "workspace"

    @property
    def log(self) -> Path:
        """Return where the jail's own troubles are told."""
        return self.path / "jail.log"

    def free_bytes(self) -> int:
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def keep(self) -> None:
        (self.path / KEEP).touch()

    def kept(self) -> bool:
        return (self.path / KEEP).exists()

    def hand_over(self) -> None:
        """Given that the jail stands, which may have had to choose another uid than ours for it: give it what we have put there."""
        reader = self.here.stat()
        if reader.st_uid == os.geteuid():
            return
        for _, folders, files, descriptor in os.fwalk(self.here, follow_symlinks=False):
            for name in (*folders, *files):
                if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid == os.geteuid():
                    os.chown(name, reader.st_uid, reader.st_gid, dir_fd=descriptor, follow_symlinks=False)


@contextlib.contextmanager
def claim(base: Path | None) -> Iterator[Folder]:
    """Given the folder to work under (None: `$TMPDIR`, else /tmp): reap what dead ones left, then own a new folder until the end.
    Raise SandboxFault where the place cannot be trusted or used."""
    parent = _parent(base)
    if len(str(parent / _short(len(_THROWAWAY_UIDS)) / "workspace")) > _LONGEST_HERE:
        message = f"the path {parent} is too long for a unix socket below it"
        raise SandboxFault("workspace_path_too_long", message, "set TMPDIR to a folder with a shorter path")
    with contextlib.ExitStack() as held:
        try:
            with _locked(parent):
                dead = _dead_folders(parent)
                folder = _make(parent, held)
        except OSError as error:
            message = f"no workspace can be made in {parent}: {error.strerror}"
            raise SandboxFault("workspace_unusable", message, "set TMPDIR to a folder that can be written to") from error
        for path, lock in dead:
            _bury(path, lock)
        yield folder


def count_dead(base: Path | None) -> int:
    """Given the folder to work under, as for `claim`: return how many dead ones are there. After a `claim`, those that resist removal.
    Raise SandboxFault where the place cannot be trusted."""
    parent = _parent(base)
    try:
        with _locked(parent):
            dead = _dead_folders(parent)
            for _, lock in dead:
                os.close(lock)
    except OSError as error:
        message = f"{parent} cannot be looked at: {error.strerror}"
        raise SandboxFault("workspace_unusable", message, "set TMPDIR to a folder that can be written to") from error
    _remove_parent(parent)
    return len(dead)


def _parent(base: Path | None) -> Path:
    return (base or Path(os.environ.get("TMPDIR") or "/tmp")).absolute() / f"restore-tester-{os.geteuid()}"  # noqa: S108


@contextlib.contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """Own the folder of folders for a moment. Others remove it when it is empty, so what was locked must still be the one of that name."""
    while True:
        with contextlib.suppress(FileExistsError):
            parent.mkdir(0o711)
        status = parent.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            message = f"{parent} is not ours alone"
            raise SandboxFault("workspace_unsafe", message, "set TMPDIR to a folder of your own, or remove what stands there")
        with _lock_of(parent) as lock:
            if lock is not None and _is_still(parent, lock):
                parent.chmod(0o711)  # whatever our umask: a sandbox's uid must pass
                yield
                return


@contextlib.contextmanager
def _lock_of(folder: Path) -> Iterator[int | None]:
    """Lock a folder, waiting for whoever has it; None where it is gone."""
    try:
        lock = os.open(folder, _FOLDER)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _is_still(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    return False


def _make(parent: Path, held: contextlib.ExitStack) -> Folder:
    """Given the parent is locked: make and lock a folder, which `held` removes at its end. As root, its name is its uid: two live
    sandboxes of one parent never share one."""
    uid, gid = os.geteuid(), os.getegid()
    while True:
        number = int.from_bytes(os.urandom(4), "big") % len(_THROWAWAY_UIDS)
        path = parent / _short(number)
        with contextlib.suppress(FileExistsError):
            path.mkdir(0o711)
            break
    if uid == 0:
        uid, gid = _own_uid(_THROWAWAY_UIDS[number])
    held.callback(_remove_parent, parent)
    lock = os.open(path, _FOLDER)
    held.callback(os.close, lock)
    fcntl.flock(lock, fcntl.LOCK_EX)
    path.chmod(0o711)
    guard = os.open(path / GUARD_LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    held.callback(os.close, guard)
    fcntl.flock(guard, fcntl.LOCK_EX)
    folder = Folder(path, uid, gid, guard)
    held.callback(_give_back, folder)
    for inner in (folder.here, path / "tmp"):
        inner.mkdir(0o700)
        os.chown(inner, uid, gid)
    (path / "root").mkdir(0o700)
    return folder


def _short(number: int) -> str:
    letters = ""
    while number or not letters:
        number, rest = divmod(number, len(_NAME_LETTERS))
        letters += _NAME_LETTERS[rest]
    return letters


def _own_uid(wanted: int) -> tuple[int, int]:
    """Given root: return the uid and gid to run as. Where few uids exist (a container with a user namespace), nobody's; else root's own."""
    ranges = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    nobody = pwd.getpwnam("nobody")
    for uid, gid in ((wanted, wanted), (nobody.pw_uid, nobody.pw_gid)):
        if any(first <= uid < first + count for first, _, count in ranges):
            return uid, gid
    return 0, 0


def _give_back(folder: Folder) -> None:
    if not folder.kept():
        trees.remove(str(folder.path))


def _remove_parent(parent: Path) -> None:
    with _lock_of(parent) as lock, contextlib.suppress(OSError):  # others are in it
        if lock is not None and _is_still(parent, lock):
            parent.rmdir()


def _dead_folders(parent: Path) -> list[tuple[Path, int]]:
    """Given the parent is locked, so that nobody is making or reaping: return the folders that nobody holds, now held by us."""
    dead = []
    for path in parent.iterdir():
        if path.is_symlink() or not path.is_dir() or (path / KEEP).exists():
            continue
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(path, _FOLDER)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            dead.append((path, lock))
    return dead


def _bury(path: Path, lock: int) -> None:
    """End what is left of a dead sandbox and remove its folder. What resists is left to the next one: it must not stop this drill."""
    give_up_at = time.monotonic() + _DYING_SECONDS
    try:
        while (_end_processes(path) or not _jail_is_gone(path)) and time.monotonic() < give_up_at:
            time.sleep(0.01)
        with contextlib.suppress(OSError):
            trees.remove(str(path))
    finally:
        os.close(lock)


def _jail_is_gone(path: Path) -> bool:
    try:
        guard = os.open(path / GUARD_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(guard)
    return True


def _end_processes(path: Path) -> int:
    """Kill whoever lives in the folder or under its throwaway uid; return how many. The kernel has done it already where the
    sandbox had a pid namespace and its guardian was not killed as well."""
    try:
        workspace = (path / "workspace").lstat()
    except FileNotFoundError:
        return 0
    killed = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _lives_in(process, path, workspace):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


def _lives_in(process: Path, path: Path, workspace: os.stat_result) -> bool:
    with contextlib.suppress(OSError):  # it ended, or is not ours to look at
        if workspace.st_uid in _THROWAWAY_UIDS and process.stat().st_uid == workspace.st_uid:
            return True
        if (process / "cwd").readlink().is_relative_to(path):
            return True
        return os.path.samestat((process / "cwd").stat(), workspace)
    return False
