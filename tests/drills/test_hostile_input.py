"""Backups and machines that misbehave: crashing servers, missing programs, endless output, names made to confuse.

And rows that must not leave.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.test_bad_input import FAILED, INCONCLUSIVE, PASSED, Dump, assert_said, written
from tests.drills.tool import REPOSITORY, Tool, short_folder
from tests.producers import AWKWARD_TABLE, SourceServer, embedded_bin_folder

CANARY = "CANARY-7f3a9c"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="hides programs by mounting over them, which only root can")


def before_the_trailer(script: bytes, statement: str) -> bytes:
    end = script.rindex(b"--\n-- PostgreSQL database dump complete")
    return script[:end] + statement.encode() + b"\n\n" + script[end:]


def test_a_server_that_crashes_in_the_middle_is_our_fault(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    script = before_the_trailer(app_dump("plain").read_bytes(), "COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID';")
    assert_said(tool.verify(written(tmp_path, script)), INCONCLUSIVE, "server_crashed")


def test_an_error_message_of_ten_megabytes_is_bounded(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    shout = "DO $$ BEGIN RAISE EXCEPTION '%', repeat('x', 10000000); END $$;"
    said = tool.verify(written(tmp_path, before_the_trailer(app_dump("plain").read_bytes(), shout)))
    assert_said(said, FAILED, "restore_errors")
    assert len(str(said.record)) < 100_000


def test_output_of_psql_beyond_any_buffer_is_drained(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    flood = "SELECT repeat('x', 1000) FROM generate_series(1, 50000);"
    said = tool.verify(written(tmp_path, before_the_trailer(app_dump("plain").read_bytes(), flood)))
    assert (said.code, said.reasons, said.left) == (PASSED, [], ())


def in_a_view_of_its_own(tool: Tool, folder: Path, mount: str, backup: Path) -> subprocess.CompletedProcess[bytes]:
    """Run `verify` where a mount hides a program; the mount is seen by this one process only, and gone with it."""
    script = f'{mount} && exec "$0" "$@"'
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, *tool.argv("verify", backup, "-o", "json")]
    return subprocess.run(argv, env=tool.environment(folder), cwd=REPOSITORY, capture_output=True, timeout=120, check=False)


@as_root
def test_a_server_whose_program_is_missing_gives_way_to_the_next_newer_one(tool: Tool, app_dump: Dump, source: SourceServer) -> None:
    with short_folder() as folder:
        done = in_a_view_of_its_own(tool, folder, f"mount --bind /dev/null {source.bin_folder}/pg_restore", app_dump("custom"))
    record = json.loads(done.stdout)
    assert done.returncode == PASSED, record["reasons"]
    assert int(record["environment"]["engine_version"].split(".")[0]) > source.major


@as_root
def test_without_any_server_that_works_it_is_our_fault(tool: Tool, app_dump: Dump, source: SourceServer) -> None:
    wheel = embedded_bin_folder().parents[1]
    hide = f"mount --bind /dev/null {source.bin_folder}/pg_restore && mount -t tmpfs tmpfs {wheel}"
    with short_folder() as folder:
        done = in_a_view_of_its_own(tool, folder, hide, app_dump("custom"))
    record = json.loads(done.stdout)
    assert (done.returncode, [reason["code"] for reason in record["reasons"]]) == (INCONCLUSIVE, ["server_missing"])
    assert "pg_restore" in record["reasons"][0]["message"]


@as_root
def test_where_no_postgresql_is_installed_the_embedded_one_proves_it(tool: Tool, app_dump: Dump, source: SourceServer) -> None:
    embedded_already = source.bin_folder == embedded_bin_folder()
    hide = "true" if embedded_already else f"mount -t tmpfs tmpfs {source.bin_folder.parents[1]}"
    with short_folder() as folder:
        done = in_a_view_of_its_own(tool, folder, hide, app_dump("custom"))
    assert done.returncode == PASSED, done.stdout
    assert b'"engine_version":"1' in done.stdout.replace(b": ", b":")


@as_root
def test_an_extension_that_no_server_here_has_is_our_fault(tool: Tool, source: SourceServer) -> None:
    if not source.has_extension("pg_trgm"):
        pytest.fail("the source server has no contrib: install postgresql-contrib")
    source.make_database("with_trgm", "CREATE EXTENSION pg_trgm; CREATE TABLE t (id int); INSERT INTO t VALUES (1);")
    dump = source.dump("with_trgm")
    with short_folder() as folder:
        done = in_a_view_of_its_own(tool, folder, f"mount -t tmpfs tmpfs {source.bin_folder.parents[1]}", dump)
    assert done.returncode == INCONCLUSIVE, done.stdout
    assert b'"extension_missing"' in done.stdout


@as_root
def test_a_file_that_we_may_not_read_is_our_fault(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    with short_folder() as folder:
        backup = written(folder, app_dump("custom").read_bytes())
        backup.chmod(0o000)
        # Root reads everything; without the capabilities that let it, it is an ordinary user with uid 0.
        drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
        backup_of_another = [*drop, *tool.argv("verify", backup, "-o", "json")]
        os.chown(backup, 65534, 65534)
        done = subprocess.run(backup_of_another, env=tool.environment(folder), cwd=REPOSITORY, capture_output=True, timeout=60, check=False)
    assert done.returncode == INCONCLUSIVE, done.stdout
    assert b'"access_denied"' in done.stdout


def test_names_made_to_confuse_are_harmless_wherever_they_are_shown(tool: Tool, tmp_path: Path, app_dump: Dump) -> None:
    (tmp_path / "mine.sql").write_text(
        "-- about: Finds every table.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 9s\n"
        "select relname::text as object from pg_class where relkind = 'r' and relname like 'odd%'\n"
    )
    with short_folder() as folder:
        argv = tool.argv("verify", app_dump("custom"), "--checks", tmp_path)
        done = subprocess.run(argv, env=tool.environment(folder), cwd=REPOSITORY, capture_output=True, timeout=60, check=False)
    assert done.returncode == FAILED
    assert "\x1b" in AWKWARD_TABLE
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"odd" in done.stdout


LEAKS = [
    f"INSERT INTO public.orders (customer_id, amount, note) SELECT ('{CANARY}' || n)::bigint, 1, 'x' FROM generate_series(1, 1) n;",
    f"INSERT INTO public.customers (email, name) VALUES ('{CANARY}', 'a'), ('{CANARY}', 'b');",
    f"DO $$ BEGIN RAISE WARNING 'a row says {CANARY}'; END $$;",
    f"DO $$ BEGIN RAISE EXCEPTION 'a row says {CANARY}'; END $$;",
    f"CREATE FUNCTION public.leak() RETURNS int LANGUAGE sql AS $$ SELECT '{CANARY}'::int $$; SELECT public.leak();",
]


@pytest.mark.parametrize("statement", LEAKS, ids=["a cast", "a duplicate", "a warning", "an exception", "a function"])
@pytest.mark.parametrize("output", ["json", "text"])
def test_values_of_rows_never_leave(tool: Tool, tmp_path: Path, app_dump: Dump, statement: str, output: str) -> None:
    backup = written(tmp_path, before_the_trailer(app_dump("plain").read_bytes(), statement))
    (tmp_path / "checks").mkdir()
    for name, query in (
        ("casting", f"select ('{CANARY[:6]}' || id)::int from public.orders"),
        ("dividing", "select name::int as object from public.customers"),
        ("telling", "select id, name, email from public.customers where id < 5"),
    ):
        header = "-- about: Leaks.\n-- severity: warning\n-- expect: no_rows\n-- timeout: 9s\n"
        (tmp_path / "checks" / f"{name}.sql").write_text(header + query)
    with short_folder() as folder:
        argv = tool.argv("verify", backup, "--checks", tmp_path / "checks", "-o", output)
        done = subprocess.run(argv, env=tool.environment(folder), cwd=REPOSITORY, capture_output=True, timeout=60, check=False)
    for secret in (CANARY, "User 1", "user1@", "attachment 1"):
        assert secret.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")], ids=["missing", "emptied"])
def test_a_directory_whose_table_of_contents_is_gone_is_never_green(
    tool: Tool, tmp_path: Path, app_dump: Dump, spoil: Callable[[Path], object]
) -> None:
    subprocess.run(["cp", "-r", app_dump("directory"), tmp_path / "orders"], check=True, timeout=20)
    spoil(tmp_path / "orders" / "toc.dat")
    said = tool.verify(tmp_path / "orders")
    assert (said.code in (FAILED, 2), said.left) == (True, ())
