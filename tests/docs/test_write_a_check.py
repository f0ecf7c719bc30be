"""`docs/write-a-check.md` says what the parser takes and what the tool ships, and its example works."""

from __future__ import annotations

import re
from pathlib import Path

from restore_tester.checking.catalogue import load_checks, shipped_checks
from restore_tester.checking.headers import KEYS, REQUIRED, RUNGS
from restore_tester.checking.needs import FEATURES
from restore_tester.model import Expect, Outcome, Severity
from tests.asking import Asker
from tests.producers import SourceServer

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-check.md").read_text()
LEDGER = """
create table orders (id int primary key, total int not null);
create table lines (order_id int not null references orders, price int not null, pieces int not null);
insert into orders values (1, 30), (2, 5), (3, 0); insert into lines values (1, 10, 3), (2, 5, 1);
"""


def section(title: str) -> str:
    return PAGE.split(f"# {title}\n", 1)[1].split("\n#", 1)[0]


def rows(title: str) -> list[list[str]]:
    """The rows of a section's table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_of_keys_is_the_parsers() -> None:
    assert {row[0].strip("`"): row[1] for row in rows("The header")} == {key: "required" if key in REQUIRED else "optional" for key in KEYS}


def test_the_words_of_the_header_are_the_parsers() -> None:
    said = {row[0].strip("`"): row[2] for row in rows("The header")}
    assert all(f"`{word}`" in said["severity"] for word in Severity)
    assert all(f"`{word}`" in said["proves"] for word in RUNGS)
    assert [row[0].strip("`") for row in rows("What is expected")] == list(Expect)


def test_the_table_of_needs_is_the_parsers() -> None:
    said = {row[0].strip("`"): row[1] for row in rows("What can be needed")}
    assert said.pop("major >= 17")
    assert said == FEATURES


def test_the_table_of_outcomes_is_the_models() -> None:
    assert [row[0].strip("`") for row in rows("What can come of it")] == list(Outcome)


def test_every_shipped_check_is_listed_as_it_describes_itself() -> None:
    listed = [tuple(row) for row in rows("The checks that come with the tool")]
    assert listed == [(f"`{check.name}`", check.severity.value, check.about) for check in shipped_checks()]


def test_the_example_finds_the_order_that_does_not_add_up(source: SourceServer, tmp_path: Path) -> None:
    example = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "orders_add_up.sql").write_text(example[1])
    asker = Asker(source)
    sound, wrong = asker.database(LEDGER), asker.database(LEDGER + "insert into lines values (3, 1, 1);")
    results = [asker.ask_all(*load_checks(tmp_path), of=(name,)).asked[0].result for name in (sound, wrong)]
    assert [(result.outcome, result.problems, result.detail) for result in results] == [
        (Outcome.PASSED, 0, ""),
        (Outcome.FAILED, 1, "public.orders"),
    ]
