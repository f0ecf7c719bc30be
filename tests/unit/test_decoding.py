"""Compressed files of the real tools, whole, joined, damaged and cut, decode to what went in or say what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.restorers.decoding import HEAD_BYTES, DecodeLimit, decode_head, open_decoded, read_head, sniff

TOOLS = {"gzip": "gzip -c", "zstd": "zstd -qc", "xz": "xz -1c", "bzip2": "bzip2 -c", "lz4": "lz4 -qc"}
TEXT = b"".join(b"%d\trow %d of many\t%d\n" % (n, n * 7919 % 65536, n % 13) for n in range(40_000))
LIMIT = DecodeLimit(1 << 20)


def packed(data: bytes, command: str) -> bytes:
    return subprocess.run(command.split(), input=data, capture_output=True, check=True, timeout=60).stdout


def decoded(path: Path, data: bytes, compression: str, limit: DecodeLimit = LIMIT) -> tuple[bytes, list[str]]:
    path.write_bytes(data)
    with open_decoded(path, compression, limit) as stream:
        return stream.read(), [warning.code for warning in stream.warnings]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.mark.parametrize("name", TOOLS)
def test_what_a_real_tool_packed_is_told_and_unpacked(name: str, file: Path) -> None:
    data = packed(TEXT, TOOLS[name])
    assert sniff(data[:64]) == name
    assert decoded(file, data, name) == (TEXT, [])


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("zstd", "pzstd -qc"),
        ("xz", "xz -T2 --block-size=65536 -c"),
        ("lz4", "lz4 -qc -BD -B4"),
        ("zstd", "zstd -qc --no-check --long=24"),
        ("gzip", "gzip -1c"),
    ],
)
def test_other_ways_of_a_tool_are_unpacked_too(name: str, command: str, file: Path) -> None:
    data = packed(TEXT, command)
    assert sniff(data[:64]) == name
    assert decoded(file, data, name) == (TEXT, [])


@pytest.mark.parametrize("name", TOOLS)
def test_members_one_after_another_are_one_stream(name: str, file: Path) -> None:
    data = packed(TEXT, TOOLS[name]) + packed(b"", TOOLS[name]) + packed(b"the end", TOOLS[name])
    assert decoded(file, data, name) == (TEXT + b"the end", [])


@pytest.mark.parametrize("name", TOOLS)
def test_layers_are_unpacked_outermost_first(name: str, file: Path) -> None:
    assert decoded(file, packed(packed(TEXT, "gzip -c"), TOOLS[name]), f"{name}+gzip") == (TEXT, [])


@pytest.mark.parametrize("name", TOOLS)
def test_zeros_after_the_end_are_padding(name: str, file: Path) -> None:
    assert decoded(file, packed(TEXT, TOOLS[name]) + bytes(5000), name) == (TEXT, [])


@pytest.mark.parametrize("name", TOOLS)
def test_garbage_after_the_end_is_warned_of(name: str, file: Path) -> None:
    assert decoded(file, packed(TEXT, TOOLS[name]) + b"job done\n", name) == (TEXT, ["trailing_garbage"])


@pytest.mark.parametrize("name", TOOLS)
def test_cut_anywhere_it_is_truncated(name: str, file: Path) -> None:
    data = packed(TEXT, TOOLS[name])
    for kept in (3, 11, 40, len(data) // 2, len(data) - 20, len(data) - 1):
        with pytest.raises(BackupUnusable) as caught:
            decoded(file, data[:kept], name)
        assert caught.value.reason.code == "compression_truncated"


@pytest.mark.parametrize("name", TOOLS)
def test_a_cut_second_member_is_truncated(name: str, file: Path) -> None:
    with pytest.raises(BackupUnusable) as caught:
        decoded(file, packed(TEXT, TOOLS[name]) + packed(TEXT, TOOLS[name])[:-9], name)
    assert caught.value.reason.code == "compression_truncated"


@pytest.mark.parametrize("name", ["gzip", "xz", "bzip2", "lz4", "zstd"])
def test_no_flipped_bit_passes_for_the_data(name: str, file: Path) -> None:
    data = packed(TEXT, TOOLS[name])
    for place in range(len(data) // 3, len(data) - 40, len(data) // 17):
        spoiled = bytearray(data)
        spoiled[place] ^= 0x10
        with pytest.raises(BackupUnusable) as caught:
            decoded(file, bytes(spoiled), name)
        assert caught.value.reason.code in ("compression_damaged", "compression_truncated")


@pytest.mark.parametrize("name", TOOLS)
def test_a_bomb_stops_at_the_limit_and_the_fault_is_ours(name: str, file: Path) -> None:
    data = packed(bytes(32 << 20), TOOLS[name])
    with pytest.raises(CannotTell) as caught:
        decoded(file, data, name, DecodeLimit(len(data), ratio=2, always_allowed_bytes=1 << 20))
    assert caught.value.reason.code == "decompression_limit"


def test_the_limit_grows_with_the_file_above_a_gibibyte() -> None:
    assert DecodeLimit(1000).output_bytes == 1 << 30
    assert DecodeLimit(1 << 30).output_bytes == 250 << 30


def test_a_window_that_the_tool_would_refuse_unasked_is_our_limit(file: Path) -> None:
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([20 << 3]) + b"\x01\x00\x00"
    with pytest.raises(CannotTell) as caught:
        decoded(file, frame, "zstd")
    assert caught.value.reason.code == "decompression_limit"


@pytest.mark.parametrize("name", TOOLS)
def test_memory_stays_bounded_whatever_comes_out(name: str, file: Path) -> None:
    file.write_bytes(packed(bytes(192 << 20), TOOLS[name]))
    program = f"""
import sys
from pathlib import Path
from restore_tester.restorers.decoding import DecodeLimit, open_decoded
size = 0
with open_decoded(Path(sys.argv[1]), {name!r}, DecodeLimit(1 << 20)) as stream:
    while block := stream.read(1 << 18):
        size += len(block)
print(size, next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", program, file], capture_output=True, check=True, timeout=60)
    size, peak_kilobytes = map(int, done.stdout.split())
    assert size == 192 << 20
    assert peak_kilobytes < 100 << 10


@pytest.mark.parametrize("name", TOOLS)
def test_the_head_of_a_cut_piece_is_what_it_holds(name: str) -> None:
    data = packed(TEXT, TOOLS[name])
    head = decode_head(data[: len(data) * 3 // 4], name, len(data))
    assert TEXT.startswith(head)
    assert read_head(data, name, len(data)).data == TEXT and read_head(data, name, len(data)).ended


@pytest.mark.parametrize("name", TOOLS)
def test_the_head_of_a_bomb_is_bounded_and_says_how_little_it_took(name: str) -> None:
    data = packed(bytes(16 << 20), TOOLS[name])
    head = read_head(data, name, len(data))
    assert len(head.data) == HEAD_BYTES and not head.ended
    assert head.consumed <= len(data)


def test_what_is_not_compressed_is_read_as_it_is(file: Path) -> None:
    file.write_bytes(TEXT)
    with open_decoded(file, None, LIMIT) as stream:
        assert stream.read() == TEXT
    assert sniff(TEXT) is None


def test_closing_the_stream_closes_the_file(file: Path) -> None:
    file.write_bytes(packed(TEXT, "gzip -c"))
    with open_decoded(file, "gzip", LIMIT) as stream:
        stream.read(10)
    assert stream.closed and stream.raw.closed
