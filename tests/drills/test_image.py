"""The image as an operator runs it: an ordinary user, a read-only root, no network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker_engine import image_of_ours, needs_docker

CONFINED = ("--rm", "--read-only", "--network=none", "--user=10001", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")


@pytest.fixture(scope="module")
def image() -> str:
    needs_docker()
    return image_of_ours()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", "run", *arguments], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def dump(app_dump: Callable[..., Path], tmp_path: Path) -> str:
    """A folder with a dump that anybody may read, as an option of `docker run`."""
    (tmp_path / "app.dump").write_bytes(app_dump().read_bytes())
    (tmp_path / "app.dump").chmod(0o644)
    (tmp_path / "cut.dump").write_bytes(app_dump().read_bytes()[:-5000])
    (tmp_path / "cut.dump").chmod(0o644)
    tmp_path.chmod(0o755)
    return f"--volume={tmp_path}:/dump:ro"


@pytest.mark.parametrize(("name", "code", "verdict"), [("app.dump", 0, "passed"), ("cut.dump", 1, "failed")])
def test_a_dump_is_judged_under_the_tightest_confinement(image: str, dump: str, name: str, code: int, verdict: str) -> None:
    done = run(*CONFINED, dump, image, "verify", f"/dump/{name}", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (code, verdict), done.stderr


def test_contrib_is_in_the_image_and_no_compiler_is(image: str) -> None:
    looked = run("--rm", "--entrypoint=sh", image, "-c", "command -v cc gcc make; ls /usr/share/postgresql/*/extension/pg_trgm.control")
    assert looked.stdout.splitlines() == [line for line in looked.stdout.splitlines() if line.endswith("pg_trgm.control")]
    assert looked.stdout


def test_nothing_of_the_builders_machine_is_in_the_image(image: str) -> None:
    history = subprocess.run(["docker", "history", "--no-trunc", image], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "PIP_" not in history
    assert run("--rm", "--entrypoint=ls", image, "/source", "/wheels").stdout == ""


def test_the_user_is_an_ordinary_one_by_default(image: str) -> None:
    assert run("--rm", "--entrypoint=id", image, "-u").stdout == "10001\n"
