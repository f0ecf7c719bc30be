"""The messages that a restore may bring, as exact templates: what each means, and whose fault it is.

`docs/restore-messages.md` is this table; a test compares them. What matches none of them is unknown: an unknown ERROR
fails the drill on a server of the dump's own major and is inconclusive on another, an unknown WARNING is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from restore_tester.model import Reason


class Consequence(StrEnum):
    EXPLAINED = "nothing is missing because of it"
    WARNING = "shown as a warning"
    DAMAGED = "the backup is damaged"
    THEIRS = "the backup is at fault"
    OURS = "we are at fault"
    SANDBOX = "the sandbox is at fault"


class Bound(StrEnum):
    """What a template's `name` must be in the dump for the template to apply."""

    NOTHING = "-"
    DECLARED = "an object of the dump"
    HEADER = "a setting that pg_dump writes into every header"
    DROPS = "a line before the script's first CREATE"
    PREPARED = "a database or role that we made beforehand"
    OWNERSHIP = "a statement or entry about owners, rights or roles' settings"


@dataclass(frozen=True, slots=True)
class Template:
    """`pattern` must match a message's whole first line, after its severity. `reason` is what a drill then says, None where nothing."""

    pattern: re.Pattern[str]
    consequence: Consequence
    about: str
    bound: Bound = Bound.NOTHING
    reason: Reason | None = None


HEADER_SETTINGS = frozenset(
    {
        "default_table_access_method",
        "default_tablespace",
        "default_with_oids",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "row_security",
        "transaction_timeout",
        "xmloption",
    }
)

_NAME = r'"(?P<name>.+)"'
MISSING_ROLE = rf"role {_NAME} does not exist"
_TAKE_OLDER = "take an older copy, and look for the disk or the transfer that did this"
ARCHIVE_DAMAGED = Reason("archive_damaged", "the archive cannot be read to its end", _TAKE_OLDER)
RESTORE_ERRORS = Reason(
    "restore_errors",
    "the restore brought errors",
    "restore it by hand to see them in full; a dump whose own constraints do not hold was not written as one consistent whole",
)
EXTENSION_MISSING = Reason(
    "extension_missing",
    "the dump needs an extension that is not available here",
    "install its package for this server, or drill where production's own image is used",
)
LOCALE_MISSING = Reason(
    "locale_missing",
    "the dump uses a locale that does not exist here",
    "install the locale (Debian, Ubuntu: locales-all), or drill in production's own image",
)
FEATURE_MISSING = Reason(
    "feature_missing", "the server here was built without something that the dump uses", "install the PostgreSQL that production runs"
)
ROLES_MISSING = Reason("roles_missing", "roles of the dump are not in it", "back up roles too: pg_dumpall --globals-only")
TABLESPACES_IGNORED = Reason(
    "tablespaces_ignored", "the dump places objects in tablespaces; here all lie in one", "nothing to do for a drill; a recovery needs them"
)
DISK_FULL = Reason("disk_full", "the sandbox has no disk space left", "give the sandbox more disk, then drill again")
OUT_OF_MEMORY = Reason("out_of_memory", "the sandbox has no memory left", "give the sandbox more memory, then drill again")
SERVER_CRASHED = Reason(
    "server_crashed",
    "the restored server crashed",
    "drill again; if it crashes again, restore with the very minor version that production runs",
)
SERVER_TOO_OLD = Reason(
    "server_too_old",
    "the dump was written by a newer pg_dump than the tools here can read",
    "install the PostgreSQL that wrote it, or see what is here with `restore-tester doctor`",
)


def _template(pattern: str, consequence: Consequence, about: str, bound: Bound = Bound.NOTHING, reason: Reason | None = None) -> Template:
    return Template(re.compile(pattern, re.DOTALL), consequence, about, bound, reason)


SERVER_TEMPLATES = (
    _template(
        r".*(?:No space left on device|Disk quota exceeded|File too large).*",
        Consequence.SANDBOX,
        "The disk of the sandbox is full.",
        reason=DISK_FULL,
    ),
    _template(
        r"(?:out of (?:shared )?memory|.*[Cc]annot allocate memory.*|could not resize shared memory segment .*)",
        Consequence.SANDBOX,
        "The memory of the sandbox is used up.",
        reason=OUT_OF_MEMORY,
    ),
    _template(
        r"(?:terminating connection .*|the database system is .*|.*server closed the connection unexpectedly.*|"
        r"canceling statement due to .*)",
        Consequence.SANDBOX,
        "The server crashed, or was ended from outside.",
        reason=SERVER_CRASHED,
    ),
    _template(
        r".+ does not exist(?: for .+)?|operator does not exist: .+|could not find a (?:function|procedure|aggregate) named .+",
        Consequence.EXPLAINED,
        "A script made with `--clean` first drops what is not here.",
        Bound.DROPS,
    ),
    _template(
        r"(?:current|session) user cannot be dropped",
        Consequence.EXPLAINED,
        "As above, where the dump comes from a server that was itself a sandbox.",
        Bound.DROPS,
    ),
    _template(
        rf"extension {_NAME} is not available",
        Consequence.OURS,
        "The server here lacks an extension of the dump. What fails after it is its consequence.",
        reason=EXTENSION_MISSING,
    ),
    _template(
        r'could not open extension control file "(?:.*/)?(?P<name>[^/"]+)\.control": No such file or directory',
        Consequence.OURS,
        "As above, in the words of PostgreSQL 9 to 14.",
        reason=EXTENSION_MISSING,
    ),
    _template(
        r'could not access file "(?:\$libdir/)?(?P<name>[^"]+)": No such file or directory',
        Consequence.OURS,
        "The library of an extension or of a C function is not here.",
        reason=EXTENSION_MISSING,
    ),
    _template(
        r'(?:could not load library "(?:.*/)?(?P<name>[^/"]+)".*|could not find function ".+" in file ".+"|'
        r'extension "(?P<preloaded>.+)" has no installation script nor update path for version ".+")',
        Consequence.OURS,
        "The extension here is of another version than the dump's.",
        reason=EXTENSION_MISSING,
    ),
    _template(
        r'(?:collation ".+" for encoding ".+" does not exist|could not create locale ".+".*|invalid locale name: ".*"|'
        r'could not open collator for locale ".+".*|ICU is not supported in this build|encoding ".+" does not match locale ".+")',
        Consequence.OURS,
        "A locale of the dump is not here.",
        reason=LOCALE_MISSING,
    ),
    _template(
        r"(?:unsupported XML feature|compression method \w+ not supported|.* (?:is|are) not supported by this build)",
        Consequence.OURS,
        "The server here was built without something that the dump uses.",
        reason=FEATURE_MISSING,
    ),
    _template(
        r"(?P<name>[\w-]+)(?: extension)? (?:must|can only) be loaded via \"?shared_preload_libraries\"?.*|"
        r"extension \"(?P<preloaded>.+)\" must be preloaded",
        Consequence.OURS,
        "The extension wants to be preloaded, and a sandbox preloads nothing.",
        reason=EXTENSION_MISSING,
    ),
    _template(
        rf'schema "(?P<name>public)" already exists|schema {_NAME.replace("name", "declared")} already exists',
        Consequence.EXPLAINED,
        "A dump made with `-n public` creates the schema that every database has.",
        Bound.DECLARED,
    ),
    _template(rf"role {_NAME} already exists", Consequence.EXPLAINED, "The script creates a role that is here already.", Bound.DECLARED),
    _template(rf"database {_NAME} already exists", Consequence.EXPLAINED, "Every cluster has it: `postgres`, `template1`.", Bound.PREPARED),
    _template(r'(?:language|extension) "(?P<name>plpgsql)" already exists', Consequence.EXPLAINED, "Every database has it."),
    _template(MISSING_ROLE, Consequence.WARNING, "An owner or grantee is not in the dump.", Bound.OWNERSHIP, reason=ROLES_MISSING),
    _template(
        rf"unrecognized configuration parameter {_NAME}",
        Consequence.EXPLAINED,
        "A newer pg_dump than the server sets what it does not know.",
        Bound.HEADER,
    ),
    _template(
        r'(?:invalid value for parameter "default_tablespace": ".*"|tablespace ".*" does not exist|directory ".*" does not exist)',
        Consequence.WARNING,
        "There are no tablespaces in a sandbox; the objects are restored into the default one.",
        reason=TABLESPACES_IGNORED,
    ),
    _template(
        rf'(?:duplicate key value violates unique constraint {_NAME}|could not create unique index "(?P<index>.+)")',
        Consequence.THEIRS,
        "Rows of the dump break a uniqueness that the dump itself declares.",
        reason=RESTORE_ERRORS,
    ),
    _template(
        rf'insert or update on table ".+" violates foreign key constraint {_NAME}',
        Consequence.THEIRS,
        "A row of the dump points at a row that is not in the dump.",
        reason=RESTORE_ERRORS,
    ),
    _template(
        rf'(?:new row for relation ".+" violates check constraint {_NAME}|'
        r'check constraint "(?P<check>.+)" of relation ".+" is violated by some row|'
        r'null value in column ".+" of relation ".+" violates not-null constraint|column ".+" of relation ".+" contains null values)',
        Consequence.THEIRS,
        "A row of the dump breaks a constraint that the dump itself declares.",
        reason=RESTORE_ERRORS,
    ),
)

PROGRAM_TEMPLATES = (
    _template(
        r".*unsupported version \([\d.]+\) in file header",
        Consequence.OURS,
        "The archive is newer than the pg_restore here.",
        reason=SERVER_TOO_OLD,
    ),
    _template(
        r".*(?:No space left on device|Disk quota exceeded).*", Consequence.SANDBOX, "The disk of the sandbox is full.", reason=DISK_FULL
    ),
    _template(r"out of memory", Consequence.SANDBOX, "The memory of the sandbox is used up.", reason=OUT_OF_MEMORY),
    _template(
        r".*(?:server closed the connection unexpectedly|connection to server .* failed|could not connect to|"
        r"no connection to the server|connection not open|connection to server was lost).*",
        Consequence.SANDBOX,
        "The server is gone.",
        reason=SERVER_CRASHED,
    ),
    _template(
        r"(?:could not read from input file: .*|could not read from input file|could not uncompress data: .*|could not decompress data: .*|"
        r"could not close (?:compression library|compression stream|data file).*|could not find block ID \d+ in archive.*|"
        r"could not open (?:input file|large object TOC file|TOC file) .*|unexpected end of file.*|unrecognized data block type.*|"
        r"found unexpected block ID .*|error during file seek.*|could not (?:seek|find header for file) .*|corrupt tar header found .*|"
        r"incomplete tar header found .*|invalid (?:line in large object TOC file|dumpId|dependency).*|"
        r"did not find magic string in file header|"
        r"file appears to be .*|input file (?:is too short|does not appear to be a valid).*|entry ID .* out of range.*|"
        r"unexpected data offset flag .*|could not initialize compression library.*|compressed .* is corrupt.*|"
        r"actual file length .* does not match expected .*|could not parse large object .*)",
        Consequence.DAMAGED,
        "pg_restore cannot read the archive to its end.",
        reason=ARCHIVE_DAMAGED,
    ),
    _template(
        r"a worker process died unexpectedly|parallel restore .*", Consequence.EXPLAINED, "Says what another line has said of its cause."
    ),
    _template(r"errors ignored on restore: \d+", Consequence.EXPLAINED, "Counts the errors that were printed before it."),
    _template(
        r"archive was made on a machine with larger integers, some operations might fail",
        Consequence.EXPLAINED,
        "Says nothing of the data.",
    ),
)

WARNING_TEMPLATES = (
    _template(
        r'(?:wal_level is insufficient to publish logical changes|"wal_level" is insufficient to publish logical changes)',
        Consequence.EXPLAINED,
        "A sandbox publishes nothing.",
    ),
    _template(
        r"subscription was created, but is not connected|tables were not subscribed, you will have to run .*",
        Consequence.EXPLAINED,
        "A sandbox subscribes to nothing.",
    ),
    _template(
        r"no privileges (?:were granted|could be revoked) for .*|not all privileges were granted for .*",
        Consequence.EXPLAINED,
        "We own all here.",
    ),
    _template(
        r"role .* has not been granted .*|role .* is (?:already|not) a member of role .*", Consequence.EXPLAINED, "Grants given twice."
    ),
    _template(r"there is (?:no|already a) transaction in progress", Consequence.EXPLAINED, "As the script is written."),
    _template(r"column .* has type \"unknown\"", Consequence.EXPLAINED, "As the view is written."),
)
