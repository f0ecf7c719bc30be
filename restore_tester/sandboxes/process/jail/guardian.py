"""Outside the sandbox: starts its inside, watches disk and time, and ends everything when the other end of the socket closes.

Nothing in the sandbox can reach this process where a pid namespace or an own uid is in force.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time

from restore_tester.sandboxes.process import trees
from restore_tester.sandboxes.process.jail import processes, supervisor
from restore_tester.sandboxes.process.jail.confinement import separate_namespaces
from restore_tester.sandboxes.process.jail.endings import DEADLINE, DISK_FULL, ENDED, LOST
from restore_tester.sandboxes.process.jail.kernel import adopt_orphans
from restore_tester.sandboxes.process.jail.orders import Order

_LOOK_SECONDS = 0.5
_LOOK_SHARE = 20  # a look at the disk may cost a twentieth of the time
_FLOOR_SHARE = 20  # the file system's last twentieth is not ours


def guard(order: Order, control: socket.socket) -> int:
    """Return how it ended, one of `endings`, when no process of the sandbox is left."""
    adopt_orphans()
    alarm = processes.Alarm()
    began = time.monotonic()
    inside = _start(order, control, with_user=os.geteuid() != 0)
    ending = _watch(order, control, alarm, (inside, began + order.deadline_seconds))
    processes.end_descendants()
    return ending


def _start(order: Order, control: socket.socket, with_user: bool) -> int:
    """Return the pid of the supervisor, which a process in between left to us: only a child can enter a new pid namespace."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)

    def enter() -> int:
        try:
            separate = separate_namespaces(order, with_user)
        except OSError as error:
            processes.tell_trouble(f"user namespace refused: {error}")
            return 1
        pid = processes.fork_into(lambda: supervisor.supervise(order, control, separate))
        os.write(write_end, b"%d" % pid)
        return 0

    between = processes.fork_into(enter)
    os.close(write_end)
    told = os.read(read_end, 16)
    os.close(read_end)
    os.waitpid(between, 0)
    if told:
        return int(told)
    if not with_user:
        raise OSError("the inside of the sandbox could not be started")
    return _start(order, control, with_user=False)


def _watch(order: Order, control: socket.socket, alarm: processes.Alarm, inside: tuple[int, float]) -> int:
    pid, deadline = inside
    poller = select.poll()
    poller.register(alarm.descriptor, select.POLLIN)
    poller.register(control, select.POLLRDHUP)  # only the end: requests are the supervisor's to read
    floor = _free_bytes(order) // _FLOOR_SHARE
    look_at = time.monotonic() + _LOOK_SECONDS
    while True:
        events = dict(poller.poll(max(0.0, min(look_at, deadline) - time.monotonic()) * 1000 + 1))
        if control.fileno() in events:
            return ENDED
        if alarm.descriptor in events:
            alarm.quiet()
            if _has_ended(pid):
                return LOST
        now = time.monotonic()
        if now >= deadline:
            return DEADLINE
        if now >= look_at:
            if trees.used_bytes([order.workspace, order.scratch]) > order.disk_bytes or _free_bytes(order) < floor:
                return DISK_FULL
            look_at = time.monotonic() + max(_LOOK_SECONDS, (time.monotonic() - now) * _LOOK_SHARE)


def _has_ended(supervisor_pid: int) -> bool:
    """Reap whoever ended: without a pid namespace, orphans of the supervisor come to us when it goes."""
    try:
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == supervisor_pid:
                return True
            if pid == 0:
                return False
    except ChildProcessError:
        return True


def _free_bytes(order: Order) -> int:
    status = os.statvfs(order.folder)
    return status.f_bavail * status.f_frsize


def main() -> int:
    order = Order(sys.argv[1:])
    os.set_inheritable(order.control, False)
    control = socket.socket(fileno=order.control)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    return guard(order, control)
