"""An image, a folder and limits → a container that can do as little as possible, being started; removed when its block ends."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from restore_tester.sandboxes.docker import inside
from restore_tester.sandboxes.docker.channel import open_channel
from restore_tester.sandboxes.docker.engine import Abilities, Engine, Image
from restore_tester.sandboxes.docker.reaping import labels
from restore_tester.sandboxes.process.workspace import Folder

_OWN_PROCESSES = 16  # our first process with its two, and what the engine needs inside to start one more
_SCRATCH_BYTES = 64 << 20
_DEADLINE_MARGIN_SECONDS = 30
_OOM_FIRST = 800  # of 1000: when the machine's memory ends, the sandbox goes before anything else of it


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox may use: processors, bytes of memory (all processes together) and of disk, processes at once, seconds in all."""

    cpus: int
    memory_bytes: int
    processes: int
    disk_bytes: int
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one container is made of. `ends_at` is when its time is over."""

    image: Image
    folder: Folder
    limits: Limits
    abilities: Abilities
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Container:
    """One that is being started: `control` is the connection to its first process, as soon as that runs, or what went wrong."""

    name: str
    control: Future[socket.socket]


@contextlib.contextmanager
def container(engine: Engine, plan: Plan) -> Iterator[Container]:
    """Start a container in a thread, so that an interruption of ours finds it made or not made, never half. Raise SandboxFault at
    the end where it cannot be removed."""
    name = f"restore-tester-{os.urandom(6).hex()}"
    _write_names(plan.folder)
    with ThreadPoolExecutor(1, "docker-start") as starting:
        made = starting.submit(_start, engine, name, plan)
        try:
            yield Container(name, made)
        finally:
            if made.exception() is None:
                made.result().close()
            engine.remove(name)


def _start(engine: Engine, name: str, plan: Plan) -> socket.socket:
    engine.create(name, _described(plan))
    control = open_channel(engine.address, f"{engine.prefix}/containers/{name}/attach?stream=1&stdin=1&stdout=1")
    try:
        engine.start(name)
    except BaseException:
        control.close()
        raise
    return control


def _described(plan: Plan) -> dict[str, object]:
    """Return what the engine's interface calls ContainerConfig, with its HostConfig."""
    folder, limits = plan.folder, plan.limits
    return {
        "Image": plan.image.id,
        "Entrypoint": [inside.SHELL, "-c", inside.INIT, "restore-tester"],
        "Cmd": [str(int(limits.deadline_seconds) + _DEADLINE_MARGIN_SECONDS)],
        "User": f"{folder.uid}:{folder.gid}",
        "WorkingDir": inside.WORKSPACE,
        "Labels": labels(folder.path, plan.ends_at),
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "Healthcheck": {"Test": ["NONE"]},
        "NetworkDisabled": True,
        "HostConfig": _confined(plan),
    }


def _confined(plan: Plan) -> dict[str, object]:
    limits, abilities = plan.limits, plan.abilities
    scratch = f"rw,nosuid,nodev,noexec,mode=1777,size={_SCRATCH_BYTES}"
    return {
        "NetworkMode": "none",
        "IpcMode": "private",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": limits.memory_bytes if abilities.limits_memory else 0,
        "MemorySwap": limits.memory_bytes if abilities.limits_swap else 0,
        "PidsLimit": limits.processes + _OWN_PROCESSES if abilities.limits_processes else 0,
        "NanoCpus": limits.cpus * 1_000_000_000 if abilities.limits_cpus else 0,
        "ShmSize": limits.memory_bytes,
        "OomScoreAdj": _OOM_FIRST,
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        # A volume that the image declares would be a disk of its own, without a limit.
        "Tmpfs": {"/tmp": scratch} | dict.fromkeys(plan.image.volumes, scratch),  # noqa: S108 - the sandbox's own
        "Mounts": [
            _bound(plan.folder.here, inside.WORKSPACE, read_only=False),
            *(_bound(_names(plan.folder, name), f"/etc/{name}", read_only=True) for name in ("passwd", "group")),
        ],
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
    }


def _bound(source: Path, target: str, *, read_only: bool) -> dict[str, object]:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": read_only}


def _write_names(folder: Folder) -> None:
    """Names for our own uid: initdb, among others, refuses to be nobody."""
    texts = {
        "passwd": f"root:x:0:0:::\nsandbox:x:{folder.uid}:{folder.gid}::{inside.WORKSPACE}:{inside.SHELL}\n",
        "group": f"root:x:0:\nsandbox:x:{folder.gid}:\n",
    }
    for name, text in texts.items():
        _names(folder, name).write_text(text, encoding="utf-8")
        _names(folder, name).chmod(0o644)


def _names(folder: Folder, name: str) -> Path:
    return folder.path / name
