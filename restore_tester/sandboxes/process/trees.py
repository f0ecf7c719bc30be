"""Folders that hold hostile content → how much disk they use, or nothing at all.

No symbolic link is followed, no directory is unreadable for long, and no depth is too deep: what is inside was written by
whatever a backup carried. Both sides of the jail use this module, so it imports little.
"""

from __future__ import annotations

import os
import stat

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system


def used_bytes(folders: list[str]) -> int:
    """Return the allocated bytes below the folders; a file with several names counts once. What vanishes meanwhile counts nothing."""
    total = 0
    several_names: set[tuple[int, int]] = set()
    pending = list(folders)
    while pending:
        for status, path in _children(pending.pop()):
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
            elif status.st_nlink > 1:
                if (status.st_dev, status.st_ino) in several_names:
                    continue
                several_names.add((status.st_dev, status.st_ino))
            total += status.st_blocks * _BLOCK_BYTES
    return total


def _children(path: str) -> list[tuple[os.stat_result, str]]:
    found = []
    try:
        folder = _open_folder(path, None)
    except OSError:  # gone, swapped for a link, or deeper than a path can be: the floor of free disk space still guards
        return []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found.append((entry.stat(follow_symlinks=False), f"{path}/{entry.name}"))
                except FileNotFoundError:
                    continue
    finally:
        os.close(folder)
    return found


def _open_folder(name: str, within: int | None) -> int:
    """Open a directory itself, never through a link; one without permissions is given them, which its owner may do."""
    try:
        return os.open(name, _FOLDER, dir_fd=within)
    except PermissionError:
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
        try:
            os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101 - os only: the jail does without pathlib
            return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            os.close(handle)


def remove(path: str) -> None:
    """Remove a folder and all below it; one that is not there is no error. Raise OSError where something resists.

    Directories are moved up to the top before they are emptied, so that neither depth nor the length of a path matters."""
    try:
        top = _open_folder(path, None)
    except FileNotFoundError:
        return
    try:
        pending = _empty(top, top)
        while pending:
            name = pending.pop()
            folder = _open_folder(name, top)
            try:
                pending += _empty(folder, top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)  # noqa: PTH106 - as above


def _empty(folder: int, top: int) -> list[str]:
    """Unlink the files of a folder, move its directories into `top`; return their names there."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    mark = f".{os.urandom(8).hex()}"  # an interrupted removal may have left names of its own
    moved: list[str] = []
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        there = f"{mark}-{len(moved)}"
        try:
            os.rename(name, there, src_dir_fd=folder, dst_dir_fd=top)
        except PermissionError:  # moving a directory writes its parent entry, which its own mode may forbid
            os.close(_open_folder(name, folder))
            os.rename(name, there, src_dir_fd=folder, dst_dir_fd=top)
        moved.append(there)
    return moved
