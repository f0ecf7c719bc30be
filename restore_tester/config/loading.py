"""A configuration file and what it includes, turned into a `Configuration`, or into every mistake in it at once."""

from __future__ import annotations

import gc
import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from restore_tester.config import complaints, meaning, resolving, rules, shape
from restore_tester.config.document import PASSWORD_MESSAGE, Document, Mistake, Plain, read_document
from restore_tester.config.nouns import SHIPPED_CRITICALITIES, Configuration
from restore_tester.errors import Misuse

TroubleWithName = Callable[[str], str | None]

OWNER_UNSET = "set-me"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading. `configuration` is None exactly where there are mistakes."""

    configuration: Configuration | None
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]
    files: tuple[str, ...]


class ConfigurationRefused(Misuse):
    """Given all mistakes, at least one: its message lists them."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        many = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "a mistake"
        listed = "\n".join(str(mistake) for mistake in mistakes)
        hint = "restore-tester config check lists them after each change"
        super().__init__("configuration_refused", f"the configuration has {many}\n{listed}", hint)
        self.mistakes = mistakes


def load(file: Path, trouble_with_name: TroubleWithName) -> Configuration:
    """Given the main file, and what says what is wrong with a name pattern, return the configuration.
    Raise Misuse (`configuration_missing`, `configuration_unreadable`), ConfigurationRefused with all mistakes."""
    loaded = examine(file, trouble_with_name)
    if loaded.configuration is None:
        raise ConfigurationRefused(loaded.mistakes)
    return loaded.configuration


def examine(file: Path, trouble_with_name: TroubleWithName, today: date | None = None) -> Loaded:
    """Given the main file, return what it says and everything that is wrong with it; with the day in UTC, also what has expired.
    Raise Misuse where the main file itself cannot be read."""
    with _no_garbage_collection():
        main = _read_main(file)
        included, mistakes, warnings = _read_included(main)
        documents = (main, *included)
        mistakes += [mistake for document in documents for mistake in document.mistakes]
        names = _criticalities(documents)
        parts = []
        for document in documents:
            top = shape.FleetShape if document is main else shape.IncludedShape
            part, wrong = _shaped(document, top, rules.Known(document.folder, names, trouble_with_name))
            mistakes += [*wrong, *_incomplete_bundles(document)]
            parts.append(part)
        mistakes += meaning.mistakes_between(documents)
        configuration = None
        whole = [(document.folder, part) for document, part in zip(documents, parts, strict=True) if part is not None]
        if not mistakes and isinstance(parts[0], shape.FleetShape):
            configuration = resolving.resolve(parts[0], tuple(whole))
        for document, part in zip(documents, parts, strict=True):
            warnings += [*_expired(document, part, today), *_nobody(document, part)]
    return Loaded(configuration, _in_order(mistakes), _in_order(warnings), tuple(document.file for document in documents))


def _read_main(file: Path) -> Document:
    try:
        return read_document(file, str(file))
    except FileNotFoundError as error:
        hint = "name it with -c FILE or RESTORE_TESTER_CONFIG, or write one with restore-tester init URI"
        raise Misuse("configuration_missing", f"there is no configuration file {file}", hint) from error
    except OSError as error:
        hint = "name a file that this user may read"
        raise Misuse("configuration_unreadable", f"the configuration file {file} cannot be read: {error.strerror}", hint) from error


def _read_included(main: Document) -> tuple[list[Document], list[Mistake], list[Mistake]]:
    documents: list[Document] = []
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    seen = {Path(main.file).resolve()}
    patterns = main.data.get("include") if isinstance(main.data, dict) else None
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        if not isinstance(pattern, str) or not pattern.strip():
            continue
        found = sorted(glob.glob(pattern, root_dir=main.folder, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not found:
            hint = "paths count from the folder of this file"
            nothing = main.mistake(("include", index), "no file is called like this", hint)
            (warnings if glob.has_magic(pattern) else mistakes).append(nothing)
        for name in found:
            path = main.folder / name
            if path.is_dir() or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                documents.append(read_document(path, str(Path(main.file).parent / name)))
            except OSError as error:
                mistakes.append(main.mistake(("include", index), f"{name} cannot be read: {error.strerror}", "let this user read it"))
    return documents, mistakes, warnings


def _shaped(document: Document, top: type[shape.IncludedShape], known: rules.Known) -> tuple[shape.IncludedShape | None, list[Mistake]]:
    if document.data is None:
        return None, []
    wrong: ValidationError
    try:
        return top.model_validate(document.data, context=known), []
    except ValidationError as error:
        wrong = error
    return None, list(complaints.mistakes_of(wrong, document, top))


def _incomplete_bundles(document: Document) -> Iterator[Mistake]:
    data: Plain = document.data.get("criticality") if isinstance(document.data, dict) else None
    for name, bundle in data.items() if isinstance(data, dict) else ():
        if name in dict(SHIPPED_CRITICALITIES) or not isinstance(bundle, dict):
            continue
        lacking = [key for key in ("rto", "rpo", "drill_every") if bundle.get(key) is None]
        if lacking:
            listed = " and ".join(f"`{key}`" for key in lacking)
            message = f"a new criticality lacks {listed}"
            yield document.mistake(("criticality", name), message, "write rto, rpo and drill_every", on_key=True)


def _expired(document: Document, part: shape.IncludedShape | None, today: date | None) -> Iterator[Mistake]:
    if part is None or today is None:
        return
    for name, workload in part.workloads.items():
        for check, override in workload.check_overrides.items():
            if override.until < today:
                route = ("workloads", name, "check_overrides", check, "until")
                message = f"this ended on {override.until}: the check judges as shipped again"
                yield document.mistake(route, message, "take it out, or set a new end")


def _nobody(document: Document, part: shape.IncludedShape | None) -> Iterator[Mistake]:
    """What `init` writes in place of an owner."""
    for name, workload in part.workloads.items() if part is not None else ():
        if workload.owner == OWNER_UNSET:
            yield document.mistake(("workloads", name, "owner"), "nobody is called when its drill fails", "name its owner")


def _criticalities(documents: tuple[Document, ...]) -> tuple[str, ...]:
    """Return every name there is, or nothing where a file could not be read: it may have held the one that is missed."""
    if any(document.data is None for document in documents):
        return ()
    names = [name for name, _ in SHIPPED_CRITICALITIES]
    for document in documents:
        written = document.data.get("criticality") if isinstance(document.data, dict) else None
        names += written if isinstance(written, dict) else ()
    return tuple(dict.fromkeys(names))


def _in_order(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    """Sorted by place. What an alias repeats is said once, and where a password stands nothing else is said."""
    passwords = {(one.file, one.line, one.column) for one in mistakes if one.message == PASSWORD_MESSAGE}
    first: dict[tuple[str, int, int, str], Mistake] = {}
    for mistake in mistakes:
        place = (mistake.file, mistake.line, mistake.column)
        if mistake.message == PASSWORD_MESSAGE or place not in passwords:
            first.setdefault((*place, mistake.message), mistake)
    return tuple(sorted(first.values()))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A large configuration is millions of objects with no circle among them: looking for circles costs half the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
