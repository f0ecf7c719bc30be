"""One drill in a process of its own: requests and orders come in on stdin, plans, progress and the drill go out on stdout, a line each.

Drills side by side have a process each, not a thread: they would take turns at the interpreter, and each one's recovery time would
hold the others'. And a process can be asked to stop at any instant, and cleans up by the same way as `verify` does.

    in:  `plan REQUEST`, `run ORDER`          out:  `saw SAW`, `order ORDER`, `event EVENT`, `drill DRILL`, `error FAILURE`

It ends where its stdin does: who started it is gone, and so nobody would remember what it finds.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, NoReturn

from restore_tester.contracts import BackupSource, DrillEvent, Equipment, Intake, Listing
from restore_tester.drill import plan_drill, run_drill
from restore_tester.errors import CannotTell, Interrupted, Misuse, RestoreTesterError
from restore_tester.judgement import exits
from restore_tester.model import Backup, DrillOrder, Ends, Fetched, Location, Reason, from_json, to_json
from restore_tester.planning import DrillRequest
from restore_tester.sandboxes.process.jail.kernel import forbid_inspection
from restore_tester.service.equipment import equipment_for
from restore_tester.service.signals import interruptible

EVENTS_APART_SECONDS = 0.2
# More backups than this in one location are not told: the line would be hundreds of megabytes.
MOST_TOLD = 20_000


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours on its way to another process. `kind` is `misuse` or `cannot_tell`."""

    kind: str
    reason: Reason

    def error(self) -> RestoreTesterError:
        """Return the error again."""
        kind = Misuse if self.kind == "misuse" else CannotTell
        return kind(self.reason.code, self.reason.message, self.reason.hint)


@dataclass(frozen=True, slots=True)
class Saw:
    """What a plan saw in a location."""

    location: Location
    listing: Listing


class _Listening:
    """A backup source that tells what its listings show."""

    def __init__(self, source: BackupSource, location: Location, tell: Callable[[Saw], None]) -> None:
        self._source, self._location, self._tell = source, location, tell

    @property
    def identity(self) -> str:
        return self._source.identity

    def list_backups(self) -> Listing:
        listing = self._source.list_backups()
        if len(listing.complete) <= MOST_TOLD:
            self._tell(Saw(self._location, Listing(listing.complete)))
        return listing

    def peek(self, backup: Backup, first: int, last: int) -> Ends:
        return self._source.peek(backup, first, last)

    def fetch(self, backup: Backup, into: Intake) -> Fetched:
        return self._source.fetch(backup, into)


class _Speaker:
    """Says lines, each whole; events of progress no more often than anybody could read them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    def say(self, word: str, value: object) -> None:
        with self._lock:
            self._stream.write(word.encode() + b" " + to_json(value) + b"\n")
            self._stream.flush()

    def event(self, event: DrillEvent) -> None:
        now = time.monotonic()
        if event.kind == "progress" and now - self._said.get(event.stage, 0.0) < EVENTS_APART_SECONDS:
            return
        self._said[event.stage] = now
        self.say("event", event)


def main() -> NoReturn:
    """Work until stdin ends. Exit 0, or 130 where somebody asked to stop."""
    # Before it has read anything: what drills beside it in an unsealed sandbox has the same uid, and must not see our environment.
    forbid_inspection()
    sandbox = sys.argv[1] if len(sys.argv) > 1 else "auto"
    with open(os.dup(1), "wb") as stream:  # noqa: PTH123 - a descriptor: whatever else prints must not be taken for a line of ours
        os.dup2(2, 1)
        try:
            with interruptible():
                _work(_Speaker(stream), sandbox, _lines())
        except (Interrupted, BrokenPipeError):
            stream.detach()
            os._exit(exits.INTERRUPTED)
    os._exit(exits.PASSED)


def _work(speaker: _Speaker, sandbox: str, next_line: Callable[[], bytes]) -> None:
    equipment: Equipment | None = None
    while line := next_line():
        word, _, text = line.partition(b" ")
        try:
            equipment = equipment or _telling(equipment_for(speaker.event, sandbox), speaker)
            if word == b"plan":
                speaker.say("order", plan_drill(from_json(DrillRequest, text), equipment))
            else:
                speaker.say("drill", run_drill(from_json(DrillOrder, text), equipment))
        except RestoreTesterError as error:
            speaker.say("error", Failure("misuse" if isinstance(error, Misuse) else "cannot_tell", error.reason))


def _telling(equipment: Equipment, speaker: _Speaker) -> Equipment:
    def listening(location: Location) -> BackupSource:
        return _Listening(equipment.open_source(location), location, lambda saw: speaker.say("saw", saw))

    return replace(equipment, open_source=listening)


def _lines() -> Callable[[], bytes]:
    """Return what waits for the next line; empty at the end of stdin, which is also said by a signal, for a drill may be at work."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        pending = b""
        while block := os.read(0, 1 << 16):
            *whole, pending = (pending + block).split(b"\n")
            for line in whole:
                lines.put(line)
        lines.put(b"")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return lines.get


if __name__ == "__main__":
    main()
