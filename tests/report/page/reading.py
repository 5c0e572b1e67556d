"""Pages read back: their elements, and the data of their figures."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

_VOID = {"img", "input", "meta", "link", "br"}


class Elements(HTMLParser):
    """All elements of a page with their attributes, and whether each is closed in turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def script(page: str, name: str) -> Any:
    """The JSON of a script element."""
    (found,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    return json.loads(found)


def rows(page: str, table: str) -> list[list[str]]:
    """The words of a table's cells, without its head."""
    (found,) = re.findall(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.findall(_CELL, row)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", found, re.DOTALL)
    ]


_CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)


def section(page: str, name: str) -> str:
    """A section's words."""
    (found,) = re.findall(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found)).split())
