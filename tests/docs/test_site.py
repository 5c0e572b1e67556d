"""The documentation as it is built: no warning, every link leads somewhere, every word is found."""

import json
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import snowballstemmer

from cl_anomaly import __all__ as public_names
from cl_anomaly.data.datasets import DATASETS
from cl_anomaly.models import MODELS
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.run_config import settings_of_a_run
from cl_anomaly.strategies import find_strategy
from cl_anomaly.version import __version__
from tests.docs.pages import CONCEPTS, STRATEGIES, rows
from tests.support.places import ROOT

_REMOTE = ("http://", "https://", "//")
# The house's words, which people search for first.
_WORDS = (
    "sample,anomaly class,normal class,task,test group,scenario,replica,detector,strategy,run,"
    "suite,result matrix,headline AUROC"
).split(",")


class Parsed(HTMLParser):
    """What a page has to be led to, where it leads, and what a browser fetches for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        self.ids |= {own["id"]} if "id" in own else set()
        if tag == "a" and "href" in own:
            self.links.append(own["href"])
        elif tag == "link" and "href" in own:
            self.fetched.append(own["href"])
        elif "src" in own:
            self.fetched.append(own["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages; any warning is an error."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    command += ["-d", str(tmp_path_factory.mktemp("doctrees")), "docs", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Parsed]:
    pages = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    return {path: Parsed(path) for path in pages}


def words_of(site: Path, name: str) -> str:
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    article = re.findall(r"<article.*?</article>", text, re.DOTALL)
    return plain(" ".join(unescape(re.sub(r"<[^>]+>", "", " ".join(article))).split()))


def plain(text: str) -> str:
    """Without the quotes that Sphinx makes round."""
    return text.translate(str.maketrans("“”’‘", "\"\"''"))


def test_every_link_and_anchor_leads_somewhere(parsed: dict[Path, Parsed]) -> None:
    for path, page in parsed.items():
        for link in page.links:
            if link.startswith((*_REMOTE, "mailto:")) or link in ("#", ""):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), (path.name, link)
            if anchor and target in parsed:
                assert anchor in parsed[target].ids, (path.name, link)


def test_nothing_is_fetched_from_elsewhere(parsed: dict[Path, Parsed]) -> None:
    for path, page in parsed.items():
        for source in page.fetched:
            assert not source.startswith(_REMOTE), (path.name, source)
            if not source.startswith("data:"):
                file = unquote(source.partition("?")[0].partition("#")[0])
                assert (path.parent / file).exists(), (path.name, source)


TERMS = re.findall(r"^\*\*(.+)\*\*$", CONCEPTS.text, flags=re.MULTILINE)


def test_the_glossary_has_the_words_of_the_house() -> None:
    assert len(TERMS) == len(set(TERMS))
    assert set(_WORDS) <= set(TERMS)


@pytest.fixture(scope="module")
def index(site: Path) -> dict[str, Any]:
    """What the search field of the built pages looks into."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))


@pytest.mark.parametrize("term", TERMS)
def test_a_search_for_a_word_finds_the_page_that_says_what_it_means(
    index: dict[str, Any], term: str
) -> None:
    concepts = index["docnames"].index("concepts")
    # A term of a glossary is an object of the index, with the page and the anchor that explain it.
    (entries,) = [own for name, own in index["indexentries"].items() if name == term.lower()]
    assert [place for place, *_ in entries] == [concepts]
    stem = snowballstemmer.stemmer("english").stemWord
    for word in re.findall(r"\w+", term.lower()):
        found = [index[where].get(stem(word), []) for where in ("terms", "titleterms")]
        places = [own if isinstance(own, list) else [own] for own in found]
        assert concepts in sum(places, []), word


def test_the_reference_holds_every_strategy_with_its_docstring(site: Path) -> None:
    text = words_of(site, "reference/strategies")
    for name, *_ in rows(STRATEGIES.section("## What there is")):
        cls = find_strategy(name.strip("`"))
        first, *_ = (cls.__doc__ or "").splitlines()
        assert plain(first.replace("`", "")) in text, name
        assert f"Class {cls.__module__}.{cls.__qualname__}." in text


@pytest.mark.parametrize(
    ("page", "names"),
    [("models", MODELS), ("scores", SCORES), ("datasets", DATASETS)],
    ids=["models", "scores", "datasets"],
)
def test_the_reference_holds_all_that_has_a_name(
    parsed: dict[Path, Parsed], site: Path, page: str, names: dict[str, Any]
) -> None:
    ids = parsed[site / "reference" / f"{page}.html"].ids
    assert set(names) <= ids


def test_the_reference_holds_every_setting_and_all_that_python_offers(site: Path) -> None:
    text = words_of(site, "reference/settings")
    for option in settings_of_a_run():
        assert f"--{option.name.replace('_', '-')} " in text
    text = words_of(site, "reference/python")
    for name in set(public_names) - {"__version__"}:
        assert f"cl_anomaly.{name}" in text


def test_the_readme_is_a_page_of_the_site_and_its_links_lead_on(site: Path) -> None:
    text = (site / "readme.html").read_text(encoding="utf-8")
    assert 'href="strategies.html"' in text
    assert 'href="contributing.html"' in text
    assert "_images/auroc_per_task.png" in text


def test_what_is_cited_is_the_paper_and_this_version() -> None:
    cff = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in cff
    (doi,) = re.findall(r"^  doi: (\S+)$", cff, flags=re.MULTILINE)
    (title,) = re.findall(r"^  title: (.+)$", cff, flags=re.MULTILINE)
    said = " ".join((ROOT / "docs" / "citing.md").read_text(encoding="utf-8").split())
    for word in (doi, title, *re.findall(r"family-names: (.+)$", cff, flags=re.MULTILINE)):
        assert word in said.replace("> ", "")
