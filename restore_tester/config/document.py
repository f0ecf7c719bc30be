"""One YAML file, turned into plain data (text, lists, mappings) that can still say the line and column of everything in it.

Every plain value stays the text that was written: `off`, `0x10`, `1:30` and `2027-01-31` mean what their key says, not what
YAML 1.1 guesses. What is refused here: duplicate keys, foreign tags, aliases that multiply, nesting without end, and text
that holds a password. Values are never quoted in a mistake.

The data is built from the parser's events; the tree of nodes, which costs six times the memory, is composed only once
something is wrong and its place is asked for: of the one entry of a section that it lies in, where that entry can be read alone.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import yaml

from restore_tester.config.secrets import holds_password, is_plain_word

Plain = str | None | list["Plain"] | dict[str, "Plain"]
Route = tuple[str | int, ...]
# The stubs of PyYAML give events, nodes and marks without their attributes.
Event = Any
Node = Any
Mark = Any

LARGEST_FILE_BYTES = 64 << 20
DEEPEST_NESTING = 40
SECTION_DEPTH = 2
# What aliases and merge keys may add to what is written.
MOST_REPEATED_VALUES = 1_000_000

PASSWORD_MESSAGE = "a password is written here"  # noqa: S105 - what is said of one
PASSWORD_HINT = "write a reference instead, {env: NAME} or {file: PATH}, and change that password: it stood in a file"  # noqa: S105

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp"))
_MERGE = "<<"


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong with the configuration: where (line and column count from 1), what, and what to do."""

    file: str
    line: int
    column: int
    where: str
    message: str
    hint: str

    def __str__(self) -> str:
        subject = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {subject}{self.message}\n  HINT: {self.hint}"


class _Composer(yaml.CSafeLoader):
    """Composes nodes for their places alone, without guessing types."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: object) -> str:
        return "plain"

    def descend_resolver(self, current_node: object, current_index: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


@dataclass(slots=True)
class Document:
    """A file as it was read. `data` is None where nothing could be read. `mistakes` are those of YAML itself."""

    file: str
    folder: Path
    data: Plain = None
    mistakes: list[Mistake] = field(default_factory=list)
    _text: str = field(default="", repr=False)
    _lines: list[str] = field(default_factory=list, repr=False)
    _root: Node = field(default=None, repr=False)
    _keys: dict[int, dict[str, tuple[Node, Node]]] = field(default_factory=dict, repr=False)
    # Of each mapping on the second level (`workloads`, `criticality`): the lines of each entry, the first and the one after the last.
    _entries: dict[int, dict[str, tuple[int, int]]] = field(default_factory=dict, repr=False)
    _alone: dict[tuple[str | int, ...], tuple[Node, int] | None] = field(default_factory=dict, repr=False)

    def mistake(self, route: Route, message: str, hint: str, on_key: bool = False) -> Mistake:
        """Given a route of keys and indexes, return a mistake at the value there (at its key where `on_key`), or at the key of
        the nearest thing around it that exists."""
        alone = self._entry_alone(route[:2]) if len(route) > 1 else None
        if alone is not None:
            mark, above = self._mark(alone[0], route[1:], on_key), alone[1]
        else:
            mark, above = self._mark(self._whole(), route, on_key), 0
        return Mistake(self.file, above + mark.line + 1, mark.column + 1, dotted(route), message, hint)

    def _whole(self) -> Node:
        if self._root is None:
            # Read to its end before, so it is YAML, and not nested deeper than libyaml's recursion bears.
            self._root = _Composer(self._text).get_single_node()
        return self._root

    def _entry_alone(self, route: Route) -> tuple[Node, int] | None:
        """Return a mapping of that one entry, and the lines above it; None where it leans on what stands elsewhere."""
        if route not in self._alone:
            section = self.data.get(str(route[0])) if isinstance(self.data, dict) else None
            lines = self._entries.get(id(section), {}).get(str(route[1]))
            self._alone[route] = self._compose_entry(*lines, str(route[1])) if lines is not None else None
        return self._alone[route]

    def _compose_entry(self, begin: int, end: int, key: str) -> tuple[Node, int] | None:
        if not self._lines:
            self._lines = self._text.splitlines(keepends=True)
        try:
            node = _Composer("".join(self._lines[begin:end])).get_single_node()
        except yaml.YAMLError:
            return None
        known = isinstance(node, yaml.MappingNode) and tuple(self._pairs(node)) == (key,)
        return (node, begin) if known else None

    def _mark(self, root: Node, route: Route, on_key: bool) -> Mark:
        key = node = root
        for part in route:
            if isinstance(node, yaml.MappingNode):
                pair = self._pairs(node).get(str(part))
                if pair is None:
                    return key.start_mark
                key, node = pair
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                key = node = node.value[part]
        return key.start_mark if on_key else node.start_mark

    def _pairs(self, node: Node) -> dict[str, tuple[Node, Node]]:
        known = self._keys.get(id(node))
        if known is None:
            known = self._keys[id(node)] = {}
            own: dict[str, tuple[Node, Node]] = {}
            for key, value in node.value:
                if key.value == _MERGE:
                    for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                        if isinstance(merged, yaml.MappingNode):
                            known.update({name: pair for name, pair in self._pairs(merged).items() if name not in known})
                elif isinstance(key, yaml.ScalarNode):
                    own.setdefault(key.value, (key, value))
            known.update(own)
        return known


def dotted(route: Route) -> str:
    """Given a route, return it as `workloads.orders.checks[0]`; a key that is no plain word is not shown: it could be a secret."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part if is_plain_word(part) else '(…)'}" for part in route)
    return text.removeprefix(".")


def read_document(file: Path, shown_as: str) -> Document:
    """Given a file and the name to call it by, return what it says, with the mistakes of YAML's own kind. Raises nothing for
    content; OSError where the file cannot be read."""
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    with file.open("rb") as stream:
        written = stream.read(LARGEST_FILE_BYTES + 1)
    document = Document(shown_as, file.parent.absolute())
    text = _text_of(written, document)
    if text is not None:
        document._text = text
        loader = yaml.CSafeLoader(text)
        try:
            document.data = _Reading(loader, document).run()
            if document.data is None:
                hint = "write at least `workloads:` with one workload"
                document.mistakes.append(Mistake(shown_as, 1, 1, "", "the file is empty", hint))
        except yaml.YAMLError as error:
            document.mistakes.append(_syntax_mistake(shown_as, error))
        finally:
            loader.dispose()
    return document


def _text_of(written: bytes, document: Document) -> str | None:
    if len(written) > LARGEST_FILE_BYTES:
        limit = f"the file is larger than {LARGEST_FILE_BYTES >> 20} MiB"
        document.mistakes.append(Mistake(document.file, 1, 1, "", limit, "split it into several files and `include` them"))
        return None
    try:
        return written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        column = error.start - written.rfind(b"\n", 0, error.start)
        document.mistakes.append(Mistake(document.file, line, column, "", "this is not UTF-8 text", "save the file as UTF-8"))
        return None


def _syntax_mistake(file: str, error: yaml.YAMLError) -> Mistake:
    line, column, problem = 1, 1, "this is not YAML"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = ": ".join(part for part in (error.context, error.problem) if part) or problem
    elif isinstance(error, yaml.reader.ReaderError):
        problem = f"a character that no text holds stands at position {error.position}"
    if isinstance(error, _Refused):
        return Mistake(file, line, column, "", f"not readable as YAML: {problem}", error.hint)
    hint = "YAML wants spaces (not tabs) for indentation, `key: value`, and quotes around text with `: `, `#`, `{` or `*` in it"
    return Mistake(file, line, column, "", f"not readable as YAML: {problem}", hint)


class _Reading:
    """Events into plain data. Each method that reads a node returns it with the number of values it stands for."""

    def __init__(self, loader: yaml.CSafeLoader, document: Document) -> None:
        self._next: Callable[[], Event] = loader.get_event
        self._document = document
        # None: the anchor's node has not ended yet.
        self._anchors: dict[str, tuple[Plain, int] | None] = {}
        self._repeated = 0
        self._words: dict[str, str] = {}

    def run(self) -> Plain:
        self._next()
        if type(self._next()) is yaml.StreamEndEvent:
            return None
        data, _ = self._node(self._next(), 0)
        self._next()
        after = self._next()
        if type(after) is not yaml.StreamEndEvent:
            _stop(after, "a second document begins here", "split the file at `---`, and `include` the second")
        return data

    def _node(self, event: Event, depth: int) -> tuple[Plain, int]:
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event)
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            _complain(self._document, event, "tags (`!…`) are not understood here", "write the plain value")
        if depth > DEEPEST_NESTING:
            _stop(event, f"nested deeper than {DEEPEST_NESTING} levels", "write it flatter: nothing here is nested so deep")
        anchor = event.anchor
        if anchor is None:
            return self._read(event, kind, depth)
        if anchor in self._anchors:
            _stop(event, "this anchor (`&…`) names two things", "give each its own anchor")
        self._anchors[anchor] = None
        made = self._anchors[anchor] = self._read(event, kind, depth)
        return made

    def _read(self, event: Event, kind: type[yaml.Event], depth: int) -> tuple[Plain, int]:
        if kind is yaml.ScalarEvent:
            return self._scalar(event), 1
        return self._mapping(depth + 1) if kind is yaml.MappingStartEvent else self._sequence(depth + 1)

    def _alias(self, event: Event) -> tuple[Plain, int]:
        if event.anchor not in self._anchors:
            _stop(event, "this alias (`*…`) names no anchor (`&…`) above it", "write the anchor above it; quote text that begins with `*`")
        made = self._anchors[event.anchor]
        if made is None:
            _stop(event, "this contains itself, by an alias", "take the alias out, or write what it should be")
        self._repeat(event, made[1])
        return made

    def _repeat(self, event: Event, values: int) -> None:
        self._repeated += values
        if self._repeated > MOST_REPEATED_VALUES:
            _stop(
                event,
                f"aliases repeat more than {MOST_REPEATED_VALUES} values",
                "repeat less by aliases (`*…`): write shared values as a criticality",
            )

    def _scalar(self, event: Event) -> str | None:
        text: str = event.value
        if text in _NOTHING and (event.implicit[0] or event.tag is not None):
            return None
        if ("://" in text or "=" in text) and holds_password(text):
            _complain(self._document, event, PASSWORD_MESSAGE, PASSWORD_HINT)
        # A fleet repeats few words many times.
        return self._words.setdefault(text, text)

    def _sequence(self, depth: int) -> tuple[Plain, int]:
        items: list[Plain] = []
        total = 1
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            item, size = self._node(event, depth)
            items.append(item)
            total += size
        return items, total

    def _mapping(self, depth: int) -> tuple[Plain, int]:
        own: dict[str, Plain] = {}
        merged: dict[str, Plain] = {}
        first: dict[str, int] = {}
        total = 1
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key, _ = self._node(event, depth)
            value_event = self._next()
            value, size = self._node(value_event, depth)
            total += size
            if key == _MERGE and type(event) is yaml.ScalarEvent and event.implicit[0]:
                merged = self._merge(merged, value, value_event)
            elif not isinstance(key, str):
                _complain(
                    self._document, event, "a key must be text", "write `key: value`; quote text that begins with `{`, `[`, `*` or `?`"
                )
            elif key in own:
                _complain(self._document, event, f"this key is written twice (first on line {first[key]})", "keep one of them")
            else:
                first[key] = event.start_mark.line + 1
                own[key] = value
        if depth == SECTION_DEPTH and not merged:
            end: Event = event
            begins = [line - 1 for line in first.values()]
            self._document._entries[id(own)] = dict(zip(first, pairwise([*begins, end.start_mark.line]), strict=True))
        return ({**merged, **own} if merged else own), total + len(merged)

    def _merge(self, merged: dict[str, Plain], value: Plain, event: Event) -> dict[str, Plain]:
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                _complain(self._document, event, "`<<` merges mappings, and this is none", "write `<<: *name` with the anchor of a mapping")
                return merged
            merged = {**part, **merged}
            self._repeat(event, len(part))
        return merged


def _complain(document: Document, event: Event, message: str, hint: str) -> None:
    mark = event.start_mark
    document.mistakes.append(Mistake(document.file, mark.line + 1, mark.column + 1, "", message, hint))


class _Refused(yaml.MarkedYAMLError):
    """It is YAML, and not what is read here."""

    hint = ""


def _stop(event: Event, problem: str, hint: str) -> NoReturn:
    refused = _Refused(problem=problem, problem_mark=event.start_mark)
    refused.hint = hint
    raise refused
