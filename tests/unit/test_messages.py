"""What a restore says → whose fault it is, by lines that real servers and tools wrote; and never a row's value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.errors import BackupUnusable, CannotTell, RestoreTesterError, SandboxFault
from restore_tester.restorers.postgresql.messages import LONGEST_SHOWN, Ground, Judge, redact
from restore_tester.restorers.postgresql.vocabulary import VOCABULARY
from tests.restoring import Watched

NAMES = frozenset({"public", "orders", "customers", "orders_pkey", "orders_customer_id_fkey", "app_owner", "sales"})
GROUND = Ground(NAMES, prepared=frozenset({"postgres", "template1"}), drops_until=40)
FOREIGN = Ground(NAMES, foreign="on PostgreSQL 16, while the dump comes from 15")

# pg_restore and psql 15.18, 16.14 and 18.4 wrote these.
EXPLAINED = (
    'pg_restore: error: could not execute query: ERROR:  schema "public" already exists',
    'psql:<stdin>:19: ERROR:  role "app_owner" already exists',
    'psql:<stdin>:60: ERROR:  database "postgres" already exists',
    'psql:<stdin>:60: ERROR:  extension "plpgsql" already exists',
    'psql:<stdin>:13: ERROR:  unrecognized configuration parameter "transaction_timeout"',
    'psql:<stdin>:21: ERROR:  relation "public.tags" does not exist',
    'psql:<stdin>:23: ERROR:  index "orders_customer_id_idx" does not exist',
    "psql:<stdin>:26: ERROR:  large object 16669 does not exist",
    'psql:<stdin>:31: ERROR:  sequence "orders_id_seq" does not exist',
    'psql:<stdin>:32: ERROR:  materialized view "mv" does not exist',
    'psql:<stdin>:36: ERROR:  extension "hstore" does not exist',
    'psql:<stdin>:37: ERROR:  collation "public.coll" for encoding "UTF8" does not exist',
    'psql:<stdin>:37: ERROR:  operator class "public.oc" does not exist for access method "hash"',
    "psql:<stdin>:38: ERROR:  operator does not exist: integer public.=== integer",
    "psql:<stdin>:39: NOTICE:  drop cascades to 2 other objects",
    "pg_restore: WARNING:  wal_level is insufficient to publish logical changes",
    'pg_restore: creating TABLE "public.orders"',
    "Command was: CREATE TABLE public.orders (note text default 'ERROR:  \"x\"');",
)
DAMAGED = (
    "pg_restore: error: could not read from input file: end of file",
    "pg_restore: error: could not uncompress data: incorrect data check",
    "pg_restore: error: could not uncompress data: (null)",
    "pg_restore: error: could not find block ID 3634 in archive -- possibly corrupt archive",
    'pg_restore: error: could not open input file "miss/3566.dat": No such file or directory',
    'pg_restore: error: could not close data file "half/3566.dat": Success',
    "pg_restore: error: unexpected end of file",
)
THEIRS = (
    'pg_restore: error: COPY failed for table "orders": ERROR:  duplicate key value violates unique constraint "orders_pkey"',
    'pg_restore: error: could not execute query: ERROR:  insert or update on table "orders" violates foreign key constraint '
    '"orders_customer_id_fkey"',
    'psql:<stdin>:15258: ERROR:  could not create unique index "orders_pkey"',
)
OURS = {
    'psql:<stdin>:9: ERROR:  extension "postgis" is not available': "extension_missing",
    'psql:<stdin>:9: ERROR:  could not open extension control file "/usr/share/postgresql/14/extension/postgis.control": '
    "No such file or directory": "extension_missing",
    "pg_restore: error: unsupported version (1.16) in file header": "server_too_old",
    'psql:<stdin>:90: ERROR:  collation "pg_catalog.de_DE.utf8" for encoding "UTF8" does not exist': "locale_missing",
    "psql:<stdin>:9: ERROR:  compression method lz4 not supported": "feature_missing",
}
SANDBOX = {
    'pg_restore: error: COPY failed for table "orders": ERROR:  could not extend file "base/5/16384": No space left on device': "disk_full",
    "psql:<stdin>:9: ERROR:  out of memory": "out_of_memory",
    "psql:<stdin>:9: error: connection to server was lost": "server_crashed",
    "pg_restore: error: could not execute query: server closed the connection unexpectedly": "server_crashed",
    "psql:<stdin>:9: FATAL:  terminating connection due to administrator command": "server_crashed",
}
UNKNOWN = (
    'psql:<stdin>:90: ERROR:  relation "public.orders" does not exist',
    'psql:<stdin>:90: ERROR:  relation "orders" already exists',
    'pg_restore: error: could not execute query: ERROR:  multiple primary keys for table "customers" are not allowed',
    "psql:<stdin>:3200: error: invalid command \\N",
    'psql:<stdin>:3207: ERROR:  syntax error at or near "1" at character 1',
    "psql:<stdin>:41: FEHLER:  Relation »public.t« existiert nicht",
    "psql:<stdin>:42: ERREUR:  la relation « t » n'existe pas",
    'pg_restore: error: COPY failed for table "orders": ERROR:  role "nobody" does not exist',
    'psql:<stdin>:60: ERROR:  database "elsewhere" already exists',
    'psql:<stdin>:13: ERROR:  unrecognized configuration parameter "app.tenant"',
)


def end(*lines: str, ground: Ground = GROUND, code: int = 0) -> RestoreTesterError | None:
    """Return what a restore that said these lines comes to."""
    judge = Judge(ground)
    for line in lines:
        judge.note(line)
    judge.finish()
    try:
        judge.conclude(code)
    except RestoreTesterError as error:
        return error
    return None


@pytest.mark.parametrize("line", EXPLAINED)
def test_what_is_explained_is_nobodys_fault(line: str) -> None:
    assert end(line) is None


@pytest.mark.parametrize("line", DAMAGED)
def test_an_archive_that_cannot_be_read_is_damaged(line: str) -> None:
    error = end(line, "pg_restore: error: a worker process died unexpectedly", code=1)
    assert isinstance(error, BackupUnusable)
    assert error.reason.code == "archive_damaged"


@pytest.mark.parametrize("ground", [GROUND, FOREIGN])
@pytest.mark.parametrize("line", THEIRS)
def test_rows_that_break_the_dumps_own_constraints_are_its_fault_on_any_major(line: str, ground: Ground) -> None:
    error = end(line, ground=ground, code=1)
    assert isinstance(error, BackupUnusable)
    assert error.reason.code == "restore_errors"
    assert '"orders_' in error.reason.message


@pytest.mark.parametrize(("line", "code"), OURS.items())
def test_what_is_missing_here_is_ours_with_all_that_follows_from_it(line: str, code: str) -> None:
    error = end(line, *UNKNOWN, *THEIRS, code=1)
    assert isinstance(error, CannotTell)
    assert error.reason.code == code


@pytest.mark.parametrize(("line", "code"), SANDBOX.items())
def test_nothing_is_proven_after_a_fault_of_the_sandbox(line: str, code: str) -> None:
    error = end(*UNKNOWN, line, *DAMAGED, code=1)
    assert isinstance(error, SandboxFault)
    assert error.reason.code == code


@pytest.mark.parametrize("line", UNKNOWN)
def test_an_unknown_error_is_the_backups_on_its_own_major_and_ours_on_another(line: str) -> None:
    own, other = end(line), end(line, ground=FOREIGN)
    assert isinstance(own, BackupUnusable) and own.reason.code == "restore_errors"
    assert isinstance(other, CannotTell) and other.reason.code == "restore_errors_on_other_major"


def test_an_exit_that_nothing_explains_is_never_taken_for_success() -> None:
    assert isinstance(end(code=1), CannotTell)
    assert isinstance(end("pg_restore: error: a worker process died unexpectedly", code=1), CannotTell)
    assert isinstance(end(EXPLAINED[0], code=1), CannotTell)
    assert end(EXPLAINED[0], "pg_restore: warning: errors ignored on restore: 1", code=1) is None


def test_an_unknown_warning_is_shown_once() -> None:
    judge, watched = Judge(GROUND), Watched()
    for _ in range(3):
        judge.note('psql:<stdin>:7: WARNING:  relation "orders" has "secret" columns')
    judge.finish()
    judge.warn(watched)
    assert watched.warned == ["restore_warning"]
    assert '"orders"' in watched.warnings[0].message and "secret" not in watched.warnings[0].message


def test_a_name_may_hold_newlines_and_looks_like_a_message() -> None:
    lines = ('psql:<stdin>:3: ERROR:  table "odd "table"', "\x1b[31m<b>'; DROP TABLE orders; --\" does not exist")
    assert end(*lines) is None
    assert end('psql:<stdin>:3: ERROR:  table "a', 'b" is spoilt') is not None


def test_control_characters_of_a_known_name_are_escaped() -> None:
    assert redact('relation "a\x1b[31m" exists', frozenset({"a\x1b[31m"})) == 'relation "a\\x1b[31m" exists'


def test_ten_megabytes_of_message_are_shown_in_a_line() -> None:
    error = end("psql:<stdin>:90: ERROR:  " + "canary " * 1_500_000, *[f'psql:<stdin>:90: ERROR:  relation "{n}" x' for n in range(5000)])
    assert error is not None
    assert len(error.reason.message) < 4 * LONGEST_SHOWN
    assert "canary" not in error.reason.message


CANARY = st.text(st.characters(categories=("L", "N")), min_size=4, max_size=12).filter(
    lambda text: (
        text.lower() not in VOCABULARY and not any(len(part) > 1 and part in "the restore brought errors and more" for part in [text])
    )
)
AROUND = ("{}", '"{}"', "'{}'", "={}", "({})", 'type integer: "{}"', "{} is wrong", '"x"{}"y"', "DETAIL:  Key (id)=({}) exists.", '"{}')


@given(canary=CANARY, around=st.sampled_from(AROUND), prefix=st.sampled_from(("psql:<stdin>:90: ERROR:  ", "pg_restore: error: ")))
def test_no_value_gets_through(canary: str, around: str, prefix: str) -> None:
    lines = (prefix + around.format(canary), around.format(canary), f"DETAIL:  {canary}", f"CONTEXT:  COPY orders, line 1: {canary}")
    error = end(*lines)
    assert error is not None
    assert canary not in error.reason.message.replace("restore", "").replace("errors", "")
