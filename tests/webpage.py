"""A page as a browser takes it apart: its elements, and whatever in it would reach out or run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

LOADING = {"script", "link", "img", "iframe", "object", "embed", "video", "audio", "source", "base", "form", "image", "use"}
ADDRESSES = {"href", "src", "srcset", "action", "xlink:href", "poster", "data", "formaction", "background"}


class Elements(HTMLParser):
    """`found` holds every element's name and attributes in order, `words` the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.found if tag in names]


def outside_references(page: str) -> list[str]:
    """Return everything that runs, loads, or leads off the page."""
    elements = Elements(page)
    bad = [tag for tag, _ in elements.found if tag in LOADING]
    for _, attributes in elements.found:
        bad += [f"{name}={value}" for name, value in attributes.items() if name in ADDRESSES and not value.startswith("#")]
        bad += [name for name in attributes if name.startswith("on") or name == "style"]
        bad += [value for name, value in attributes.items() if name == "http-equiv" and value.lower() == "refresh"]
    return bad + re.findall(r"url\(|@import|expression\(", page)
