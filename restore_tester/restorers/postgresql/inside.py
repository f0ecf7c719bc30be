"""A sandbox with programs of its own (an image) → the PostgreSQL servers in it, as `servers.py` finds this machine's.

One look by the image's own shell: which folders hold a server, what is missing of it, its major by its own `postgres.bki`,
and the extensions that it can create.
"""

from __future__ import annotations

from pathlib import Path

from restore_tester.contracts import Command, Sandbox
from restore_tester.errors import CannotTell
from restore_tester.restorers.postgresql.servers import NEEDED_PROGRAMS, Server

_LOOK_SECONDS = 60.0
_KEEP_BYTES = 4 << 20
# Debian's and the official images, Red Hat's, a source install and Alpine's, Bitnami's.
_PLACES = "/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin /usr/local/bin /opt/bitnami/postgresql/bin /usr/bin"
_SCRIPT = f"""
for folder in {_PLACES}; do
    [ -x "$folder/postgres" ] || continue
    home=${{folder%/bin}}
    echo "server $folder"
    for program in {" ".join(NEEDED_PROGRAMS)}; do [ -x "$folder/$program" ] || echo "missing $program"; done
    for share in "$home/share/postgresql" "$home/share" "/usr/share/postgresql/${{home##*/}}" /usr/share/pgsql; do
        [ -r "$share/postgres.bki" ] || continue
        read -r line <"$share/postgres.bki"; echo "catalogue $line"
        for control in "$share"/extension/*.control; do echo "extension ${{control##*/}}"; done
        break
    done
done
"""


def find_servers_inside(sandbox: Sandbox, image: str) -> tuple[Server, ...]:
    """Given a sandbox and the image it runs, return its servers. Raise CannotTell (`server_missing`)."""
    command = Command(("/bin/sh", "-c", _SCRIPT), {"LC_ALL": "C"}, deadline_seconds=_LOOK_SECONDS, keep_bytes=_KEEP_BYTES)
    said = sandbox.run(command).output.decode(errors="replace")
    found = tuple(server for part in said.split("server ")[1:] if (server := _server(part.splitlines(), image)))
    if not found:
        raise CannotTell(
            "server_missing",
            f"there is no PostgreSQL server in the image {image.partition('@')[0]}",
            "name an image of PostgreSQL, such as postgres:17: `image` in the configuration, or --image",
        )
    return found


def _server(lines: list[str], image: str) -> Server | None:
    """Given a server's folder and what was said of it: None where it is none that says its major."""
    folder, *facts = lines
    told: dict[str, list[str]] = {"missing": [], "catalogue": [], "extension": []}
    for fact in facts:
        word, _, text = fact.partition(" ")
        told[word].append(text)
    major = "".join(told["catalogue"]).removeprefix("# PostgreSQL ")
    if not major.isdigit():
        return None
    return Server(
        major=int(major),
        folder=Path(folder),
        origin="image",
        home=Path(folder).parent,
        has=frozenset(name.removesuffix(".control") for name in told["extension"]),
        broken=f"{', '.join(told['missing'])} missing" if told["missing"] else None,
        image=image,
    )
