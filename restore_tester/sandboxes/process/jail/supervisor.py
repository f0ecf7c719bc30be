"""Inside the sandbox: requests on the control socket → commands, signals, probes. Its end is the end of them all.

A command's status descriptor gets `started`, `missing ERRNO` (no such program) or `refused ERRNO` (no process to be had),
then `exit CODE`, each a line. Where there is a pid namespace, this is its process 1 and reaps every orphan.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import warnings  # noqa: F401 - os.execvpe imports it, and nothing can be imported from the private root

from restore_tester.sandboxes.process import frames
from restore_tester.sandboxes.process.jail import probe, processes
from restore_tester.sandboxes.process.jail.confinement import confine
from restore_tester.sandboxes.process.jail.orders import Order

_MISSING = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC)
_OURS_ALONE = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)


def supervise(order: Order, control: socket.socket, separate: frozenset[int]) -> int:
    alarm = processes.Alarm()
    confinement = confine(order, separate)
    frames.send(control, [b"ready", os.fsencode(confinement.inside), *map(str.encode, confinement.words)])
    _Commands(confinement.limits).serve(control, alarm)
    return 0


class _Commands:
    """The commands that run now: by pid, the number they were asked under and where their status is told."""

    def __init__(self, resource_limits: tuple[tuple[int, int], ...]) -> None:
        self._limits = resource_limits
        self._running: dict[int, tuple[bytes, int]] = {}

    def serve(self, control: socket.socket, alarm: processes.Alarm) -> None:
        while True:
            ready = processes.wait_readable((control.fileno(), alarm.descriptor), None)
            if alarm.descriptor in ready:
                alarm.quiet()
            self._reap()
            if control.fileno() in ready:
                request = frames.receive(control)
                if request is None:
                    return
                self._answer(*request)

    def _answer(self, fields: list[bytes], descriptors: list[int]) -> None:
        match fields:
            case [b"run", number, count, *words]:
                self._run(number, (words[: int(count)], words[int(count) :]), descriptors)
            case [b"kill", number, signal_number, whom]:
                self._kill(number, int(signal_number), whom == b"group")
            case [b"probe", port, name]:
                self._probe(int(port), name, descriptors[0])

    def _run(self, number: bytes, words: tuple[list[bytes], list[bytes]], descriptors: list[int]) -> None:
        *streams, status = descriptors
        trouble, trouble_in_child = os.pipe2(os.O_CLOEXEC)
        try:
            pid = processes.fork_into(lambda: self._become(words, streams, trouble_in_child))
        except OSError as error:
            os.write(trouble_in_child, b"refused %d" % (error.errno or 0))
            pid = 0
        for descriptor in (*streams, trouble_in_child):
            os.close(descriptor)
        what = os.read(trouble, 64)  # its end comes with the exec
        os.close(trouble)
        _tell(status, what or b"started")
        if pid:
            self._running[pid] = (number, status)
        else:
            os.close(status)

    def _become(self, words: tuple[list[bytes], list[bytes]], streams: list[int], trouble: int) -> int:
        argv, environment = words
        try:
            os.setsid()
            for place, descriptor in enumerate(streams):
                os.dup2(descriptor, place)
            trouble = os.dup2(trouble, len(streams), inheritable=False)
            os.closerange(trouble + 1, os.sysconf("SC_OPEN_MAX"))  # a program that held its status pipe could forge its own end
            signal.set_wakeup_fd(-1)
            for signal_number in _OURS_ALONE:
                signal.signal(signal_number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            for which, wanted in self._limits:
                hard = resource.getrlimit(which)[1]
                limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
                resource.setrlimit(which, (limit, limit))
            os.execvpe(argv[0], argv, dict(_pair(variable) for variable in environment))  # noqa: S606 - a list, never a shell
        except OSError as error:
            os.write(trouble, b"%s %d" % (b"missing" if error.errno in _MISSING else b"refused", error.errno or 0))
        return 127

    def _reap(self) -> None:
        """A command ends with its leader: what is left of its group is killed while the leader's number cannot be anybody else's."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            number_and_status = self._running.pop(ended.si_pid, None)
            if number_and_status:
                _signal(ended.si_pid, signal.SIGKILL, group=True)
            _, code = os.waitpid(ended.si_pid, 0)
            if number_and_status:
                _tell(number_and_status[1], b"exit %d" % os.waitstatus_to_exitcode(code))
                os.close(number_and_status[1])

    def _kill(self, number: bytes, signal_number: int, group: bool) -> None:
        for pid, (known, _) in self._running.items():
            if known == number:
                _signal(pid, signal_number, group)

    def _probe(self, port: int, name: bytes, report: int) -> None:
        def ask() -> int:
            _tell(report, b"\n".join([*probe.ways_out(port, name), b"probed"]))
            return 0

        try:
            processes.fork_into(ask)
        except OSError as error:
            _tell(report, b"no process for the probe: %d" % (error.errno or 0))
        os.close(report)


def _signal(pid: int, signal_number: int, group: bool) -> None:
    try:
        (os.killpg if group else os.kill)(pid, signal_number)
    except (ProcessLookupError, PermissionError):  # gone already; a zombie group of another uid
        return


def _pair(variable: bytes) -> tuple[bytes, bytes]:
    name, _, value = variable.partition(b"=")
    return name, value


def _tell(descriptor: int, line: bytes) -> None:
    try:
        os.write(descriptor, line + b"\n")
    except BrokenPipeError:  # nobody listens any more
        return
