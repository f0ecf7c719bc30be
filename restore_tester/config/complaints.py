"""pydantic's errors, turned into mistakes: a place, a fact in plain words, an instruction. The value itself is never repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from restore_tester.config import nearest, shape
from restore_tester.config.document import Document, Mistake, Route

_PLAIN_WORDS: Mapping[str, tuple[str, str]] = {
    "dict_type": ("this must be a mapping", "write `key: value` lines below it, indented"),
    "model_type": ("this must be a mapping", "write `key: value` lines below it, indented"),
    "model_attributes_type": ("this must be a mapping", "write `key: value` lines below it, indented"),
    "tuple_type": ("this must be a list", "write it in brackets, as in [one, two]"),
    "string_type": ("this must be text", "write one value, in quotes where it has special characters"),
    "int_type": ("this must be a whole number", "write it in digits"),
    "int_parsing": ("this must be a whole number", "write it in digits"),
    "int_from_float": ("this must be a whole number", "write it in digits"),
    "int_parsing_size": ("this number is too large", "write a smaller one"),
    "float_type": ("this must be a number", "write it in digits"),
    "float_parsing": ("this must be a number", "write it in digits"),
    "finite_number": ("this must be a finite number", "write it in digits"),
    "bool_type": ("this must be true or false", "write true or false"),
    "bool_parsing": ("this must be true or false", "write true or false"),
    "string_pattern_mismatch": ("this cannot be the name of a setting", "write it as the server spells it"),
    "too_short": ("there is none here", "write at least one"),
    "union_tag_not_found": ("`type` is missing", "write type: folder or type: s3"),
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def mistakes_of(error: ValidationError, document: Document, top: type[shape.Shape]) -> Iterator[Mistake]:
    """Given an error of the shape `top`, return every mistake in it."""
    for detail in error.errors(include_url=False, include_input=False):
        yield _mistake(detail, document, top)


def _mistake(detail: ErrorDetails, document: Document, top: type[shape.Shape]) -> Mistake:
    tagged, kind = detail["loc"], detail["type"]
    route, owner = _route(tagged, top)
    context = detail.get("ctx", {})
    if kind == "refused":
        on_key = bool(route) and tagged[-1] == "[key]"
        return document.mistake(route, context["message"], context["hint"], on_key)
    if kind == "missing":
        return document.mistake(route, f"`{route[-1]}` is missing", f"add `{route[-1]}`: {_about(owner, str(route[-1]))}")
    if kind == "extra_forbidden":
        return document.mistake(route, _unknown_key(str(route[-1]), owner), nearest.hint(str(route[-1]), keys_of(owner)), on_key=True)
    if kind == "union_tag_invalid":
        return document.mistake((*route, "type"), "there is no such type of location", "use one of: folder, s3")
    if kind == "literal_error":
        return document.mistake(route, "this is not one of the words allowed here", f"use one of: {context['expected']}".replace("'", ""))
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return document.mistake(route, f"this must be {words} {context[key]}", "write another number")
    message, hint = _PLAIN_WORDS.get(kind, (detail["msg"][:1].lower() + detail["msg"][1:], "see docs/configuration.md"))
    return document.mistake(route, message, hint, on_key=tagged[-1:] == ("[key]",))


def _unknown_key(key: str, owner: type[shape.Shape]) -> str:
    if owner is shape.IncludedShape and key in keys_of(shape.FleetShape):
        return f"`{key}` belongs into the main file, not into an included one"
    return f"there is no such key here{nearest.quoted(key)}"


def _route(tagged: tuple[int | str, ...], top: type[shape.Shape]) -> tuple[Route, type[shape.Shape]]:
    """Return the place without pydantic's own marks in it, and the shape whose key stands last."""
    route: list[int | str] = []
    owner = top
    parts = list(tagged)
    for depth, part in enumerate(parts):
        if part == "[key]":
            continue
        if len(route) == 4 and route[2] == "locations" and part in ("folder", "s3") and depth == 4:
            owner = shape.FolderShape if part == "folder" else shape.S3Shape
            continue
        route.append(part)
        if depth + 1 < len(parts):
            owner = _shape_below(tuple(route), owner)
    return tuple(route), owner


def _shape_below(route: Route, owner: type[shape.Shape]) -> type[shape.Shape]:
    match route:
        case ("criticality", _):
            return shape.CriticalityShape
        case ("workloads", _):
            return shape.WorkloadShape
        case ("workloads", _, "recovery_environment"):
            return shape.RecoveryEnvironmentShape
        case ("paused",) | ("workloads", _, "paused"):
            return shape.PauseShape
        case ("workloads", _, "check_overrides", _):
            return shape.OverrideShape
    return owner


def keys_of(owner: type[shape.Shape]) -> tuple[str, ...]:
    """Given a shape, return its keys as the operator writes them."""
    return tuple(field.alias or name for name, field in owner.model_fields.items())


def _about(owner: type[shape.Shape], key: str) -> str:
    for name, field in owner.model_fields.items():
        if key == (field.alias or name) and field.description:
            return field.description[:1].lower() + field.description[1:].rstrip(".")
    return "see docs/configuration.md"
