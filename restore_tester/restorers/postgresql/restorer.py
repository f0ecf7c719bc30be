"""PostgreSQL dumps → databases that answer queries. Implements `contracts.Restorer`; read `restore` as the list of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from restore_tester.contracts import RestoreJob, Sandbox
from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.model import BackupFacts, Ends, Reason, SandboxNeeds
from restore_tester.restorers.postgresql.archive import Contents
from restore_tester.restorers.postgresql.cluster import ALWAYS, Cluster, running_cluster
from restore_tester.restorers.postgresql.data import PostgresData, analyze, prepare_amcheck, user_databases
from restore_tester.restorers.postgresql.inside import find_servers_inside
from restore_tester.restorers.postgresql.load import (
    Script,
    Target,
    prepare_archive,
    prepare_script,
    prove_structure,
    restore_archive,
    restore_script,
)
from restore_tester.restorers.postgresql.messages import Ground, extension_missing
from restore_tester.restorers.postgresql.names import Declared, declared_in_archive
from restore_tester.restorers.postgresql.preparation import Prepared, Wanted, prepare_cluster, prepare_script_cluster
from restore_tester.restorers.postgresql.recognise import ENGINE, recognise, release
from restore_tester.restorers.postgresql.servers import Server, choose_server, oldest_reader
from restore_tester.restorers.postgresql.sessions import Sessions
from restore_tester.restorers.postgresql.template import DATA_FOLDER

SCRIPTS = frozenset({"pg_dump-plain", "pg_dumpall"})
NAMELESS = "restored"
_TEMPLATES = frozenset({"", "template0", "template1"})
_DATA, _POST_DATA = 3, 4


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A cluster with the rows in it. `databases` None: whatever the script has made."""

    cluster: Cluster
    databases: tuple[str, ...] | None
    facts: BackupFacts
    version: str
    features: frozenset[str]


class PostgresRestorer:
    """Given the servers that `find_servers` found."""

    engine = ENGINE

    def __init__(self, servers: tuple[Server, ...]) -> None:
        self._servers = servers

    def inspect(self, ends: Ends) -> BackupFacts:
        return recognise(ends)

    def needs(self, facts: BackupFacts) -> SandboxNeeds:
        return SandboxNeeds(engine=self.engine, major=_major(facts.engine_version))

    def program_folders(self) -> tuple[Path, ...]:
        """Return what a sandbox must show for these servers to run in it."""
        return tuple(dict.fromkeys(folder for server in self._servers for folder in server.exposed_folders()))

    @contextmanager
    def restore(self, job: RestoreJob, sandbox: Sandbox) -> Iterator[PostgresData]:
        """Enter when every database of the dump answers and has its statistics. Raise BackupUnusable, CannotTell, SandboxFault."""
        with ExitStack() as stack:
            restore = self._restore_script if job.facts.format in SCRIPTS else self._restore_archive
            try:
                restored = restore(job, sandbox, stack)
            except SandboxFault as error:
                if error.reason.code == "program_missing":
                    raise _server_missing(error) from error
                raise
            yield restored

    def _servers_in(self, sandbox: Sandbox) -> tuple[Server, ...]:
        """Return the servers that can run in a sandbox: its image's, or this machine's."""
        return self._servers if sandbox.image is None else find_servers_inside(sandbox, sandbox.image)

    def _restore_archive(self, job: RestoreJob, sandbox: Sandbox, stack: ExitStack) -> PostgresData:
        with job.watch.stage("decode"):
            archive = prepare_archive(job, sandbox)
        contents, declared = archive.contents, declared_in_archive(archive.contents)
        database = contents.database if contents.database not in _TEMPLATES else NAMELESS
        _refuse_unknown(job.database, (database,))
        major = _major(contents.server_version)
        server = choose_server(self._servers_in(sandbox), major, oldest_reader(contents.archive_version))
        if missing := _missing_extension(declared, server):
            with job.watch.stage("restore"):
                prove_structure(archive, job, sandbox, server.program("pg_restore"))
            raise missing
        with job.watch.stage("ready"):
            cluster = _start(server, job, sandbox, stack)
            statement = next((entry.definition.strip() for entry in contents.entries if entry.kind == "DATABASE"), "")
            prepared = prepare_cluster(cluster, declared.roles, job.watch, Wanted(database, statement, contents.encoding))
        with job.watch.stage("restore"):
            restore_archive(archive, job, Target(sandbox, cluster, database, _ground(declared, server, major, prepared)))
        facts = replace(job.facts, databases=(database,), tables=contents.tables, engine_version=release(contents.server_version))
        features = _features("archive", declared) | ({"indexes-just-built"} if _indexes_follow_data(contents) else set())
        return _serve(_Loaded(cluster, (database,), facts, prepared.version, features), job, sandbox, stack)

    def _restore_script(self, job: RestoreJob, sandbox: Sandbox, stack: ExitStack) -> PostgresData:
        with job.watch.stage("decode"):
            script = prepare_script(job, sandbox)
        own = script.facts.creates_databases or bool(script.facts.databases)
        named = tuple(name for name in script.facts.databases if name not in _TEMPLATES)
        if own:
            _refuse_unknown(job.database, named)
        major = _major(script.facts.server_version)
        server = choose_server(self._servers_in(sandbox), major)
        if missing := _missing_extension(script.declared, server):
            raise missing
        database = "postgres" if own else job.database or NAMELESS
        with job.watch.stage("ready"):
            cluster = _start(server, job, sandbox, stack)
            prepared = _prepare_for_script(cluster, script, job, None if own else database)
        with job.watch.stage("restore"):
            ground = _ground(script.declared, server, major, prepared, script.drops_until)
            restore_script(script, job, Target(sandbox, cluster, database, ground, prepared.replaced))
        facts = replace(job.facts, tables=script.facts.tables, databases=named or (database,))
        databases = None if own else (database,)
        return _serve(_Loaded(cluster, databases, facts, prepared.version, _features("script", script.declared)), job, sandbox, stack)


def _features(kind: str, declared: Declared) -> frozenset[str]:
    """What checks may look at: how the data came, and whether the dump says where its sequences stood."""
    return frozenset({"logical", kind} | ({"sequences-set"} if declared.sequences_set else set()))


def _start(server: Server, job: RestoreJob, sandbox: Sandbox, stack: ExitStack) -> Cluster:
    fixed = {name for name, _ in ALWAYS}
    for name, _ in job.settings:
        if name.lower() in fixed:
            job.watch.warn(Reason("settings_ignored", f"the setting {name} is fixed in a sandbox", "remove it from `settings`"))
    cluster = stack.enter_context(running_cluster(server, sandbox, job.profile, job.settings, job.keep))
    if job.keep:
        where = sandbox.workspace.here / DATA_FOLDER
        job.watch.warn(Reason("kept", f"the stopped data directory stays here: {where}", f"remove {where.parent} when you are done"))
    return cluster


def _prepare_for_script(cluster: Cluster, script: Script, job: RestoreJob, database: str | None) -> Prepared:
    if database is None:
        return prepare_script_cluster(cluster, script.declared.roles, job.watch, script.declared.databases)
    return prepare_cluster(cluster, script.declared.roles, job.watch, Wanted(database))


def _serve(loaded: _Loaded, job: RestoreJob, sandbox: Sandbox, stack: ExitStack) -> PostgresData:
    """See that the data answers, and gather its statistics: before that it does not serve."""
    cluster = loaded.cluster
    sessions = Sessions(cluster)
    stack.callback(sessions.close)
    with job.watch.stage("analyze"):
        judged = loaded.databases or user_databases(sessions)
        if job.database is not None:
            judged = (job.database,)
        features = loaded.features
        if "amcheck" in cluster.server.has and prepare_amcheck(sessions, judged):
            features |= {"amcheck"}
        cluster.raise_if_faulty()
        analyze(sessions, judged, sandbox.cpus, job.watch)
    return PostgresData(sessions, judged, replace(loaded.facts, databases=judged), loaded.version.split(" ")[0], features)


def _ground(declared: Declared, server: Server, major: int | None, prepared: Prepared, drops_until: int = 0) -> Ground:
    foreign = None
    if major != server.major:
        foreign = f"on PostgreSQL {server.major}, while the dump comes from {major or 'an unknown version'}"
    elif prepared.missing_locale:
        foreign = "with another locale than the dump's"
    return Ground(declared.names, frozenset({"postgres", "template1"}), foreign, drops_until)


def _missing_extension(declared: Declared, server: Server) -> CannotTell | None:
    missing = sorted(set(declared.extensions) - server.has)
    if not missing:
        return None
    reason = extension_missing(", ".join(missing))
    return CannotTell(reason.code, reason.message, reason.hint)


def _server_missing(error: SandboxFault) -> CannotTell:
    return CannotTell("server_missing", error.reason.message, "repair that installation; `restore-tester doctor` says what is here")


def _refuse_unknown(wanted: str | None, present: tuple[str, ...]) -> None:
    if wanted is not None and wanted not in present:
        raise CannotTell("database_not_in_backup", "the database to be judged is not in this backup", f"name one of: {', '.join(present)}")


def _indexes_follow_data(contents: Contents) -> bool:
    """Whether the rows came before the indexes over them: pg_dump's sections say so (3 data, 4 after it)."""
    return any(entry.section == _DATA for entry in contents.entries) or not any(entry.section == _POST_DATA for entry in contents.entries)


def _major(version: str | None) -> int | None:
    first = (release(version or "") or "").split(".")[0]
    digits = "".join(character for character in first if character.isdigit())
    return int(digits) if digits else None
