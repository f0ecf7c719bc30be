"""System calls that Python 3.11 does not offer, as functions that raise OSError."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os

NEW_USER, NEW_MOUNT, NEW_PID, NEW_NET, NEW_IPC, NEW_UTS = 0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000

READ_ONLY, NO_SUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
_DETACH = 2
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000

_SET_DUMPABLE, _CAPBSET_DROP, _SET_SUBREAPER, _SET_NO_NEW_PRIVS, _GET_NO_NEW_PRIVS, _AMBIENT, _AMBIENT_CLEAR_ALL = 4, 24, 36, 38, 39, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522

_library = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flag: int) -> None:
    _checked(_library.unshare(ctypes.c_int(flag)), "unshare")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    _checked(_library.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target}")


def keep_mounts_to_ourselves() -> None:
    """Nothing mounted from here on is seen outside, and nothing from outside appears here."""
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)


def mount_memory(target: str, options: str) -> None:
    _mount("sandbox", target, "tmpfs", NO_SUID | NO_DEVICES, options)


def mount_processes(target: str, options: str) -> None:
    """Show the processes of our own pid namespace, and of no other."""
    _mount("proc", target, "proc", NO_SUID | NO_DEVICES | NO_PROGRAMS, options)


def bind(source: str, target: str, attributes: int) -> None:
    """Show `source`, with all that is mounted below it, at `target`, with attributes such as `READ_ONLY`."""
    _mount(source, target, None, _BIND | _RECURSIVE)
    if not attributes:
        return
    try:
        _set_attributes(target, attributes)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        # Before Linux 5.12 only the top mount can be changed, and what is set already must be said again.
        _mount(None, target, None, _REMOUNT | _BIND | attributes | os.statvfs(target).f_flag & 15)


def _set_attributes(target: str, attributes: int) -> None:
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    arguments = (ctypes.c_int(_AT_FDCWD), os.fsencode(target), ctypes.c_uint(_AT_RECURSIVE), wanted, ctypes.c_size_t(32))
    _checked(_library.syscall(ctypes.c_long(_MOUNT_SETATTR), *arguments), f"mount_setattr {target}")


def make_root(folder: str) -> None:
    """Make the mount point `folder` the root of all, read-only; the old one is gone."""
    _mount(None, folder, None, _REMOUNT | _BIND | READ_ONLY | NO_SUID | NO_DEVICES)
    os.chdir(folder)
    _checked(_library.pivot_root(b".", b"."), "pivot_root")
    _checked(_library.umount2(b".", _DETACH), "umount")
    os.chdir("/")


def _control(option: int, first: int = 0, second: int = 0) -> int:
    arguments = (ctypes.c_ulong(first), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0))
    return _checked(_library.prctl(ctypes.c_int(option), *arguments), "prctl")


def adopt_orphans() -> None:
    _control(_SET_SUBREAPER, 1)


def forbid_inspection() -> None:
    """No process of our own uid may trace us or read our memory."""
    _control(_SET_DUMPABLE, 0)


def bound_capabilities() -> None:
    """Empty the bounding set, while we still may. An ordinary user may not, whom no_new_privs binds all the same."""
    for capability in range(64):
        try:
            _control(_CAPBSET_DROP, capability)
        except OSError:  # EINVAL: past the last one
            return


def drop_capabilities() -> bool:
    """Return whether none is held and none can come by executing something, as the kernel says afterwards."""
    _control(_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError):  # kernels without ambient capabilities
        _control(_AMBIENT, _AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _checked(_library.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    held = (ctypes.c_uint32 * 6)()
    _checked(_library.capget(header, held), "capget")
    return not any(held) and _control(_GET_NO_NEW_PRIVS) == 1
