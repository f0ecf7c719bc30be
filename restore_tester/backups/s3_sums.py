"""Checksums that a store keeps of an object → comparison with the bytes that passed.

Sums of the whole object are compared as they are; sums of an upload's parts (`COMPOSITE`, `…-12`) where the store tells the parts'
borders. What could not be compared is said: a sum that nobody looked at proves nothing. An ETag is no sum at all: it is an MD5
in one way of uploading out of several, and nothing tells which.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from isal import isal_zlib

_FIELDS = {
    "ChecksumSHA256": "sha256",
    "ChecksumSHA1": "sha1",
    "ChecksumCRC64NVME": "crc64nvme",
    "ChecksumCRC32C": "crc32c",
    "ChecksumCRC32": "crc32",
}
_DIGITS = {"sha256": 64, "sha1": 40, "crc64nvme": 16, "crc32c": 8, "crc32": 8}


# An upload in parts ends its ETag so. Of its sums, CRC-64/NVME alone is always one of the whole object.
_IN_PARTS = re.compile(r'-\d+"?$')
_ALWAYS_WHOLE = "crc64nvme"


@dataclass(frozen=True, slots=True)
class Sum:
    """What the store says the whole object's sum is, in hexadecimal digits."""

    algorithm: str
    digits: str


@dataclass(frozen=True, slots=True)
class PartSums:
    """What the store says of an upload's parts, in order: each one's size (bytes) and sum."""

    algorithm: str
    parts: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A sum that the store keeps and nobody compared: why not. `of_parts`: the borders of the parts would make it comparable."""

    algorithm: str
    why: str
    of_parts: bool = False


Stored = Sum | PartSums | Uncompared | None


class RunningSum(Protocol):
    def update(self, block: memoryview) -> None: ...
    def hexdigest(self) -> str: ...


def sum_in(answer: Mapping[str, object]) -> Sum | Uncompared | None:
    """Given an answer to HEAD or GET, return the strongest sum of the whole object that we can compute, else why one that it has
    cannot be compared, None where it has none."""
    in_parts = answer.get("ChecksumType") == "COMPOSITE"
    maybe_in_parts = "ChecksumType" not in answer and _IN_PARTS.search(str(answer.get("ETag", ""))) is not None
    uncompared: Uncompared | None = None
    for name, algorithm in _FIELDS.items():
        text = answer.get(name)
        if not isinstance(text, str):
            continue
        if running_sum(algorithm) is None:
            uncompared = uncompared or Uncompared(algorithm, "this installation cannot compute it")
        elif in_parts or "-" in text or (maybe_in_parts and algorithm != _ALWAYS_WHOLE):
            uncompared = uncompared or Uncompared(algorithm, "it is one of the upload's parts, and the store does not say their sums", True)
        elif (digits := _digits(text, algorithm)) is not None:
            return Sum(algorithm, digits)
        else:  # a header may have been cut off
            uncompared = uncompared or Uncompared(algorithm, "it cannot be read")
    return uncompared


def part_sums(answers: Iterable[Mapping[str, Any]], algorithm: str, size_bytes: int) -> PartSums | None:
    """Given the pages of an object's attributes, return the sums of its parts, None where they do not cover it."""
    field = next(name for name, known in _FIELDS.items() if known == algorithm)
    told = [part for answer in answers for part in answer.get("ObjectParts", {}).get("Parts", ())]
    parts = tuple((int(part.get("Size", 0)), _digits(str(part.get(field, "")), algorithm) or "") for part in told)
    whole = sum(size for size, _ in parts) == size_bytes and all(size and digits for size, digits in parts)
    return PartSums(algorithm, parts) if parts and whole else None


def _digits(text: str, algorithm: str) -> str | None:
    with suppress(ValueError):
        digits = base64.b64decode(text, validate=True).hex()
        return digits if len(digits) == _DIGITS[algorithm] else None
    return None


class Comparison:
    """The bytes of an object as they pass, against what the store says of them."""

    def __init__(self, stored: Stored) -> None:
        self._digest = hashlib.sha256()
        self._whole = stored if isinstance(stored, Sum) else None
        self._algorithm = stored.algorithm if isinstance(stored, (Sum, PartSums)) else "sha256"
        self._running = running_sum(self._algorithm) if self._whole is not None and self._algorithm != "sha256" else None
        self._parts = list(reversed(stored.parts)) if isinstance(stored, PartSums) else []
        self._left = 0
        self._differs = False
        self.uncompared = stored if isinstance(stored, Uncompared) else None

    def update(self, block: memoryview) -> None:
        self._digest.update(block)
        if self._whole is not None and self._running is not None:
            self._running.update(block)
        while len(block) and (self._left or self._parts):
            if not self._left:
                self._running, self._left = running_sum(self._algorithm), self._parts[-1][0]
            block, part = block[self._left :], block[: self._left]
            assert self._running is not None
            self._running.update(part)
            self._left -= len(part)
            if not self._left:
                self._differs = self._differs or self._running.hexdigest() != self._parts.pop()[1]

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def is_wrong(self) -> bool:
        """Ask at the object's end. One without a sum of its own is neither right nor wrong by this."""
        if self._whole is not None:
            return (self._running or self._digest).hexdigest() != self._whole.digits
        return self._differs or bool(self._parts)


def running_sum(algorithm: str) -> RunningSum | None:
    """Return a sum that begins, None where this installation cannot compute it (CRC-32C and CRC-64/NVME need `awscrt`)."""
    if algorithm == "sha256":
        return hashlib.sha256()
    if algorithm == "sha1":
        return hashlib.sha1(usedforsecurity=False)
    if algorithm == "crc32":
        return _Crc(isal_zlib.crc32, _DIGITS[algorithm])
    try:
        from awscrt import checksums
    except ImportError:
        return None
    found = getattr(checksums, algorithm, None)
    return _Crc(found, _DIGITS[algorithm]) if found is not None else None


class _Crc:
    def __init__(self, function: Callable[[memoryview, int], int], digits: int) -> None:
        self._function, self._digits, self._value = function, digits, 0

    def update(self, block: memoryview) -> None:
        self._value = self._function(block, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:0{self._digits}x}"
