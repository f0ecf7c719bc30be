"""`X.sha256` beside a backup `X` → the sum that its producer promised, None where there is no such file.

Read are a bare sum, `sha256sum` lines (`<hex>  <name>`, also with `*`) and BSD lines (`SHA256 (<name>) = <hex>`). A
file of several lines is the producer's list: of one file among others, or of the files of a folder. One that says
nothing we can read is no proof either way, so it is ours to complain (CannotTell), never a silent pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from restore_tester.backups.copying import tree_sha256
from restore_tester.backups.local_faults import reading, shown
from restore_tester.backups.local_files import open_regular
from restore_tester.errors import CannotTell

LIMIT_BYTES = 64 << 20
_BARE = re.compile(r"([0-9a-fA-F]{64})")
_GNU = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")
_ESCAPED = re.compile(r"\\([nr\\])")
_MEANING = {"n": "\n", "r": "\r", "\\": "\\"}
_BSD = re.compile(r"\\?SHA256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a producer promised: one sum for the whole backup, or sums of files inside a folder."""

    whole: str | None
    files: tuple[tuple[str, str], ...] = ()
    of_another: str | None = None

    def promised(self, found: Mapping[str, str]) -> str:
        """Given the sum found of each part, return what the whole's should be. Files that the list does not name are no breach.
        Raise CannotTell (`sidecar_of_another`) where it is a sum of something else, as its name says."""
        if self.of_another is not None and self.whole not in found.values():
            raise CannotTell(
                "sidecar_of_another",
                f"the sum beside the backup is that of {shown(self.of_another)}, and is not the backup's",
                "write the backup's own sum into it, or take it away to verify without it",
            )
        return self.whole or tree_sha256({**found, **dict(self.files)})


def read_sidecar(backup: Path, is_tree: bool, identity: str) -> Sidecar | None:
    """Given where a backup lies, return what was promised. Raise CannotTell (`sidecar_unreadable`), SourceUnreachable."""
    beside = next((path for path in _places(backup) if os.path.lexists(path)), None)
    if beside is None:
        return None
    with reading(beside, identity):
        if not beside.is_file():
            raise _unreadable(beside)
        with open_regular(beside) as file:
            content = file.read(LIMIT_BYTES + 1)
    return sidecar_in(content, backup.name, is_tree, beside)


def sidecar_in(content: bytes, name: str, is_tree: bool, beside: PurePath) -> Sidecar:
    """Given what stands beside the backup of that name, return what was promised. Raise CannotTell (`sidecar_unreadable`)."""
    if len(content) > LIMIT_BYTES:
        raise _unreadable(beside)
    text = content.decode("utf-8-sig", "replace")
    lines = [_parse(line, beside) for line in text.split("\n") if line.strip()]
    chosen = _of_tree(lines, name) if is_tree else _of_file(lines, name)
    if chosen is None:
        raise _unreadable(beside)
    return chosen


def _places(backup: Path) -> tuple[Path, ...]:
    """Beside the name that was given first; a link's own target may have one too."""
    named, real = backup.absolute(), backup.resolve()
    return tuple(path.with_name(f"{path.name}.sha256") for path in (named, real) if path.name)


def _parse(line: str, beside: PurePath) -> tuple[str, str]:
    """Return (name, sum); the name of a bare sum is empty."""
    line = line.strip()
    if bare := _BARE.fullmatch(line):
        return "", bare[1].lower()
    if gnu := _GNU.fullmatch(line):
        return _unescaped(gnu[2], line), gnu[1].lower()
    if bsd := _BSD.fullmatch(line):
        return _unescaped(bsd[1], line), bsd[2].lower()
    raise _unreadable(beside)


def _unescaped(name: str, line: str) -> str:
    if not line.startswith("\\"):
        return name
    return _ESCAPED.sub(lambda escaped: _MEANING[escaped[1]], name)


def _of_file(lines: list[tuple[str, str]], name: str) -> Sidecar | None:
    """A single line is this file's, also by the unfinished name that it may have had; one of another name holds where its sum is right."""
    if len(lines) == 1:
        called, sha256 = Path(lines[0][0]).name, lines[0][1]
        return Sidecar(sha256, of_another=None if called in ("", "-", name) or called.startswith(f"{name}.") else called)
    named = [line for line in lines if Path(line[0]).name == name]
    return Sidecar(named[0][1]) if len(named) == 1 else None


def _of_tree(lines: list[tuple[str, str]], name: str) -> Sidecar | None:
    """One line that names no file inside is the sum of the folder; otherwise the lines are its files'."""
    if len(lines) == 1 and Path(lines[0][0]).name in ("", name):
        return Sidecar(lines[0][1])
    return Sidecar(None, tuple((_inside(listed, name), sha256) for listed, sha256 in lines)) if lines else None


def _inside(listed: str, name: str) -> str:
    path = Path(listed)
    parts = path.parts[path.parts.index(name) + 1 :] if name in path.parts[:-1] else path.parts
    return "/".join(parts)


def _unreadable(beside: PurePath) -> CannotTell:
    return CannotTell(
        "sidecar_unreadable",
        f"{shown(str(beside))} holds no sha256 sum that can be read",
        f"write it again (sha256sum {shown(beside.stem)} > {shown(beside.name)}), or take it away to verify without it",
    )
