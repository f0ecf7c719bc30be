"""Compressed bytes → the bytes within, in bounded memory, for every engine: gzip, zstd, xz, bzip2, lz4, alone or layered.

What is compressed several times is written outermost first: `gzip+zstd`. Concatenated members, frames and streams are read
through, as their own tools do. Zeros after the end are padding; anything else after it is a warning, since the data is whole.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.model import Reason

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

INPUT_BLOCK = 1 << 18
OUTPUT_BLOCK = 1 << 18
HEAD_BYTES = 4 << 20
HEAD_BLOCK = 1 << 12
DECODER_MEMORY = 128 << 20  # the window that `zstd -d` accepts unasked, and more than `xz -9` needs (65 MiB)

_MAGICS = {
    "gzip": (b"\x1f\x8b\x08",),
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))),
    "xz": (b"\xfd7zXZ\x00",),
    "bzip2": tuple(b"BZh%d%s" % (level, magic) for level in range(1, 10) for magic in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")),
    "lz4": (b"\x04\x22\x4d\x18",),
}
_LONGEST_MAGIC = 10


@dataclass(frozen=True, slots=True)
class DecodeLimit:
    """How much may come out (bytes) of `compressed_bytes`: a bomb must not fill the disk."""

    compressed_bytes: int
    ratio: int = 250
    always_allowed_bytes: int = 1 << 30

    @property
    def output_bytes(self) -> int:
        return max(self.always_allowed_bytes, self.ratio * self.compressed_bytes)


@dataclass(frozen=True, slots=True)
class Head:
    """The decoded beginning of a compressed file. `ended`: it is all there is. `consumed` counts the compressed bytes that it took."""

    data: bytes
    ended: bool
    consumed: int


def sniff(first: bytes) -> str | None:
    """Return how bytes that begin so are compressed: `gzip`, `zstd`, `xz`, `bzip2`, `lz4`, or None."""
    return next((name for name, magics in _MAGICS.items() if first.startswith(magics)), None)


class DecodedStream(io.BufferedReader):
    """A readable stream of decoded bytes. Reading raises BackupUnusable (`compression_damaged`, `compression_truncated`) and
    CannotTell (`decompression_limit`). `warnings` is complete once the end has been read."""

    def __init__(self, raw: io.RawIOBase, warnings: list[Reason]) -> None:
        super().__init__(raw, OUTPUT_BLOCK)
        self._warnings = warnings

    @property
    def warnings(self) -> tuple[Reason, ...]:
        return tuple(self._warnings)


def open_decoded(path: Path, compression: str | None, limit: DecodeLimit) -> DecodedStream:
    """Open a file for reading what is within. Given its compression as `sniff` names it, layers joined by `+`; None reads it as it is."""
    file = path.open("rb", buffering=0)
    if compression is None:
        return DecodedStream(file, [])
    warnings: list[Reason] = []
    blocks: Iterator[bytes] = iter(lambda: file.read(INPUT_BLOCK), b"")
    for algorithm in compression.split("+"):
        blocks = _bounded(_decode(blocks, algorithm, warnings), limit)
    return DecodedStream(_BlockReader(blocks, file), warnings)


def decode_head(first: bytes, compression: str, size: int) -> bytes:
    """Return at most HEAD_BYTES of what is within the first bytes of a file of `size` bytes. Raise BackupUnusable, CannotTell."""
    return read_head(first, compression, size).data


def read_head(first: bytes, compression: str, size: int) -> Head:
    """As `decode_head`, and how far it got. Where `first` is not all of the file, its cut end is no fault."""
    consumed = 0

    def slices() -> Iterator[bytes]:
        nonlocal consumed
        while consumed < len(first):
            part = first[consumed : consumed + HEAD_BLOCK]
            consumed += len(part)
            yield part

    blocks: Iterator[bytes] = slices()
    for algorithm in compression.split("+"):
        blocks = _decode(blocks, algorithm, [])
    data = bytearray()
    try:
        for block in blocks:
            data += block
            if len(data) >= HEAD_BYTES:
                return Head(bytes(data[:HEAD_BYTES]), ended=False, consumed=consumed)
    except BackupUnusable as error:
        if error.reason.code != "compression_truncated" or (not data and len(first) >= size):
            raise
        return Head(bytes(data), ended=False, consumed=consumed)
    return Head(bytes(data), ended=len(first) >= size, consumed=consumed)


class _BlockReader(io.RawIOBase):
    """Blocks as a raw stream; closes the file that they come from."""

    def __init__(self, blocks: Iterator[bytes], file: io.FileIO) -> None:
        self._blocks = blocks
        self._file = file
        self._block = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        if not self._block:
            self._block = memoryview(next(self._blocks, b""))
        count = min(len(target), len(self._block))
        target[:count] = self._block[:count]
        self._block = self._block[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _bounded(blocks: Iterator[bytes], limit: DecodeLimit) -> Iterator[bytes]:
    produced = 0
    for block in blocks:
        produced += len(block)
        if produced > limit.output_bytes:
            raise limit_reached(f"{limit.compressed_bytes} compressed bytes hold more than {limit.output_bytes} bytes")
        yield block


def limit_reached(fact: str) -> CannotTell:
    """Return the error of a file that unfolds beyond what we dare."""
    return CannotTell("decompression_limit", fact, "if you trust this file, decompress it yourself and verify the result")


def _damaged(algorithm: str, error: Exception | None) -> BackupUnusable:
    detail = f" ({error})" if error is not None and str(error) else ""
    return BackupUnusable(
        "compression_damaged",
        f"the {algorithm} stream is damaged{detail}",
        "take an older copy, and look for the disk or the transfer that did this",
    )


def _decode(source: Iterator[bytes], algorithm: str, warnings: list[Reason]) -> Iterator[bytes]:
    compressed = _Input(source)
    members = 0
    while start := compressed.peek(_LONGEST_MAGIC):
        if members and not start.startswith(_MAGICS[algorithm]):
            if compressed.drain_holds_more_than_zeros():
                warnings.append(
                    Reason(
                        "trailing_garbage",
                        f"bytes that belong to nothing follow the end of the {algorithm} stream; they were ignored",
                        "look at what writes or appends to this file",
                    )
                )
            return
        yield from _decode_member(compressed, algorithm)
        members += 1


def _decode_member(compressed: _Input, algorithm: str) -> Iterator[bytes]:
    decompressor, errors = _OPENERS[algorithm]()
    while not decompressor.eof:
        data = b""
        if decompressor.needs_input:
            data = compressed.take()
            if not data:
                raise BackupUnusable(
                    "compression_truncated",
                    f"the {algorithm} stream ends before its end: the file is cut short",
                    "take an older copy, and check that the job that writes this one finishes (a full disk, a killed upload)",
                )
        try:
            block = decompressor.decompress(data, OUTPUT_BLOCK)
        except errors as error:
            if "memory" in str(error).lower():
                raise limit_reached(f"the {algorithm} stream asks for more than {DECODER_MEMORY} bytes of memory") from error
            raise _damaged(algorithm, error) from error
        if block:
            yield block
    compressed.put_back(decompressor.unused_data or b"")


class _Input:
    """Blocks of compressed bytes, with a look ahead."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._held = b""

    def peek(self, count: int) -> bytes:
        while len(self._held) < count and (block := next(self._source, b"")):
            self._held += block
        return self._held[:count]

    def take(self) -> bytes:
        taken, self._held = self._held, b""
        return taken or next(self._source, b"")

    def put_back(self, data: bytes) -> None:
        self._held = data + self._held

    def drain_holds_more_than_zeros(self) -> bool:
        while block := self.take():
            if block.count(0) != len(block):
                return True
        return False


class _Decompressor(Protocol):
    """What the decompressors of the standard library have in common, and isal's and lz4's with them."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_Opened = tuple[_Decompressor, tuple[type[Exception], ...]]


def _open_gzip() -> _Opened:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), (cast("type[Exception]", igzip_lib.IsalError),)


def _open_xz() -> _Opened:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DECODER_MEMORY), (lzma.LZMAError,)


def _open_bzip2() -> _Opened:
    import bz2

    return bz2.BZ2Decompressor(), (OSError, ValueError)


def _open_lz4() -> _Opened:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor(), (RuntimeError,)


def _open_zstd() -> _Opened:
    import zstandard

    from restore_tester.restorers.zstd_frames import FrameDecompressor

    return FrameDecompressor(DECODER_MEMORY), (zstandard.ZstdError,)


_OPENERS: dict[str, Callable[[], _Opened]] = {
    "gzip": _open_gzip,
    "zstd": _open_zstd,
    "xz": _open_xz,
    "bzip2": _open_bzip2,
    "lz4": _open_lz4,
}
