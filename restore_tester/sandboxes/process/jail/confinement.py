"""An order → a process that can do less and less, and the words for what really took hold."""

from __future__ import annotations

import os
import pwd
import resource

from restore_tester.sandboxes.process.jail import kernel, private_root
from restore_tester.sandboxes.process.jail.orders import Order
from restore_tester.sandboxes.process.jail.processes import tell_trouble

_SHARED = (kernel.NEW_MOUNT, kernel.NEW_PID, kernel.NEW_NET, kernel.NEW_IPC, kernel.NEW_UTS)
_OOM_FIRST = b"800"  # of 1000: when memory ends, the sandbox goes before anything else of this machine


class Confinement:
    """What is in force: `words` of the contract, where the workspace is seen at, and each command's resource limits."""

    __slots__ = ("inside", "limits", "words")

    def __init__(self, words: list[str], inside: str, limits: tuple[tuple[int, int], ...]) -> None:
        self.words = words
        self.inside = inside
        self.limits = limits


def separate_namespaces(order: Order, with_user: bool) -> frozenset[int]:
    """Return the namespaces that are new, from the next fork on. Raise OSError where a user namespace is wanted and is worth
    nothing here: some kernels give one to anybody and then allow nothing in it."""
    _write("/proc/self/oom_score_adj", _OOM_FIRST)
    if with_user:
        kernel.unshare(kernel.NEW_USER)
        _write("/proc/self/setgroups", b"deny")
        _write("/proc/self/uid_map", b"%d %d 1" % (order.uid, order.uid))
        _write("/proc/self/gid_map", b"%d %d 1" % (order.gid, order.gid))
    separate = set()
    for namespace in _SHARED:
        try:
            kernel.unshare(namespace)
        except OSError as error:
            if with_user and namespace == kernel.NEW_MOUNT:
                raise
            tell_trouble(f"namespace {namespace:#x} refused: {error}")
            continue
        separate.add(namespace)
    return frozenset(separate | {kernel.NEW_USER} if with_user else separate)


def confine(order: Order, separate: frozenset[int]) -> Confinement:
    """Given the namespaces that are our own: give up, for good, all that a command must not have. The words keep the contract's order."""
    if kernel.NEW_PID not in separate:
        kernel.adopt_orphans()
    others = 0 if _counted_apart(separate) else _threads_of(order.uid)  # while there is a /proc to see them in
    private = {kernel.NEW_MOUNT, kernel.NEW_PID} <= separate and _private_root(order)  # a private root shows /proc
    kernel.bound_capabilities()
    owned = os.geteuid() == 0 and order.uid != 0 and _change_user(order, private)
    if owned and not private:
        others = _threads_of(os.geteuid())
    os.umask(0o077)
    bare = kernel.drop_capabilities()
    kernel.forbid_inspection()
    words = {
        "no-network": kernel.NEW_NET in separate,
        "own-uid": owned,
        "private-filesystem": private,
        "no-capabilities": bare,
        "memory-limit": True,
        "process-limit": os.geteuid() != 0,  # the kernel does not count root's
        "disk-limit": True,
        "time-limit": True,
    }
    inside = private_root.INSIDE if private else order.workspace
    os.chdir(inside)
    limits = ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, order.memory_bytes), (resource.RLIMIT_NPROC, order.processes + others))
    return Confinement([word for word, holds in words.items() if holds], inside, limits)


def _private_root(order: Order) -> bool:
    try:
        private_root.enter(order)
    except OSError as error:
        tell_trouble(f"private root refused: {error}")
        return False
    return True


def _change_user(order: Order, private: bool) -> bool:
    """Without a private root there is no passwd of ours, so the uid must be one that this machine knows."""
    uid, gid = order.uid, order.gid
    try:
        if not private:
            nobody = pwd.getpwnam("nobody")
            uid, gid = nobody.pw_uid, nobody.pw_gid
            for folder in (order.workspace, order.scratch):
                os.chown(folder, uid, gid)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except (OSError, KeyError) as error:
        tell_trouble(f"own uid refused: {error}")
        return False
    return True


def _counted_apart(separate: frozenset[int]) -> bool:
    """Since Linux 5.14 a user namespace counts its own processes; before, the uid's anywhere."""
    major, minor = os.uname().release.split(".")[:2]
    return kernel.NEW_USER in separate and (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= (5, 14)


def _threads_of(uid: int) -> int:
    """Return how many threads of the uid exist already: the kernel counts them against the limit too."""
    threads = 0
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - no pathlib in the jail
        try:
            if os.stat(f"/proc/{name}").st_uid == uid:  # noqa: PTH116 - as above
                threads += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208 - as above
        except OSError:  # it ended
            continue
    return threads


def _write(path: str, text: bytes) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123 - no pathlib in the jail
        file.write(text)
