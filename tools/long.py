"""List what is longer than the house aims for (functions of 40 lines, files of 300, 5 parameters, 10 methods a class).

These are aims for a reader's sake: the list is printed, not enforced.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FUNCTION_LINES, FILE_LINES, PARAMETERS, METHODS = 40, 300, 5, 10


def longer(path: Path) -> list[str]:
    text = path.read_text()
    found = []
    if (lines := text.count("\n")) > FILE_LINES:
        found.append(f"{path}: {lines} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            parameters = [a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")]
            if size > FUNCTION_LINES:
                found.append(f"{path}: {node.name} is {size} lines")
            if len(parameters) > PARAMETERS:
                found.append(f"{path}: {node.name} takes {len(parameters)} parameters")
        elif isinstance(node, ast.ClassDef):
            methods = [m for m in node.body if isinstance(m, ast.FunctionDef)]
            if len(methods) > METHODS:
                found.append(f"{path}: class {node.name} has {len(methods)} methods")
    return found


def main() -> None:
    rows = [row for root in sys.argv[1:] for path in sorted(Path(root).rglob("*.py")) for row in longer(path)]
    print(f"longer than the house aims for: {len(rows)}")
    for row in rows:
        print(f"  {row}")


if __name__ == "__main__":
    main()
