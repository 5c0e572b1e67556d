"""The pages that people read, and what stands in them."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import ROOT

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Page:
    """A page in Markdown."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """All that stands outside fenced blocks."""
        return _FENCED.sub("", self.text)

    def blocks(self, language: str = "") -> list[str]:
        """The fenced blocks in one language."""
        return [text for found, text in _FENCED.findall(self.text) if found == language]

    def section(self, heading: str) -> str:
        """What stands under a heading, up to the next one of its level."""
        level = heading.split()[0]
        return self.text.split(f"{heading}\n", 1)[1].split(f"\n{level} ", 1)[0]

    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def inline_code(self) -> list[str]:
        return _CODE.findall(self.prose)

    def anchors(self) -> set[str]:
        """What can follow a `#` in a link to this page, as GitHub and GitLab make it."""
        headings = re.findall(r"^#+ (.*)$", self.prose, flags=re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def rows(text: str) -> list[list[str]]:
    """The cells of a text's tables, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    heads = [number for number, line in enumerate(lines) if set(line) <= set("| -")]
    body = [
        line for number, line in enumerate(lines) if number not in heads and number + 1 not in heads
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body]


README = Page(ROOT / "README.md")
CONTRIBUTING = Page(ROOT / "CONTRIBUTING.md")
AVALANCHE, CONCEPTS, MODELS, PUBLISHED, SCORES, SPEED, STRATEGIES, SURVIVING, TRACKERS, TUTORIAL = (
    Page(ROOT / "docs" / f"{name}.md")
    for name in (
        *("avalanche", "concepts", "models", "published", "scores", "speed", "strategies"),
        *("surviving", "trackers", "tutorial"),
    )
)
PAGES = [
    README,
    CONTRIBUTING,
    Page(ROOT / "CHANGELOG.md"),
    Page(ROOT / "results" / "README.md"),
    *(Page(path) for path in sorted(ROOT.glob("docs/**/*.md"))),
    *(Page(path) for path in sorted(ROOT.glob("results/reference/**/*.md"))),
]
