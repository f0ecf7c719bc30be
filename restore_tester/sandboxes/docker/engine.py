"""This machine's Docker engine → typed answers, and errors in our words. The only module that knows docker's SDK.

The engine must be local: a sandbox shares its workspace with us as a folder, and its server's unix socket with it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore_tester.errors import CannotTell, SandboxFault

_USUAL_ADDRESS = "unix:///var/run/docker.sock"
_ANSWER_SECONDS = 120.0
_MALFORMED, _GONE, _CONFLICT = 400, 404, 409

CountPulled = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is here. `id` is what runs; `digest` is what a registry knows it by, where it came from one."""

    name: str
    id: str
    digest: str
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the engine's machine has, and which limits its kernel keeps."""

    cpus: int
    memory_bytes: int
    limits_memory: bool
    limits_swap: bool
    limits_processes: bool
    limits_cpus: bool


@dataclass(frozen=True, slots=True)
class State:
    """How a container is. `code` counts when it does not run."""

    running: bool
    code: int
    out_of_memory: bool


@contextlib.contextmanager
def connect() -> Iterator[Engine]:
    """Raise CannotTell (`docker_unreachable`, `docker_remote`)."""
    address = os.environ.get("DOCKER_HOST") or _USUAL_ADDRESS
    if not address.startswith("unix://"):
        message = "DOCKER_HOST names an engine on another machine, which cannot share a folder with this one"
        raise CannotTell("docker_remote", message, "drill on the engine's own machine, or use the process sandbox")
    path = Path(address.removeprefix("unix://"))
    _knock(path)
    import docker

    try:
        client = docker.APIClient(base_url=address, version="auto", timeout=_ANSWER_SECONDS)
    except docker.errors.DockerException as error:
        raise _unreachable(path, _root_cause(error)) from error
    with contextlib.closing(client):
        yield Engine(client, path)


def _knock(path: Path) -> None:
    """Where nobody listens, say so before the SDK's half second of imports."""
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_ANSWER_SECONDS)
            door.connect(str(path))
    except OSError as error:
        raise _unreachable(path, error.strerror or str(error)) from error


def _unreachable(path: Path, why: str) -> CannotTell:
    hint = "start it (systemctl start docker) and see that this user may use it (group docker), or use the process sandbox"
    return CannotTell("docker_unreachable", f"no Docker engine answers at {path}: {why}", hint)


class Engine:
    """Safe to use from several threads."""

    def __init__(self, client: Any, address: Path) -> None:
        self._client = client
        self.address = address
        self.prefix = f"/v{client.api_version}"

    def abilities(self) -> Abilities:
        with _translated():
            info = self._client.info()
        return Abilities(
            cpus=info["NCPU"],
            memory_bytes=info["MemTotal"],
            limits_memory=bool(info.get("MemoryLimit")),
            limits_swap=bool(info.get("SwapLimit")),
            limits_processes=bool(info.get("PidsLimit")),
            limits_cpus=bool(info.get("CpuCfsQuota", info.get("CPUCfsQuota"))),
        )

    def image(self, name: str, count: CountPulled) -> Image:
        """Return an image, pulled where it is not here and a registry has it. Raise CannotTell (`image_missing`)."""
        import docker

        with _translated():
            try:
                found = self._client.inspect_image(name)
            except docker.errors.ImageNotFound:
                self._pull(name, count)
                found = self._client.inspect_image(name)
            except docker.errors.APIError as error:
                if error.status_code != _MALFORMED:
                    raise
                raise _image_missing(name, error.explanation or str(error)) from error
        digest = next((known.rpartition("@")[2] for known in found.get("RepoDigests") or ()), found["Id"])
        return Image(name, found["Id"], digest, tuple(found["Config"].get("Volumes") or ()))

    def _pull(self, name: str, count: CountPulled) -> None:
        import docker

        repository, tag = docker.utils.parse_repository_tag(name)
        layers: dict[str, tuple[int, int]] = {}
        try:
            for event in self._client.pull(repository, tag or "latest", stream=True, decode=True):
                if "error" in event:
                    raise _image_missing(name, event["error"])
                detail = event.get("progressDetail") or {}
                if event.get("status") == "Downloading" and detail.get("total"):
                    layers[event["id"]] = (detail["current"], detail["total"])
                    count(sum(done for done, _ in layers.values()), sum(total for _, total in layers.values()))
        except docker.errors.APIError as error:
            raise _image_missing(name, error.explanation or str(error)) from error

    def local_majors(self, repository: str) -> tuple[int, ...]:
        """Return the numeric tags of a repository that are here, smallest first."""
        with _translated():
            tags = [tag for image in self._client.images(repository) for tag in image.get("RepoTags") or ()]
        return tuple(sorted(int(tag.rpartition(":")[2]) for tag in tags if tag.rpartition(":")[2].isdigit()))

    def create(self, name: str, configuration: Mapping[str, object]) -> None:
        with _translated():
            self._client.create_container_from_config(dict(configuration), name)

    def start(self, name: str) -> None:
        """Raise CannotTell (`image_unusable`) where its first process cannot start."""
        import docker

        with _translated():
            try:
                self._client.start(name)
            except docker.errors.APIError as error:
                message = f"a container cannot be started: {error.explanation or error}"
                raise CannotTell("image_unusable", message, "name an image with a shell in it, such as postgres:17") from error

    def state(self, name: str) -> State | None:
        """Return how a container is, None where there is none of that name."""
        import docker

        with _translated():
            try:
                state = self._client.inspect_container(name)["State"]
            except docker.errors.NotFound:
                return None
        return State(state["Running"], state["ExitCode"], state["OOMKilled"])

    def remove(self, name: str) -> None:
        """Kill and remove a container with its volumes. One that is gone, or going, is no error."""
        import docker

        with _translated():
            try:
                self._client.remove_container(name, v=True, force=True)
            except docker.errors.APIError as error:
                if error.status_code not in (_GONE, _CONFLICT):
                    raise

    def kill(self, name: str) -> None:
        """Kill a container; one that does not run is no error."""
        import docker

        with _translated():
            try:
                self._client.kill(name)
            except docker.errors.APIError as error:
                if error.status_code not in (_GONE, _CONFLICT):
                    raise

    def labelled(self, label: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
        """Return id and labels of every container that carries a label, running or not."""
        with _translated():
            found = self._client.containers(all=True, filters={"label": label})
        return tuple((container["Id"], container["Labels"]) for container in found)

    def prepare(self, name: str, argv: tuple[str, ...], *, stdin: bool) -> str:
        """Return the id of an execution that `channel` starts. Raise SandboxFault."""
        with _translated():
            return str(self._client.exec_create(name, list(argv), stdin=stdin, stdout=True, stderr=True)["Id"])

    def execution_code(self, execution: str) -> int | None:
        """Return its exit code, None while it runs. Raise SandboxFault where its container is gone."""
        with _translated():
            found = self._client.exec_inspect(execution)
        return None if found["Running"] or found["ExitCode"] is None else int(found["ExitCode"])


def _image_missing(name: str, why: str) -> CannotTell:
    message = f"the image {name} is not here and cannot be pulled: {' '.join(why.split())[:300]}"
    return CannotTell(
        "image_missing", message, f"docker pull {name} where a registry is reachable, or docker load it; --image names another"
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    import docker
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        raise SandboxFault(
            "docker_refused", f"the Docker engine refused: {error.explanation or error}", "look at the engine's log"
        ) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        message = f"the Docker engine does not answer any more: {_root_cause(error)}"
        raise SandboxFault("docker_unreachable", message, "see that the engine runs, then drill again") from error


def _root_cause(error: BaseException) -> str:
    """The engine's errors come wrapped three times; the innermost has the fact."""
    while isinstance(inner := next((part for part in (error.__cause__, error.__context__, *error.args) if part), None), BaseException):
        error = inner
    return getattr(error, "strerror", None) or str(error)
