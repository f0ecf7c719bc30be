"""Durations (`90s 15m 4h 7d`) and sizes (`4GB 8GiB`) as people write them, turned into seconds and bytes."""

from __future__ import annotations

import re

DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?[smhd]$"
SIZE_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})? ?(B|[kKMGT]B|[KMGT]iB)$"

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(B|[kKMGT]B|[KMGT]iB)")
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def seconds_of(text: str) -> float:
    """Given a number and its unit, without a space, return seconds (0 or more). Raise ValueError where it is no duration."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("this is no duration")
    return float(found[1]) * _SECONDS[found[2]]


def bytes_of(text: str) -> int:
    """Given a size such as `8GiB` (powers of 1024) or `4GB` (powers of 1000), return bytes. Raise ValueError where it is none."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("this is no size")
    whole, _, fraction = found[1].partition(".")
    thousandths = int(whole + fraction.ljust(3, "0"))
    return thousandths * _BYTES[found[2]] // 1000
