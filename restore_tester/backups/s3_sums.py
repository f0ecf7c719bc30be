"""Checksums that a store keeps of a whole object → comparison with the bytes that passed.

Compared is what covers the whole object. Sums of parts (`COMPOSITE`, `…-12`) say nothing of the bytes without the
parts' borders, and an ETag is no sum at all: it is an MD5 in one way of uploading out of several, and nothing tells which.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from isal import isal_zlib

_FIELDS = {
    "ChecksumSHA256": "sha256",
    "ChecksumSHA1": "sha1",
    "ChecksumCRC64NVME": "crc64nvme",
    "ChecksumCRC32C": "crc32c",
    "ChecksumCRC32": "crc32",
}
_DIGITS = {"sha256": 64, "sha1": 40, "crc64nvme": 16, "crc32c": 8, "crc32": 8}


@dataclass(frozen=True, slots=True)
class Sum:
    """What the store says the whole object's sum is, in hexadecimal digits."""

    algorithm: str
    digits: str


class RunningSum(Protocol):
    def update(self, block: memoryview) -> None: ...
    def hexdigest(self) -> str: ...


def sum_in(answer: Mapping[str, object]) -> Sum | None:
    """Given an answer to HEAD or GET, return the strongest sum of the whole object that we can compute, None where there is none."""
    if answer.get("ChecksumType") == "COMPOSITE":
        return None
    for name, algorithm in _FIELDS.items():
        text = answer.get(name)
        if isinstance(text, str) and "-" not in text and running_sum(algorithm) is not None:
            with suppress(ValueError):
                digits = base64.b64decode(text, validate=True).hex()
                if len(digits) == _DIGITS[algorithm]:  # a header may have been cut off
                    return Sum(algorithm, digits)
    return None


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
