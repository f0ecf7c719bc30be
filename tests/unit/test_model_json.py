"""Orders and drills survive a round trip through JSON, and a record of another schema is refused by name."""

from __future__ import annotations

import json
import typing
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore_tester.judgement.record import assemble
from restore_tester.model import DRILL_SCHEMA, Drill, DrillOrder, NotOurJson, from_json, to_json
from tests.builders import a_fingerprint, an_order, sound_evidence

CONTRACT = [
    "schema",
    "drill",
    "workload",
    "location",
    "trigger",
    "backup",
    "selection",
    "verdict",
    "reasons",
    "warnings",
    "proof_level",
    "levels",
    "next_level_needs",
    "recovery_time_seconds",
    "verification_seconds",
    "recovery_time_objective_seconds",
    "profile",
    "recovery_point",
    "data_loss_seconds",
    "recovery_point_lag_seconds",
    "recovery_point_objective_seconds",
    "stages",
    "checks",
    "content",
    "differences",
    "environment",
    "began_at",
    "ended_at",
    "sandbox_destroyed",
    "tool_version",
]
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    type(None): st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the model, built from its annotations."""
    arguments = typing.get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if isinstance(kind, UnionType) or typing.get_origin(kind) is typing.Union:
        return st.one_of([values(each) for each in arguments])
    if arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    return st.tuples(*(values(each) for each in arguments))


def a_drill() -> Drill:
    return assemble(an_order(), sound_evidence(), "0.1")


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large])
@given(values(DrillOrder))
def test_an_order_survives_json(order: DrillOrder) -> None:
    assert from_json(DrillOrder, to_json(order)) == order


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large])
@given(values(Drill))
def test_a_drill_survives_json(drill: Drill) -> None:
    ours = replace(drill, schema=DRILL_SCHEMA)
    assert from_json(Drill, to_json(ours)) == ours


def test_an_order_carries_its_checks_and_what_is_expected() -> None:
    order = replace(an_order(), expected=a_fingerprint("manifest", orders=1, customers=2), settings=(("work_mem", "64MB"),))
    back = from_json(DrillOrder, to_json(order))
    assert back == order
    assert back.checks[0].text == order.checks[0].text


def test_a_drill_as_json_is_the_record_of_the_contract() -> None:
    record = json.loads(to_json(a_drill()))
    assert list(record) == CONTRACT
    assert record["schema"] == "restore-tester/drill/v1"
    assert record["began_at"] == "2026-11-05T03:00:00Z"
    assert record["levels"]["restored"] == "proved"
    assert record["recovery_point"] == {"not_before": None, "not_after": "2026-11-05T02:35:01Z", "basis": "dump_header"}


@pytest.mark.parametrize("schema", ["restore-tester/drill/v2", None])
def test_a_record_of_an_unknown_schema_is_refused(schema: str | None) -> None:
    record = json.loads(to_json(a_drill())) | {"schema": schema, "verdict": "undreamt of"}
    with pytest.raises(NotOurJson, match=r"this version reads 'restore-tester/drill/v1'\nHINT: "):
        from_json(Drill, json.dumps(record).encode())


def test_a_record_without_a_schema_is_refused() -> None:
    record = json.loads(to_json(a_drill()))
    del record["schema"]
    with pytest.raises(NotOurJson, match="names no schema"):
        from_json(Drill, json.dumps(record).encode())


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b'{"drill": 1}', b'{"drill": "\xff"}'])
def test_what_is_no_order_is_refused_with_a_hint(data: bytes) -> None:
    with pytest.raises(NotOurJson, match=r"this is no DrillOrder: .*\nHINT: "):
        from_json(DrillOrder, data)


def test_a_key_that_a_newer_version_added_is_passed_over() -> None:
    record = json.loads(to_json(a_drill())) | {"added_later": 1}
    assert from_json(Drill, json.dumps(record).encode()) == a_drill()
