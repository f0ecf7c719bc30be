"""A process → a name that no other one ever has, and whether the process of a name is provably gone.

On the machine where it ran, a process that was killed is known to be so at once; anywhere else only its lease tells. Proof is: the
same boot, the same namespace of process ids, and no process of that id that began when that one did.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_STATE, _BEGAN = 0, 19
_ENDED = ("Z", "X")
_PARTS = 6


def owner_name() -> str:
    """Return `HOST/BOOT/NAMESPACE/PID/BEGAN/RANDOM` of this process; each call returns another."""
    began = _began(os.getpid()) or ""
    return "/".join((socket.gethostname(), *_here(), str(os.getpid()), began, secrets.token_hex(4)))


def is_gone(owner: str) -> bool:
    """Return whether the process that was given this name has ended; False where that cannot be told from here."""
    parts = owner.split("/")
    if len(parts) != _PARTS or not parts[3].isdecimal() or not parts[4]:
        return False
    _, boot, namespace, pid, began, _ = parts
    if not boot or not namespace or (boot, namespace) != _here():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        # It is somebody else's: there is one, and whether it is the same one says its beginning.
        pass
    found = _began(int(pid))
    return found is not None and found != began


def never(owner: str) -> bool:
    """Return False: only leases count."""
    return False


def _here() -> tuple[str, str]:
    """This boot of this machine, and this process' namespace of process ids; empty where the system does not tell."""
    try:
        return _BOOT.read_text().strip(), str(_NAMESPACE.readlink()).partition("[")[2].rstrip("]")
    except OSError:
        return "", ""


def _began(pid: int) -> str | None:
    """Return when a process began, in clock ticks since the boot; `ended` for one that only waits to be reaped."""
    try:
        # The name of the program stands in brackets, and may hold brackets and blanks itself.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[_STATE] in _ENDED else fields[_BEGAN]
