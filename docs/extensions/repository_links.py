"""Links that lead out of `docs/`: right on the repository's own pages, and right in the built ones.

A page of the repository that has a stub in `docs/` is shown in its place. Other files are offered
as they are, and folders are only named.
"""

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

STUBS = {"README.md": "readme", "CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog"}
"""Pages at the top of the repository, by the documents that show them."""

_FENCED = re.compile(r"^(```|~~~).*?^\1", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def rewritten(text: str, written_in: Path, shown_in: Path, docs: Path) -> str:
    """Let a text's links lead where they led, from another place.

    Args:
        text: Markdown.
        written_in: the folder that its links start from.
        shown_in: the folder that they are to start from.
        docs: the folder of the pages.
    """

    def lead(found: re.Match[str]) -> str:
        mark, words, link = found.groups()
        if link.startswith(("#", "http://", "https://", "mailto:")):
            return found.group()
        file, hash_sign, anchor = link.partition("#")
        target = Path(os.path.normpath(written_in / file))
        if target.parent == docs.parent and target.name in STUBS:
            target = docs / f"{STUBS[target.name]}.md"
        if target.is_dir():
            return words
        # `path:` is a file to download, as it is.
        is_page = mark or target.is_relative_to(docs)
        relative = f"{'' if is_page else 'path:'}{os.path.relpath(target, shown_in)}"
        return f"{mark}[{_LINK.sub(lead, words)}]({relative}{hash_sign}{anchor})"

    parts, last = [], 0
    for fence in _FENCED.finditer(text):
        parts += [_LINK.sub(lead, text[last : fence.start()]), fence.group()]
        last = fence.end()
    return "".join([*parts, _LINK.sub(lead, text[last:])])


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    docs = Path(app.srcdir)
    own = docs / f"{name}.md"
    shown = {stub: docs.parent / file for file, stub in STUBS.items()}
    if name in shown:
        app.env.note_dependency(str(shown[name]))
        text, written_in = shown[name].read_text(encoding="utf-8"), docs.parent
    else:
        text, written_in = source[0], own.parent
    source[0] = rewritten(text, written_in, own.parent, docs)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
