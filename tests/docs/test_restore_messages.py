"""`docs/restore-messages.md` holds every template, and nothing else. Written by: python -m tests.docs.test_restore_messages"""

from __future__ import annotations

from pathlib import Path

from restore_tester.restorers.postgresql.templates import PROGRAM_TEMPLATES, SERVER_TEMPLATES, WARNING_TEMPLATES, Template

PAGE = Path(__file__).resolve().parents[2] / "docs" / "restore-messages.md"
HEAD = """# What a PostgreSQL restore may say

Every line that `pg_restore` or `psql` writes while a dump is restored is matched, whole, against these templates, in this order; a
template applies only where what it names is what the third column says. What matches nothing is unknown: an unknown ERROR fails the
drill on a server of the dump's own major (with its locales) and is inconclusive on another; an unknown WARNING is shown. Row values are
never shown: `DETAIL`, `CONTEXT` and statements are dropped, and of the message only PostgreSQL's own words and names that the dump
declares are kept.
"""
PARTS = (
    ("Errors of the server", SERVER_TEMPLATES),
    ("Messages of pg_restore and psql themselves", PROGRAM_TEMPLATES),
    ("Warnings of the server", WARNING_TEMPLATES),
)


def row(template: Template) -> str:
    pattern = template.pattern.pattern.replace("|", "&#124;").replace("<", "&lt;").replace(">", "&gt;")
    code = f"`{template.reason.code}`" if template.reason else ""
    return f"| <code>{pattern}</code> | {template.about} | {template.bound} | {template.consequence} | {code} |"


def render() -> str:
    lines = [HEAD]
    for title, templates in PARTS:
        lines += [f"## {title}", "", "| message | what it is | applies to | so | code |", "|---|---|---|---|---|"]
        lines += [*(row(template) for template in templates), ""]
    return "\n".join(lines)


def test_the_page_is_the_table_of_templates() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
