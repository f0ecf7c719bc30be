"""What leaves the command line: text or one JSON object on stdout, errors with their hint, and the exit code of each ending."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TextIO

import typer

OutputFormat = Literal["text", "json"]
OutputOption = Annotated[OutputFormat, typer.Option("--output", "-o", help="Text for people, or one JSON object.")]


@dataclass(frozen=True)
class Complaint:
    """An error as it is shown: a stable code, a fact, and what to do next."""

    code: str
    message: str
    hint: str


def complain(complaint: Complaint, arguments: Sequence[str]) -> None:
    """Say an error: text on stderr, or the JSON object of the contract on stdout where the arguments ask for JSON."""
    if wants_json(arguments):
        import json

        error = {"code": complaint.code, "message": complaint.message, "hint": complaint.hint}
        say_json(json.dumps({"error": error}).encode())
        return
    from restore_tester.judgement.wording import inert

    if sys.stderr is not None:
        message = "\n".join(inert(line) for line in complaint.message.split("\n"))
        say(f"error: {message}\nhint: {inert(complaint.hint)}\n", sys.stderr)


def wants_json(arguments: Sequence[str]) -> bool:
    """Say whether `-o json` stands among the arguments, also where they could not be parsed."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(one in ("-ojson", "--output=json", "-o=json") or (one in ("-o", "--output") and other == "json") for one, other in pairs)


def say_json(line: bytes) -> None:
    """Write one JSON object to stdout, in UTF-8 whatever the terminal's encoding is."""
    say(line.decode() + "\n", sys.stdout, utf8=True)


def say(text: str, stream: TextIO | None, *, utf8: bool = False) -> None:
    """Write text. A reader that went away is no fault of ours: the exit code still tells the verdict."""
    if stream is None:
        return
    encoding = "utf-8" if utf8 else stream.encoding or "utf-8"
    try:
        stream.flush()
        stream.buffer.write(text.encode(encoding, "backslashreplace"))
        stream.buffer.flush()
    except OSError as error:
        _drop(stream)
        if error.errno not in (errno.EPIPE, errno.EBADF, errno.EIO):
            from restore_tester.errors import CannotTell

            fact = f"the output cannot be written: {error.strerror}"
            raise CannotTell("output_unwritable", fact, "make room, or write it somewhere else") from error


def _drop(stream: TextIO) -> None:
    """Point the descriptor at nothing, so that the interpreter's last flush does not complain either."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
