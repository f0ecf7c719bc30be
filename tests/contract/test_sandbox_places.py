"""The same promises in other places: as an ordinary user, and where the kernel refuses namespaces, each for real.

Here the other tests run again, in a process that is really there. What an ordinary user cannot read is copied for it first.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
LIMITS = ("memory-limit", "process-limit", "disk-limit", "time-limit")
WHOLE = ("test_sandbox_contract.py", "test_process_isolation.py", "test_process_leftovers.py")

# `env` because setpriv itself still has root's rights when it looks for the program.
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "env")
WITHOUT_ADMINISTRATION = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
NO_MORE_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"'
WITHOUT_NAMESPACES = ("unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", NO_MORE_NAMESPACES, "sh")

TELL = """
from pathlib import Path
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.process.provider import ProcessSandboxes
with ProcessSandboxes(base=Path({base!r})).open(SandboxNeeds("postgresql")) as sandbox:
    before, report, after = sandbox.isolation(), sandbox.seal(), sandbox.isolation()
    assert before + (("sealed-probe",) if report.sealed else ()) == after
    print(*after)
"""


def works(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


IS_ROOT = os.geteuid() == 0
KERNEL_GIVES_TO_ROOT = IS_ROOT and works("unshare", "--mount", "--pid", "--net", "--fork", "true")
KERNEL_GIVES_TO_ALL = works(*(AS_NOBODY if IS_ROOT else ()), "unshare", "--user", "--mount", "--pid", "--net", "--fork", "true")


def python_for_all() -> str:
    """Return an interpreter that an ordinary user can start: our own may lie in somebody's home."""
    version = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}", "/usr/bin/python3"):
        check = (candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))")
        if Path(candidate).exists() and works(*(AS_NOBODY if IS_ROOT else ()), *check):
            return candidate
    pytest.skip("no Python 3.11 that an ordinary user can start")


@pytest.fixture(scope="module")
def house_for_all() -> Iterator[Path]:
    """A copy of what the tests need, readable to anybody."""
    house = Path(tempfile.mkdtemp(prefix="house-", dir="/tmp"))
    for name in ("restore_tester", "tests"):
        shutil.copytree(HOUSE / name, house / name, ignore=shutil.ignore_patterns("__pycache__", "benchmarks", "drills", "unit", "docs"))
    (house / "tests" / "conftest.py").unlink(missing_ok=True)
    for name in ("_pytest", "pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"):
        found = importlib.util.find_spec(name)
        if found and found.submodule_search_locations:
            shutil.copytree(found.submodule_search_locations[0], house / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif found and found.origin:
            shutil.copy(found.origin, house)
    subprocess.run(("chmod", "-R", "a+rX", house), check=True)
    (house / "work").mkdir()
    (house / "work").chmod(0o1777)
    yield house
    shutil.rmtree(house)


def run_in(place: tuple[str, ...], house: Path, *arguments: str) -> str:
    """Run Python in a place. Fail with all it said."""
    interpreter = sys.executable if place == WITHOUT_ADMINISTRATION or not place else python_for_all()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(house), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = (*place, interpreter, *arguments)
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, cwd=house, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def isolation_in(place: tuple[str, ...], house: Path) -> list[str]:
    """Return the words of a sandbox that is opened in a place."""
    return run_in(place, house, "-c", TELL.format(base=str(house / "work"))).split()


def contract_in(place: tuple[str, ...], house: Path, *files: str) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-W", "error", "--confcutdir=tests/contract", "--rootdir=.", "-o", "addopts=")
    run_in(place, house, "-m", "pytest", *options, *(f"tests/contract/{name}" for name in files))


@pytest.mark.skipif(not KERNEL_GIVES_TO_ROOT, reason="root has no namespaces to give here")
def test_root_gets_every_isolation_that_there_is(house_for_all: Path) -> None:
    everything = ["no-network", "own-uid", "private-filesystem", "no-capabilities", *LIMITS, "sealed-probe"]
    assert isolation_in((), house_for_all) == everything


@pytest.mark.skipif(not KERNEL_GIVES_TO_ALL, reason="this kernel gives no user namespaces to ordinary users")
def test_an_ordinary_user_gets_all_but_an_own_uid(house_for_all: Path) -> None:
    expected = ["no-network", "private-filesystem", "no-capabilities", *LIMITS, "sealed-probe"]
    assert isolation_in(AS_NOBODY if IS_ROOT else (), house_for_all) == expected


@pytest.mark.skipif(not (IS_ROOT and KERNEL_GIVES_TO_ALL), reason="an ordinary user runs these tests as themselves")
@pytest.mark.parametrize("file", WHOLE)
def test_every_promise_holds_for_an_ordinary_user(house_for_all: Path, file: str) -> None:
    contract_in(AS_NOBODY, house_for_all, file)


@pytest.mark.skipif(not IS_ROOT, reason="only root has capabilities to lose")
def test_the_contract_holds_for_root_where_namespaces_are_refused_and_says_what_is_missing(house_for_all: Path) -> None:
    assert isolation_in(WITHOUT_ADMINISTRATION, house_for_all) == ["own-uid", "no-capabilities", *LIMITS]
    contract_in(WITHOUT_ADMINISTRATION, house_for_all, "test_sandbox_contract.py")


@pytest.mark.skipif(not KERNEL_GIVES_TO_ALL, reason="namespaces cannot be refused where there are none")
def test_the_contract_holds_for_an_ordinary_user_where_namespaces_are_refused_and_says_what_is_missing(house_for_all: Path) -> None:
    place = (*(AS_NOBODY if IS_ROOT else ()), *WITHOUT_NAMESPACES)
    assert isolation_in(place, house_for_all) == ["no-capabilities", *LIMITS]
    contract_in(place, house_for_all, "test_sandbox_contract.py")
