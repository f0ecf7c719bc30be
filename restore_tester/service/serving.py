"""A configuration file → a service that lives until it is asked to stop: drills what is due, remembers, and tells.

Read `serve` as the list of what happens from its start to its end. It listens before it has a history, so that whoever watches it
sees that it lives, and that it is not ready.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration
from restore_tester.errors import CannotTell, Misuse
from restore_tester.history.nouns import Lease, Place, Slot
from restore_tester.history.records import History, open_history
from restore_tester.history.sole import sole_service
from restore_tester.model import Reason
from restore_tester.sandboxes.process.jail.kernel import forbid_inspection
from restore_tester.service import logs
from restore_tester.service.configured import load
from restore_tester.service.crew import LEASE
from restore_tester.service.equipment import reap
from restore_tester.service.executors.processes import ProcessExecutor
from restore_tester.service.fleet import Asked, history_dsn
from restore_tester.service.heartbeat_ping import HeartbeatPing
from restore_tester.service.instance import Service
from restore_tester.service.lasting import Lasting, look_after
from restore_tester.service.metrics import Board
from restore_tester.service.negotiation import Wanted
from restore_tester.service.pages.index import Index
from restore_tester.service.progress import Progress
from restore_tester.service.requests import RELOAD, STOP, Requests, requests
from restore_tester.service.server import serve_http
from restore_tester.service.totals import FleetFigures
from restore_tester.service.tracing import tracing
from restore_tester.service.upkeep import EVERY_SECONDS
from restore_tester.service.watch import CatalogueWatch, Looked, Watched

# Kubernetes grants 30 seconds: drills that do not end within these are closed by whoever comes next.
GRACE_SECONDS = 22.0
AGAIN_SECONDS = 5.0
SWEEP_SECONDS = 60.0
ROUNDS_KEPT = timedelta(days=1)
# What may pass without anybody doing anything about it here: the others end the service.
PASSING = ("history_unreachable", "history_locked", "history_full", "history_read_only", "history_failed")
_log = logs.logger(__name__)


class _Front:
    """Answers the server before and after there is a service. Implements `server.Api` and `pages.site.Knowledge`."""

    def __init__(self, configuration: Configuration) -> None:
        self.service: Service | None = None
        self._first = configuration
        self.reason = Reason("starting", "the service is starting", "wait a little")

    def start_drill(self, wanted: Wanted) -> str:
        return self._known().foreman.ask(Asked((wanted.workload,), location=wanted.location, backup=wanted.backup))

    def not_ready(self) -> Reason | None:
        return self.reason if self.service is None else None

    def token(self) -> str | None:
        secret = self.configuration().api_token
        return secret.resolve() if secret is not None else None

    def configuration(self) -> Configuration:
        return self.service.configuration if self.service is not None else self._first

    def history(self) -> History:
        return self._known().history

    def index(self) -> Index:
        return self._known().index

    def progress(self) -> Progress:
        return self._known().progress

    def next_start(self, workload: str) -> tuple[datetime, bool] | None:
        return self._known().next_start(workload)

    def figures(self) -> FleetFigures:
        return self._known().figures

    def _known(self) -> Service:
        if self.service is None:
            raise CannotTell(self.reason.code, self.reason.message, self.reason.hint)
        return self.service


def serve(file: Path, listen: str) -> None:
    """Serve until SIGTERM or Ctrl-C. Raise Misuse (a wrong configuration, `history_in_use`), CannotTell (`listen_failed`, a history that
    waiting will not mend)."""
    forbid_inspection()
    logs.begin()
    threading.excepthook = _tell_unforeseen
    configuration = load(file)
    clock, front = SystemClock(), _Front(configuration)
    board = Board(clock)
    board.configure(configuration)
    with requests() as asked, board.rendering(), serve_http(listen, board, front, front) as listening, tracing() as trace:
        _log.info("listening", host=listening.host, port=listening.port, workloads=len(configuration.workloads))
        with sole_service(dsn := history_dsn(configuration)), ExitStack() as opened:
            history = _history(dsn, asked, front, opened)
            if history is None:
                return
            service = Service(history, configuration, ProcessExecutor(configuration.sandbox), board, trace)
            _sweep(service)
            if not _loaded(service, asked, front):
                return
            front.service = service
            with service.alive(), _lasting(_watching(history, service), _sweeping(service), _pinging(service)) as threads:
                _live(service, file, asked, threads)
            front.service, front.reason = None, Reason("stopping", "the service is stopping", "ask another one")


def _history(dsn: str, asked: Requests, front: _Front, opened: ExitStack) -> History | None:
    """Return the history once it can be opened; None where somebody asked us to stop before."""
    while True:
        try:
            return opened.enter_context(open_history(dsn))
        except CannotTell as error:
            if error.reason.code not in PASSING:
                raise
            front.reason = error.reason
            _tell("history away: waiting for it", error)
        if asked.wait(AGAIN_SECONDS) == STOP:
            return None


def _loaded(service: Service, asked: Requests, front: _Front) -> bool:
    while True:
        try:
            service.load()
            return True
        except CannotTell as error:
            front.reason = error.reason
            _tell("history away: waiting for it", error)
        if asked.wait(AGAIN_SECONDS) == STOP:
            return False


def _live(service: Service, file: Path, asked: Requests, threads: Sequence[Lasting]) -> None:
    _log.info("ready", workloads=len(service.configuration.workloads))
    # At once: what others left is taken over by the first one.
    service.tick()
    while (word := asked.wait(EVERY_SECONDS)) != STOP:
        if word == RELOAD:
            _reload(service, file)
        service.tick()
        look_after(threads)
    _log.info("stopping", running=service.foreman.figures()[0])
    if not service.stop(GRACE_SECONDS):
        _log.warning("drills left unfinished", running=service.foreman.figures()[0])


def _reload(service: Service, file: Path) -> None:
    """A configuration with a mistake changes nothing."""
    try:
        service.reconfigure(load(file))
    except (Misuse, CannotTell) as error:
        service.reload_failed()
        _log.error("configuration not reloaded", code=error.reason.code, message=error.reason.message, hint=error.reason.hint)
    else:
        _log.info("configuration reloaded", workloads=len(service.configuration.workloads))


@contextmanager
def _lasting(*threads: Lasting) -> Iterator[Sequence[Lasting]]:
    for lasting in threads:
        lasting.begin()
    try:
        yield threads
    finally:
        for lasting in threads:
            lasting.end()


def _watching(history: History, service: Service) -> Lasting:
    """Look at every location, again and again, in a thread that nobody waits for: a store may hang."""
    clock = SystemClock()

    def look() -> None:
        # One for each life of the thread: nobody knows in which state a fault has left the one before.
        watch = CatalogueWatch(history.ledgers, clock, lambda due_at: _is_ours(history, service.owner, due_at))
        try:
            while not lasting.ended.is_set():
                configuration, began = service.configuration, clock.elapsed()
                watched = [Watched(Place(w.name, place.name or ""), place) for w in configuration.workloads for place in w.locations]
                _tell_looked(watch.look(watched, configuration.watch_every_seconds))
                service.looked()
                service.news.hurry()
                lasting.ended.wait(max(0.0, configuration.watch_every_seconds - (clock.elapsed() - began)))
        finally:
            watch.stop()

    lasting = Lasting("watch", look)
    return lasting


def _tell_looked(looked: Looked) -> None:
    if looked.untold is not None:
        _log.warning("catalogue not watched", code=looked.untold.code, message=looked.untold.message, hint=looked.untold.hint)
    for event, told in (("location not listed", looked.failed), ("location lags", looked.lagging)):
        for place, reason in told:
            where = {"workload": place.workload, "location": place.location}
            _log.warning(event, **where, code=reason.code, message=reason.message, hint=reason.hint)


def _sweeping(service: Service) -> Lasting:
    """Remove what drills left that died, and count what resists, again and again."""

    def sweep() -> None:
        while not lasting.ended.wait(SWEEP_SECONDS):
            _sweep(service)

    lasting = Lasting("sandboxes", sweep)
    return lasting


def _pinging(service: Service) -> Lasting:
    """Ask the address outside, while the service is well: whoever listens there calls somebody once it is silent."""
    ping = HeartbeatPing(lambda: service.configuration.ping, service.ails, SystemClock())
    lasting = Lasting("ping", lambda: ping.work(lasting.ended))
    return lasting


def _sweep(service: Service) -> None:
    try:
        left = reap(service.configuration.sandbox)
    except CannotTell as error:
        _log.warning("sandboxes not looked for", code=error.reason.code, message=error.reason.message, hint=error.reason.hint)
        return
    if left:
        _log.error("sandboxes left behind", sandboxes=left, hint="look what holds them, then remove them by hand: docs/operate.md, Files")
    service.leaked(left)


def _is_ours(history: History, owner: str, due_at: datetime) -> bool:
    """Of several replicas one makes a round. Done as it begins: a round that is not made to its end is made good by the next."""
    slot, now = Slot("", f"watch:{due_at.isoformat()}", due_at), SystemClock().now()
    if history.slots.claim(slot, Lease(owner, now + LEASE), now) is None:
        return False
    history.slots.done(slot, None, now)
    history.slots.prune(slot.kind, now - ROUNDS_KEPT)
    return True


def _tell(event: str, error: CannotTell) -> None:
    _log.warning(event, code=error.reason.code, message=error.reason.message, hint=error.reason.hint)


def _tell_unforeseen(fault: threading.ExceptHookArgs) -> None:
    """Where it happened, never what it said: that may quote a row."""
    thread = fault.thread.name if fault.thread is not None else None
    kind = fault.exc_type.__name__
    place = fault.exc_traceback
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place is not None else None
    _log.error("unforeseen", thread=thread, kind=kind, where=where, hint="report it with this line: it is our own fault")
