"""Progress events on a terminal: what is done of all, and what may be left."""

from __future__ import annotations

import io
import threading
import time

import pyte
import pytest

from restore_tester.cli.progress import LiveProgress
from restore_tester.contracts import DrillEvent


class Screen(io.TextIOWrapper):
    """A stream that is a terminal; what is written to it is seen by an emulator."""

    def __init__(self) -> None:
        self.emulated = pyte.Screen(90, 30)
        self._stream = pyte.Stream(self.emulated)
        self.ever: list[str] = []
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._stream.feed(text.replace("\n", "\r\n"))
        self.ever.append("\n".join(self.emulated.display))
        return len(text)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "90")
    return Screen()


def wait_for(screen: Screen, words: str) -> None:
    deadline = time.monotonic() + 30
    while not any(words in " ".join(seen.split()) for seen in tuple(screen.ever)):
        assert time.monotonic() < deadline, f"{words!r} never came; last: {screen.ever[-1] if screen.ever else ''}"
        time.sleep(0.02)


def test_bytes_and_tables_are_shown_of_all(screen: Screen) -> None:
    with LiveProgress(screen) as progress:
        progress(DrillEvent("restore", "began"))
        progress(DrillEvent("restore", "progress", 512_000_000, 1_000_000_000, "bytes"))
        progress(DrillEvent("restore", "progress", 3, 12, "tables"))
        wait_for(screen, "512 MB of 1.0 GB, 3 of 12 tables")


def test_what_is_left_is_guessed_once_there_is_something_to_guess_from(screen: Screen) -> None:
    with LiveProgress(screen) as progress:
        progress(DrillEvent("restore", "began"))
        progress(DrillEvent("restore", "progress", 1, 2, "tables"))
        wait_for(screen, "1 of 2 tables, about")


def test_a_stage_that_ended_is_ticked_off(screen: Screen) -> None:
    with LiveProgress(screen) as progress:
        progress(DrillEvent("fetch", "began"))
        progress(DrillEvent("fetch", "ended"))
        wait_for(screen, "✓ fetch 0.0")


def test_nothing_stays_on_the_screen(screen: Screen) -> None:
    with LiveProgress(screen) as progress:
        progress(DrillEvent("fetch", "began"))
        wait_for(screen, "fetch")
    assert "".join(screen.emulated.display).strip() == ""


def test_a_hostile_stage_name_is_only_text(screen: Screen) -> None:
    with LiveProgress(screen) as progress:
        progress(DrillEvent("[red]x[/red]\x1b[2J", "began"))
        wait_for(screen, "[red]x[/red]\\x1b[2J")


def test_many_threads_may_tell_at_once(screen: Screen) -> None:
    with LiveProgress(screen) as progress:
        tellers = [
            threading.Thread(target=lambda: [progress(DrillEvent("check", "progress", done, 200, "checks")) for done in range(1, 201)])
            for _ in range(4)
        ]
        for teller in tellers:
            teller.start()
        for teller in tellers:
            teller.join()
        wait_for(screen, "200 of 200 checks")
