"""Text that fits, and text that cannot do anything."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.cli.page import Glyphs, Page, Span, Tone, as_text, cells, cut, glyphs_of, in_colour, is_terminal, padded
from restore_tester.judgement.wording import inert

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\r\nb\u202egnp.exe\x9b31m[bold]<script>\ud800"


def test_nothing_that_a_terminal_obeys_survives() -> None:
    shown = inert(HOSTILE)
    assert shown.isprintable()
    assert "\\x1b[2J" in shown
    assert "\\u202e" in shown
    assert "[bold]<script>" in shown


@given(st.text(st.characters(), max_size=200), st.integers(20, 120))
def test_no_line_is_wider_than_the_page_whatever_it_says(text: str, width: int) -> None:
    page = Page(width)
    page.text(text, indent=4, lead=Span("! "))
    for line in as_text(page, colour=False).splitlines():
        assert cells(line) <= width
        assert line.isprintable()


@given(st.text(max_size=60), st.integers(2, 40))
def test_cut_and_padded_text_has_its_width(text: str, width: int) -> None:
    assert cells(cut(text, width)) <= width
    assert cells(padded(text, width)) == width


def test_words_are_aligned_behind_their_lead() -> None:
    page = Page(60)
    page.text("word " * 30, lead=Span("why  ", Tone.STRONG))
    lines = as_text(page, colour=False).splitlines()
    assert lines[0].startswith("why  word")
    assert all(line.startswith("     word") for line in lines[1:])


def test_wide_letters_count_as_two_columns() -> None:
    assert (cells("日本"), cells("e\u0301")) == (4, 1)


def test_colour_is_only_where_it_is_wanted() -> None:
    page = Page(60)
    page.row(Span("FAILED", Tone.BAD), Span("  "), Span("quiet"))
    assert as_text(page, colour=True) == "\x1b[1;31mFAILED\x1b[0m  quiet\n"
    assert as_text(page, colour=False) == "FAILED  quiet\n"


def test_a_stream_that_is_no_terminal_gets_no_colour() -> None:
    assert not in_colour(io.TextIOWrapper(io.BytesIO()))


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": ""}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_a_terminal_gets_colour_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Terminal(io.BytesIO()) as stream:
        assert in_colour(stream) is expected
        assert is_terminal(stream) is (variables["TERM"] == "xterm")


def test_a_stream_that_cannot_show_signs_gets_letters() -> None:
    assert glyphs_of(io.TextIOWrapper(io.BytesIO(), encoding="ascii")).good == "+"
    assert glyphs_of(io.TextIOWrapper(io.BytesIO(), encoding="UTF-8")) == Glyphs()
