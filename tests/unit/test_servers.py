"""Which servers are found, and which of them restores a dump."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_tester.errors import CannotTell
from restore_tester.restorers.postgresql.servers import Server, choose_server, find_servers, oldest_reader

FOLDER = Path("/nowhere/bin")


def server(major: int, origin: str = "installed", broken: str | None = None) -> Server:
    return Server(major, FOLDER, origin, FOLDER.parent, frozenset({"plpgsql"}), broken)


def install(root: Path, major: int, without: str = "") -> None:
    """What Debian's packages put there."""
    folder = root / f"usr/lib/postgresql/{major}/bin"
    folder.mkdir(parents=True)
    for name in {"postgres", "initdb", "pg_restore", "psql"} - {without}:
        (folder / name).touch(mode=0o755)
    extensions = root / f"usr/share/postgresql/{major}/extension"
    extensions.mkdir(parents=True)
    (extensions / "hstore.control").touch()
    (extensions.parent / "postgres.bki").write_text(f"# PostgreSQL {major}\n")


@pytest.mark.parametrize(
    ("here", "dump", "chosen"),
    [
        ((server(15), server(16), server(17)), 16, server(16)),
        ((server(15), server(17), server(18)), 16, server(17)),
        ((server(15), server(16, "embedded"), server(18, "embedded")), 16, server(16, "embedded")),
        ((server(15), server(17), server(16, "embedded")), 16, server(17)),
        ((server(15), server(18, "embedded")), 17, server(18, "embedded")),
        ((server(15), server(17)), None, server(17)),
        ((server(16, broken="psql missing"), server(17)), 16, server(17)),
    ],
)
def test_the_dumps_own_major_then_the_next_installed_then_the_embedded(here: tuple[Server, ...], dump: int | None, chosen: Server) -> None:
    assert choose_server(here, dump) == chosen


def test_a_dump_newer_than_any_server_here_cannot_be_told() -> None:
    with pytest.raises(CannotTell) as caught:
        choose_server((server(15), server(16, "embedded")), 18)
    assert caught.value.reason.code == "server_too_old"
    assert "18" in caught.value.reason.message and "15 (installed), 16 (embedded)" in caught.value.reason.message


def test_an_archive_newer_than_its_server_needs_newer_tools() -> None:
    assert [oldest_reader(version) for version in ((1, 14, 0), (1, 15, 0), (1, 16, 0))] == [0, 16, 17]
    assert choose_server((server(15), server(17)), 15, oldest_reader((1, 16, 0))) == server(17)


@pytest.mark.parametrize("here", [(), (server(15, broken="psql missing"),)])
def test_no_server_that_works_is_ours(here: tuple[Server, ...]) -> None:
    with pytest.raises(CannotTell) as caught:
        choose_server(here, 15)
    assert caught.value.reason.code == "server_missing"


def test_installed_servers_are_found_where_packages_put_them(tmp_path: Path) -> None:
    install(tmp_path, 15)
    install(tmp_path, 17, without="psql")
    whole, broken = find_servers(tmp_path)
    assert (whole.major, whole.origin, whole.broken, whole.has) == (15, "installed", None, {"hstore"})
    assert (broken.major, broken.broken) == (17, "psql missing")


def test_the_embedded_server_is_found_without_importing_its_package() -> None:
    embedded = [server for server in find_servers() if server.origin == "embedded"]
    assert embedded
    for found in embedded:
        assert (found.ask_version() or "").startswith(str(found.major))
        assert all(folder.is_dir() for folder in found.exposed_folders())
