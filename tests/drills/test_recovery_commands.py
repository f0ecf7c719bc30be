"""The commands that restore a backup, typed into a real shell against a real server, bring the rows back."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from restore_tester.judgement.recovering import recovery_commands
from restore_tester.model import BackupRecord, Drill, from_json
from tests.drills.tool import Tool
from tests.producers import SUPERUSER, SourceServer, running_source


@pytest.fixture(scope="module")
def target() -> Iterator[SourceServer]:
    with running_source() as server:
        server.psql("postgres", "CREATE ROLE app_owner; CREATE ROLE app_reader")
        yield server


def record_of(tool: Tool, backup: Path) -> BackupRecord:
    return from_json(Drill, json.dumps(tool.verify(backup).record).encode()).backup


def typed(commands: tuple[str, ...], target: SourceServer, folder: Path) -> None:
    """Type them where backups of S3 would be copied to, with the placeholders filled in."""
    address = f"{SUPERUSER}@{quote(str(target.folder), safe='')}"
    for command in commands:
        line = command.replace("TARGET", address).replace("NEW_DATABASE", "app")
        path = f"{target.bin_folder}:/usr/local/bin:/usr/bin:/bin"
        subprocess.run(line, shell=True, check=True, cwd=folder, env={"PATH": path}, capture_output=True, timeout=120)


FORMS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "custom": ("custom", (), "cp -r SOURCE DEST"),
    "custom.zst": ("custom", (), "zstd -q SOURCE -o DEST"),
    "a folder": ("directory", (), "cp -r SOURCE DEST"),
    "a folder.tgz": ("directory", (), "tar -czf DEST -C $(dirname SOURCE) $(basename SOURCE)"),
    "a folder.tar": ("directory", (), "tar -cf DEST -C $(dirname SOURCE) $(basename SOURCE)"),
    "it's.tar": ("tar", (), "cp SOURCE DEST"),
    "plain.sql": ("plain", (), "cp SOURCE DEST"),
    "plain.sql.gz": ("plain", (), "gzip -c SOURCE > DEST"),
    "whole.sql": ("plain", ("--create",), "cp SOURCE DEST"),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_commands_bring_a_dump_back(name: str, app_dump: Callable[..., Path], tool: Tool, target: SourceServer, tmp_path: Path) -> None:
    form, options, make = FORMS[name]
    script = make.replace("SOURCE", '"$1"').replace("DEST", '"$2"')
    backup = tmp_path / name
    subprocess.run(["/bin/sh", "-c", script, "sh", str(app_dump(form, *options)), str(backup)], check=True)
    target.psql("postgres", "DROP DATABASE IF EXISTS app")
    typed(recovery_commands(record_of(tool, backup)), target, tmp_path)
    assert target.psql("app", "SELECT count(*) FROM orders").strip() == "3000"


def test_a_dump_of_a_whole_cluster_comes_back(cluster: SourceServer, tool: Tool, target: SourceServer, tmp_path: Path) -> None:
    backup = tmp_path / "all.sql"
    shutil.copyfile(cluster.dumpall(), backup)
    target.psql("postgres", "DROP DATABASE IF EXISTS app")
    typed(recovery_commands(record_of(tool, backup)), target, tmp_path)
    assert target.psql("app", "SELECT count(*) FROM orders").strip() == "3000"


def test_a_backup_in_a_bucket_is_copied_first() -> None:
    record = BackupRecord("a", "s3://acme/o/it's.dump", "pg_dump-custom", None, None, None, ("app",), 1, None, 1, None)
    copy, restore = recovery_commands(record)
    assert copy == """aws s3 cp 's3://acme/o/it'"'"'s.dump' './it'"'"'s.dump'"""
    assert restore.endswith("""--jobs=4 './it'"'"'s.dump'""")
