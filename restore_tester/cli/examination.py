"""What is installed, what the kernel allows, what room there is → an examination, as text or as one JSON object.

Isolation is not guessed: a sandbox is really opened, and what it got is what is said.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, new_page, padded, show
from restore_tester.contracts import Sandbox
from restore_tester.errors import RestoreTesterError
from restore_tester.judgement import exits
from restore_tester.judgement.amounts import size
from restore_tester.model import Reason, SandboxNeeds, to_json
from restore_tester.restorers.postgresql.servers import Server, find_servers
from restore_tester.restorers.postgresql.template import cache_folder
from restore_tester.service.equipment import equipment_for
from restore_tester.service.signals import interruptible

DOCTOR_SCHEMA = "restore-tester/doctor/v1"
WANTED_ISOLATION = (
    "no-network",
    "own-uid",
    "private-filesystem",
    "no-capabilities",
    "memory-limit",
    "process-limit",
    "disk-limit",
    "time-limit",
    "sealed-probe",
)
INSTALL = {
    "debian": "apt install postgresql",
    "ubuntu": "apt install postgresql",
    "fedora": "dnf install postgresql-server postgresql-contrib",
    "rhel": "dnf install postgresql-server postgresql-contrib",
    "centos": "dnf install postgresql-server postgresql-contrib",
    "alpine": "apk add postgresql postgresql-contrib",
}
INSTALL_ANYWHERE = "pip install 'restore-tester[embedded]'"
LITTLE_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ServerSeen:
    major: int
    version: str | None
    folder: str
    origin: str
    amcheck: bool
    broken: str | None


@dataclass(frozen=True, slots=True)
class SandboxSeen:
    """What a sandbox got when it was opened, or why it could not be."""

    kind: str
    isolation: tuple[str, ...]
    sealed: bool
    detail: str
    cpus: int
    memory_bytes: int
    workspace: str | None
    free_bytes: int | None


@dataclass(frozen=True, slots=True)
class DockerSeen:
    """Whether `--sandbox docker` finds an engine here, and if not, why. It is a choice: without one, drills run all the same."""

    reachable: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Examination:
    schema: str
    can_drill: bool
    servers: tuple[ServerSeen, ...]
    sandbox: SandboxSeen
    docker: DockerSeen
    cache_folder: str
    missing: tuple[Reason, ...]


def examine(output: OutputFormat) -> int:
    """Look, say it, return 0 where a drill can run here, else 3."""
    with interruptible():
        seen = _examination()
    if output == "json":
        say_json(to_json(seen))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        _render(seen, page)
        show(page)
    return exits.PASSED if seen.can_drill else exits.INCONCLUSIVE


def _examination() -> Examination:
    servers = find_servers()
    usable = tuple(server for server in servers if server.broken is None)
    sandbox, trouble = _try_sandbox()
    missing = (*trouble, *_missing(servers, usable, sandbox))
    return Examination(
        schema=DOCTOR_SCHEMA,
        can_drill=bool(usable) and not trouble,
        servers=tuple(_seen(server) for server in servers),
        sandbox=sandbox,
        docker=_docker(),
        cache_folder=str(cache_folder()),
        missing=missing,
    )


def _seen(server: Server) -> ServerSeen:
    version = server.ask_version() if server.broken is None else None
    return ServerSeen(server.major, version, str(server.folder), server.origin, "amcheck" in server.has, server.broken)


def _docker() -> DockerSeen:
    from restore_tester.sandboxes.docker.engine import connect

    try:
        with connect():
            return DockerSeen(True, "an engine answers: --sandbox docker, or `sandbox: docker`")
    except RestoreTesterError as error:
        return DockerSeen(False, error.reason.message)


def _try_sandbox() -> tuple[SandboxSeen, tuple[Reason, ...]]:
    provider = equipment_for(lambda event: None).sandboxes
    try:
        with provider.open(SandboxNeeds(engine="postgresql")) as sandbox:
            return _inside(sandbox), ()
    except RestoreTesterError as error:
        return SandboxSeen(provider.kind, (), False, error.reason.message, 0, 0, None, None), (error.reason,)


def _inside(sandbox: Sandbox) -> SandboxSeen:
    seal = sandbox.seal()
    base = sandbox.workspace.here
    return SandboxSeen(
        kind=sandbox.kind,
        isolation=sandbox.isolation(),
        sealed=seal.sealed,
        detail=seal.detail,
        cpus=sandbox.cpus,
        memory_bytes=sandbox.memory_bytes,
        workspace=str(base.parent.parent),
        free_bytes=shutil.disk_usage(base).free,
    )


# --- what is missing --------------------------------------------------------------------------------------------------


def _missing(servers: tuple[Server, ...], usable: tuple[Server, ...], sandbox: SandboxSeen) -> tuple[Reason, ...]:
    install = _install_command()
    found = [
        Reason("server_broken", f"PostgreSQL {server.major} in {server.folder}: {server.broken}", install)
        for server in servers
        if server.broken
    ]
    if not usable:
        found.append(Reason("server_missing", "there is no PostgreSQL server to restore into", f"{install}, or {INSTALL_ANYWHERE}"))
    elif not any("amcheck" in server.has for server in usable):
        found.append(Reason("amcheck_missing", "no server here has amcheck, so indexes cannot be proven against their tables", install))
    if sandbox.isolation and not sandbox.sealed:
        found.append(Reason("sandbox_unsealed", f"a sandbox has a way out: {sandbox.detail}", _namespaces_cure()))
    if sandbox.free_bytes is not None and sandbox.free_bytes < LITTLE_DISK_BYTES:
        fact = f"only {size(sandbox.free_bytes)} are free in {sandbox.workspace}"
        found.append(Reason("little_disk", fact, "set TMPDIR to a larger disk: a restore takes two to three times the database"))
    return tuple(found)


def _install_command(release: Path = Path("/etc/os-release")) -> str:
    """Return the command that installs PostgreSQL on this distribution, with the modules that checks want."""
    try:
        lines = release.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
    for name in (fields.get("ID", ""), *fields.get("ID_LIKE", "").split()):
        if name in INSTALL:
            return INSTALL[name]
    return "install PostgreSQL's server and its contrib modules with this system's package manager"


def _namespaces_cure() -> str:
    """Return what keeps an unprivileged process from a network namespace of its own, as far as the kernel says it."""
    for path, forbidden, cure in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    ):
        try:
            if Path(path).read_text().strip() == forbidden:
                return cure
        except OSError:
            continue
    return "run as root, or where user and network namespaces are allowed"


# --- the page ---------------------------------------------------------------------------------------------------------


def _render(seen: Examination, page: Page) -> None:
    glyphs = page.glyphs
    page.blank()
    verdict = Span("READY", Tone.GOOD) if seen.can_drill else Span("NOT READY", Tone.BAD)
    page.row(verdict, Span("  drills can run here" if seen.can_drill else "  drills cannot run here"))
    page.blank()
    page.row(Span("PostgreSQL servers", Tone.STRONG))
    for server in seen.servers:
        sign = Span(f"{glyphs.good} ", Tone.GOOD) if server.broken is None else Span(f"{glyphs.bad} ", Tone.BAD)
        amcheck = server.broken or ("with amcheck" if server.amcheck else "without amcheck")
        page.text(f"{server.version or server.major} {server.origin}, {amcheck}: {server.folder}", indent=2, lead=sign)
    if not seen.servers:
        page.text("none", indent=2, lead=Span(f"{glyphs.bad} ", Tone.BAD))
    _render_sandbox(seen.sandbox, page)
    page.blank()
    page.row(Span("Docker", Tone.STRONG))
    sign = Span(f"{glyphs.good} ", Tone.GOOD) if seen.docker.reachable else Span(f"{glyphs.idle} ", Tone.DIM)
    page.text(seen.docker.detail, indent=2, lead=sign)
    page.blank()
    page.text(f"templates are kept in {seen.cache_folder}", Tone.DIM)
    page.text("gzip, zstd, xz, bzip2 and lz4 are read without any program", Tone.DIM)
    for reason in seen.missing:
        page.blank()
        page.text(reason.message, lead=Span(f"{glyphs.unsure} ", Tone.UNSURE))
        page.text(reason.hint, indent=2, lead=Span(f"{glyphs.hint} ", Tone.DIM))


def _render_sandbox(sandbox: SandboxSeen, page: Page) -> None:
    page.blank()
    page.row(Span(f"Sandbox: {sandbox.kind}", Tone.STRONG))
    for word in WANTED_ISOLATION:
        has = word in sandbox.isolation
        sign = Span(f"{page.glyphs.good} ", Tone.GOOD) if has else Span(f"{page.glyphs.idle} ", Tone.DIM)
        page.row(Span("  "), sign, Span(padded(word, 20)), Span("" if has else "not here", Tone.DIM))
    if sandbox.workspace is not None and sandbox.free_bytes is not None:
        page.text(
            f"{sandbox.cpus} cpus, {size(sandbox.memory_bytes)} memory, {size(sandbox.free_bytes)} free in {sandbox.workspace}", indent=2
        )
    elif sandbox.detail:
        page.text(sandbox.detail, Tone.BAD, indent=2)
