"""The beginning of a tar → its members, as far as they begin there."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass

PG_DUMP_OWNER = (0o4000, 0o2000)  # user and group that `pg_dump -Ft` itself writes (`pg_backup_tar.c`): no tar program does
_BLOCK = 512
_CHECKSUM = slice(148, 156)


@dataclass(frozen=True, slots=True)
class Member:
    """`begins` is where its bytes begin in the tar."""

    name: str
    size_bytes: int
    begins: int
    owner: tuple[int, int]

    @property
    def base_name(self) -> str:
        return self.name.rpartition("/")[2]


def is_tar(head: bytes) -> bool:
    """Say whether a header of 512 bytes with its own sum stands at the beginning."""
    header = head[:_BLOCK]
    stated = header[_CHECKSUM].strip(b" \x00")
    if len(header) < _BLOCK or not stated or stated.strip(b"01234567"):
        return False
    return int(stated, 8) == sum(header) - sum(header[_CHECKSUM]) + 8 * ord(" ")


def list_members(head: bytes) -> tuple[Member, ...]:
    """Return the files whose header is within `head`, in order; what is cut or damaged ends the list."""
    members: list[Member] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(head), mode="r:", errorlevel=0) as tar:
            while (found := tar.next()) is not None:
                if found.isfile():
                    members.append(Member(found.name, found.size, found.offset_data, (found.uid, found.gid)))
    except (tarfile.TarError, ValueError, OverflowError, EOFError):
        pass
    return tuple(members)
