"""The shape of a configuration as JSON Schema, for editors and for CI."""

from __future__ import annotations

from typing import Any

from restore_tester.config.nouns import SHIPPED_CRITICALITIES
from restore_tester.config.shape import FleetShape

SCHEMA_ID = "restore-tester/configuration/v1"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the main file; an included file has its `workloads` and `criticality` alone."""
    schema = FleetShape.model_json_schema()
    names = ", ".join(name for name, _ in SHIPPED_CRITICALITIES)
    title, about = "restore-tester configuration", f"restore-tester.yaml. Criticalities that ship: {names}."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID} | schema | {"title": title, "description": about}
