"""The pages in a real browser: it loads nothing else, runs nothing, breaks no rule of their own, and nothing is wider than a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore_tester.history.nouns import Place
from restore_tester.model import Verdict
from tests.service.ledgers import a_configuration, a_workload
from tests.service.pages_served import Pages, a_hostile_drill, now_drilled, pages

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
NAME = "<script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages(
        tmp_path_factory.mktemp("served"), a_configuration(a_workload(NAME), a_workload("orders", ("primary", "offsite")))
    ) as running:
        for number in range(6):
            running.known.kept.finish(now_drilled(f"d{number}", verdict=Verdict.FAILED if number % 2 else Verdict.PASSED))
        running.known.kept.finish(a_hostile_drill("hostile", Place(NAME, "primary")))
        running.known.look_again()
        yield running


def browsed(served: Pages, address: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", f"--user-data-dir={folder}/profile"]
    argv = [CHROMIUM, *own, *arguments, str(served.client.base_url.join(address))]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.parametrize("address", ["/", "/workloads/orders", "/drills/hostile"])
def test_a_browser_shows_the_page_and_has_nothing_to_complain_of(served: Pages, address: str, tmp_path: Path) -> None:
    seen = browsed(served, address, tmp_path, "--dump-dom")
    complaints = [line for line in seen.stderr.splitlines() if "CONSOLE" in line or "Content Security Policy" in line]
    assert not complaints
    assert "<title>taken</title>" not in seen.stdout
    assert re.search(r"<h1>.+</h1>", seen.stdout)


@pytest.mark.parametrize("address", ["/", "/workloads/orders", "/drills/d1", "/drills/hostile"])
def test_it_prints(served: Pages, address: str, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    browsed(served, address, tmp_path, f"--print-to-pdf={file}")
    assert file.read_bytes().startswith(b"%PDF")
