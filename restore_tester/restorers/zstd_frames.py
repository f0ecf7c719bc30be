"""One zstd frame → its bytes, never more than a few blocks at a time.

The library's own streaming either returns all that an input unfolds to (a few kilobytes may be gigabytes), or does not tell
a cut frame from a finished one. A frame is a header and blocks of at most 128 KiB (RFC 8878, sections 3.1.1 and 3.1.2), so
it is fed block by block.
"""

from __future__ import annotations

import zstandard

BLOCK_BYTES = 128 << 10
BLOCKS_AT_ONCE = 4
_MAGIC = b"\x28\xb5\x2f\xfd"
_RLE = 1
_RESERVED = 3


class FrameDecompressor:
    """Given the most memory (bytes) that a frame's window may take. Works as `bz2.BZ2Decompressor` does; raises ZstdError."""

    def __init__(self, max_window_bytes: int) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=max_window_bytes).decompressobj()
        self._held = b""
        self._in_blocks = False
        self._checksum_bytes = 0
        self._to_skip = 0
        self._skipping = False
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return the next bytes: of BLOCKS_AT_ONCE blocks at most, whatever `max_length` says; b"" where more input is needed."""
        self._held += data
        if self._skipping or (not self._in_blocks and self._is_skippable()):
            return self._skip()
        end = 0 if self._in_blocks else self._header_bytes()
        if not self._in_blocks and not end:
            self.needs_input = True
            return b""
        self._in_blocks = True
        end, last = self._end_of_blocks(end)
        output = self._frame.decompress(self._held[:end]) if end else b""
        self._held = self._held[end:]
        self.needs_input = end == 0
        if last:
            self._finish()
        return output

    def _is_skippable(self) -> bool:
        return len(self._held) >= 4 and self._held[1:4] == b"\x2a\x4d\x18" and 0x50 <= self._held[0] <= 0x5F

    def _skip(self) -> bytes:
        if not self._skipping and len(self._held) >= 8:
            self._skipping = True
            self._to_skip = 8 + int.from_bytes(self._held[4:8], "little")
        if self._skipping:
            skipped = min(self._to_skip, len(self._held))
            self._to_skip -= skipped
            self._held = self._held[skipped:]
            if self._to_skip == 0:
                self._finish()
        return b""

    def _finish(self) -> None:
        self.eof = True
        self.needs_input = False
        self.unused_data = self._held
        self._held = b""

    def _header_bytes(self) -> int:
        """Return the length of the frame's header, 0 where not all of it is here."""
        if len(self._held) < 5:
            return 0
        if not self._held.startswith(_MAGIC):
            raise zstandard.ZstdError("not the beginning of a frame")
        descriptor = self._held[4]
        single_segment = descriptor >> 5 & 1
        self._checksum_bytes = 4 * (descriptor >> 2 & 1)
        content_size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
        length = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size_bytes
        return length if len(self._held) >= length else 0

    def _end_of_blocks(self, start: int) -> tuple[int, bool]:
        """Return where the next few whole blocks end, and whether the frame ends there."""
        end = start
        for _ in range(BLOCKS_AT_ONCE):
            if len(self._held) < end + 3:
                break
            header = int.from_bytes(self._held[end : end + 3], "little")
            last, kind, size = header & 1, header >> 1 & 3, header >> 3
            if kind == _RESERVED or size > BLOCK_BYTES:
                raise zstandard.ZstdError("a block that no compressor writes")
            following = end + 3 + (1 if kind == _RLE else size) + (self._checksum_bytes if last else 0)
            if len(self._held) < following:
                break
            end = following
            if last:
                return end, True
        return end, False
