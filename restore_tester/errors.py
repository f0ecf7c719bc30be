"""What can go wrong, and whose fault it is: blame is a type.

    RestoreTesterError
    ├── Misuse                    the command line or the catalogue is wrong; nothing was drilled (exit 2)
    ├── BackupUnusable            theirs: nobody could recover from this backup (failed)
    │   └── DataDamaged           restored data that cannot be read
    └── CannotTell                ours: we could not find out (inconclusive)
        ├── SourceUnreachable     the store cannot be listed or read
        ├── BackupArchived        it must be thawed first; with an RTO, that may be the backup's fault after all
        ├── SandboxFault          memory, disk, crash of the server, deadline: nothing found after it is proven
        └── CouldNotAsk           one question could not be answered

An error is a lowercase fact without its full stop, and a hint: one instruction. Foreign exceptions are translated at the
border, with their cause chained. `Interrupted` is no error: somebody asked us to stop.
"""

from __future__ import annotations

from restore_tester.model import Reason


class RestoreTesterError(Exception):
    """Given a stable reason code, a lowercase fact and a hint."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(f"{message}\nHINT: {hint}")
        self.reason = Reason(code, message, hint)


class Misuse(RestoreTesterError):
    pass


class BackupUnusable(RestoreTesterError):
    pass


class DataDamaged(BackupUnusable):
    pass


class CannotTell(RestoreTesterError):
    pass


class SourceUnreachable(CannotTell):
    pass


class BackupArchived(CannotTell):
    """Given also how long thawing takes by the store's documentation, in its standard tier (seconds)."""

    def __init__(self, code: str, message: str, hint: str, thawing_seconds: float) -> None:
        super().__init__(code, message, hint)
        self.thawing_seconds = thawing_seconds


class SandboxFault(CannotTell):
    pass


class CouldNotAsk(CannotTell):
    pass


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM: the drill ends, cleans up, and is recorded as interrupted."""
