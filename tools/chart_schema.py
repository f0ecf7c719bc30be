"""The shape of a configuration → the part of the chart's `values.schema.json` that says what `config` may hold.

So Helm refuses a mistyped key before a pod is replaced by one that does not start. Run it after a change to the shape; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from restore_tester.config.schema import json_schema

FILE = Path(__file__).parents[1] / "helm" / "restore-tester" / "values.schema.json"
WRITTEN_BY_THE_CHART = ("history", "sandbox", "include", "accept_unsealed_sandbox")
_LEFT_OUT = ("$schema", "$id", "title", "required")


def with_configuration(schema: dict[str, Any]) -> dict[str, Any]:
    """Given the schema of the values, return it with today's shape of a configuration in it."""
    shape = json_schema()
    definitions = shape.pop("$defs")
    values = {key: value for key, value in shape.items() if key not in _LEFT_OUT}
    values["properties"] = {key: value for key, value in shape["properties"].items() if key not in WRITTEN_BY_THE_CHART}
    config = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Configuration"}]}
    definitions["Configuration"] = values
    return {**schema, "properties": {**schema["properties"], "config": config}, "$defs": definitions}


def main() -> None:
    written = with_configuration(json.loads(FILE.read_text(encoding="utf-8")))
    FILE.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
