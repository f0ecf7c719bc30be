"""What a restore needs → an open sandbox in a container of this machine's engine, gone when its block ends.

Implements `contracts.SandboxProvider`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from restore_tester.clock import SystemClock
from restore_tester.contracts import Clock, DrillEvent, ProgressSink
from restore_tester.errors import CannotTell
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.docker.allowance import Watch
from restore_tester.sandboxes.docker.container import Limits, Plan, container
from restore_tester.sandboxes.docker.engine import Abilities, Engine, connect
from restore_tester.sandboxes.docker.link import Link
from restore_tester.sandboxes.docker.reaping import reap
from restore_tester.sandboxes.docker.sandbox import DockerSandbox
from restore_tester.sandboxes.process import machine
from restore_tester.sandboxes.process.workspace import Folder, claim

IMAGES = {"postgresql": "postgres"}
_MEMORY_SHARE, _DISK_SHARE = 0.8, 0.9
_PROCESSES = 512
_DEADLINE_SECONDS = 12 * 3600.0


class DockerSandboxes:
    """Given the folder to make workspaces under (None: `$TMPDIR`, else /tmp), and who is told how a pull goes on."""

    kind = "docker"

    def __init__(self, base: Path | None = None, progress: ProgressSink | None = None, clock: Clock | None = None) -> None:
        self._base = base
        self._progress = progress
        self._clock = clock or SystemClock()

    @contextlib.contextmanager
    def open(self, needs: SandboxNeeds) -> Iterator[DockerSandbox]:
        """Raise CannotTell (`docker_unreachable`, `docker_remote`, `image_missing`, `image_unnamed`)."""
        with connect() as engine:
            image = engine.image(_image_name(needs, engine), self._count)
            abilities = engine.abilities()
            reap(engine, self._clock)
            with contextlib.ExitStack() as ended:
                # Again at the end: the engine may have been making a container while its orderer died.
                ended.callback(reap, engine, self._clock)
                folder = ended.enter_context(claim(self._base))
                limits = _limits(needs, folder, abilities)
                plan = Plan(image, folder, limits, abilities, self._clock.now() + timedelta(seconds=limits.deadline_seconds))
                with container(engine, plan) as made:
                    link = Link(engine, made)
                    sandbox = DockerSandbox(plan, link)
                    ended.callback(sandbox.join)
                    watch = Watch(folder, limits.disk_bytes, limits.deadline_seconds, link.end)
                    with contextlib.ExitStack() as open_for_use:
                        open_for_use.callback(sandbox.clear)
                        open_for_use.callback(watch.stop)
                        yield sandbox

    def _count(self, done: int, total: int) -> None:
        if self._progress:
            self._progress(DrillEvent("provision", "progress", done, total, "bytes"))


def _image_name(needs: SandboxNeeds, engine: Engine) -> str:
    """Return the workload's own image, else the engine's usual one of that major, else the newest of those that is here."""
    if needs.image:
        return needs.image
    if needs.engine not in IMAGES:
        message = f"no image is known for {needs.engine}"
        raise CannotTell("image_unnamed", message, "name the image that recovery would use: `image` in the configuration, or --image")
    repository = IMAGES[needs.engine]
    major = needs.major or max(engine.local_majors(repository), default=None)
    return f"{repository}:{major or 'latest'}"


def _limits(needs: SandboxNeeds, folder: Folder, abilities: Abilities) -> Limits:
    memory = min(machine.usable_memory_bytes(), abilities.memory_bytes)
    room = min(int(folder.free_bytes() * _DISK_SHARE), machine.granted_disk_bytes())
    return Limits(
        cpus=min(machine.usable_cpus(), abilities.cpus),
        memory_bytes=needs.memory_bytes or int(memory * _MEMORY_SHARE),
        processes=needs.processes or _PROCESSES,
        disk_bytes=room if needs.disk_bytes is None else min(needs.disk_bytes, room),
        deadline_seconds=needs.deadline_seconds or _DEADLINE_SECONDS,
    )
