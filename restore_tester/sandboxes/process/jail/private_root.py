"""A file system of the sandbox's own: this machine's programs read-only, the workspace, and nothing else of it."""

from __future__ import annotations

import os
import stat

from restore_tester.sandboxes.process.jail import kernel
from restore_tester.sandboxes.process.jail.orders import Order
from restore_tester.sandboxes.process.jail.processes import tell_trouble

INSIDE = "/workspace"
_SCRATCH, _SHARED_MEMORY = "/tmp", "/dev/shm"  # noqa: S108 - the sandbox's own

_PROGRAMS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SETTINGS = ("ld.so.cache", "localtime")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_SHOWN = kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES
_WRITTEN = kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_PROGRAMS


def enter(order: Order) -> None:
    """Given mount and pid namespaces of our own. Raise OSError, with the old root still in place, where the kernel refuses.

    The new root is a directory *below* its mount point, entered by chroot: for a process in such a place the kernel makes
    no user namespaces, so no command can win back capabilities over new ones."""
    kernel.keep_mounts_to_ourselves()
    kernel.mount_memory(order.root, "mode=755,size=16m")
    root = f"{order.root}/inside"
    for folder in ("", "/etc", "/proc", "/dev", _SHARED_MEMORY, _SCRATCH, INSIDE):
        os.mkdir(f"{root}{folder}", 0o755)  # noqa: PTH102 - no pathlib in the jail: its import costs more than a mount
    _show_programs(root)
    _write_settings(f"{root}/etc", order)
    for name in _DEVICES:
        _bind_file(f"/dev/{name}", f"{root}/dev/{name}")
    kernel.mount_memory(f"{root}{_SHARED_MEMORY}", f"mode=1777,size={order.memory_bytes}")
    kernel.bind(order.scratch, f"{root}{_SCRATCH}", _WRITTEN)
    kernel.bind(order.workspace, f"{root}{INSIDE}", _WRITTEN)
    _show_processes(f"{root}/proc")
    for folder in order.shown:
        _show(folder, f"{root}{folder}")
    kernel.make_root(order.root)
    os.chroot("/inside")
    os.chdir(INSIDE)


def _show_programs(root: str) -> None:
    for name in _PROGRAMS:
        try:
            status = os.lstat(f"/{name}")
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")  # noqa: PTH115, PTH211 - as above
        else:
            _show(f"/{name}", f"{root}/{name}")


def _show(source: str, target: str) -> None:
    """The way to a folder may be closed to the sandbox's uid (`/root`), so the way is made anew and only its end is bound."""
    os.makedirs(target, 0o755, exist_ok=True)  # noqa: PTH103 - as above
    kernel.bind(source, target, _SHOWN)


def _show_processes(target: str) -> None:
    """The loader finds libraries beside a program (`$ORIGIN`) by /proc/self/exe. Where the kernel gives us no /proc of our own, such
    programs do not start; the machine's would show its processes, so there is none then."""
    for options in ("subset=pid", ""):  # the first from Linux 5.8: processes only, nothing of the machine
        try:
            kernel.mount_processes(target, options)
        except OSError as error:
            tell_trouble(f"/proc refused: {error}")
        else:
            return


def _bind_file(source: str, target: str) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    kernel.bind(source, target, 0)


def _write_settings(folder: str, order: Order) -> None:
    """Names for our own uid: initdb, among others, refuses to be nobody. Nothing else of the machine's users is told."""
    texts = {
        "passwd": f"root:x:0:0:::\nsandbox:x:{order.uid}:{order.gid}::{INSIDE}:/bin/sh\n".encode(),
        "group": f"root:x:0:\nsandbox:x:{order.gid}:\n".encode(),
        "nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    }
    for name in _SETTINGS:
        try:
            with open(f"/etc/{name}", "rb") as source:  # noqa: PTH123 - as above
                texts[name] = source.read()
        except OSError:  # none on this machine
            continue
    for name, text in texts.items():
        with open(f"{folder}/{name}", "wb") as target:  # noqa: PTH123 - as above
            target.write(text)
