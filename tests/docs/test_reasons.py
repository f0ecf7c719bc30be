"""Every code that a reason, a warning or an error of ours can carry is explained in `docs/reasons.md`, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reasons.md"
ROW = re.compile(r"^\| `([a-z0-9_]+)` \|([^|]+)\|([^|]+)\|$", re.MULTILINE)
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+|[a-z]+")
CARRIERS = {"Reason", "RestoreTesterError"}


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "restore_tester").rglob("*.py"))]


def carriers(modules: list[ast.Module]) -> set[str]:
    """The names of `Reason`, of our errors, and of whatever derives from them."""
    classes = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    known = set(CARRIERS)
    while more := {c.name for c in classes if c.name not in known and any(_name(base) in known for base in c.bases)}:
        known |= more
    return known


def codes(modules: list[ast.Module]) -> Iterator[str]:
    """Each literal that stands first in a call of a carrier, or of a function that hands its `code` on; each key of a table of hints."""
    known = carriers(modules)
    nodes = [node for module in modules for node in ast.walk(module)]
    known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef) and _takes_code(node)} | {"__init__"}
    for node in nodes:
        if isinstance(node, ast.Assign) and _name(node.targets[0]).endswith("_HINTS") and isinstance(node.value, ast.Dict):
            yield from (text for key in node.value.keys if key is not None for text in _literals(key))
        if isinstance(node, ast.Call) and node.args and _name(node.func) in known:
            yield from (text for text in _literals(node.args[0]) if CODE.fullmatch(text))


def _takes_code(function: ast.FunctionDef) -> bool:
    names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
    return names[:1] == ["code"]


def _literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return _literals(node.body) + _literals(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_code_is_explained_once_and_nothing_else_is() -> None:
    explained = Counter(code for code, _, _ in ROW.findall(PAGE.read_text(encoding="utf-8")))
    known = set(codes(trees()))
    assert known - explained.keys() == set(), "not explained"
    assert explained.keys() - known == set(), "explained, but nothing says them"
    assert set(explained.values()) == {1}


@pytest.mark.parametrize(
    "source", ["raise BackupUnusable('cut', 'm', 'h')", "Reason('cut' if x else 'gone', 'm', 'h')", "errors.Late('cut', '', '')"]
)
def test_the_search_sees_codes_wherever_they_are_written(source: str) -> None:
    known = "class BackupUnusable(RestoreTesterError): pass\nclass Late(BackupUnusable): pass\n"
    assert "cut" in set(codes([ast.parse(known + source)]))
