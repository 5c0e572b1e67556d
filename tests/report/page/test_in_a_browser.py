"""The page in a browser: it loads, sorts, filters and switches, and can be read everywhere."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cl_anomaly.report.page.charts import MOST_BANDS
from cl_anomaly.report.page.content import Content
from cl_anomaly.report.page.page import page_of
from tests.report.page.conftest import MISSING, UNSAFE

pytestmark = pytest.mark.browser

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 60_000  # milliseconds at most, on a machine that has much to do


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser of this machine: $CL_ANOMALY_BROWSER, or one on the path."""
    wanted = os.environ.get("CL_ANOMALY_BROWSER")
    path = wanted or next(filter(None, map(shutil.which, _BROWSERS)), None)
    playwright = pytest.importorskip(
        "playwright.sync_api",
        reason="the package playwright is needed: pip install cl-anomaly[browser]",
    )
    if path is None:
        pytest.skip(f"a browser is needed, one of {', '.join(_BROWSERS)}")
    with playwright.sync_playwright() as started:
        # Without a sandbox: CI runs as root.
        own = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield own
        own.close()


@pytest.fixture(scope="module")
def file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


class Opened:
    """A page in a tab, and what the browser says of it."""

    def __init__(self, browser: Any, file: Path, **settings: Any) -> None:
        size = {"width": settings.pop("width", 1280), "height": 900}
        self.said: list[str] = []
        self.fetched: list[str] = []
        self.tab = browser.new_page(viewport=size, **settings)
        self.tab.set_default_timeout(_SECONDS)
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.fetched.append(request.url))
        self.tab.goto(file.as_uri())
        self.tab.wait_for_selector("html[data-drawn]")

    def words(self, selector: str) -> list[str]:
        return [own.strip() for own in self.tab.locator(selector).all_text_contents()]

    def runs(self) -> list[str]:
        """Names in the headline table, of rows that are seen."""
        rows = self.tab.locator("#standings tbody tr:visible th")
        return [words.split("\n")[0].strip() for words in rows.all_inner_texts()]

    def lines(self) -> int:
        """Lines with points in the figure of AUROC."""
        return self.tab.locator('[data-figure="auroc"] .mark-line path[d*="L"]').count()

    def numbers(self, figure: str) -> list[str]:
        return self.words(f'[data-figure="{figure}"] .mark-text text')


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    own = Opened(browser, file)
    yield own
    own.tab.close()


def test_it_loads_without_an_error_and_fetches_nothing(opened: Opened, file: Path) -> None:
    assert opened.said == []
    fetched = [url for url in opened.fetched if not url.startswith(("data:", "blob:"))]
    assert fetched == [file.as_uri()]
    for figure in ("auroc", "ranks 0", "cost", "matrix", "rates"):
        assert opened.tab.locator(f'[data-figure="{figure}"] svg.marks').count() == 1


def test_of_many_runs_no_band_is_drawn_and_nothing_is_complained_of(
    browser: Any, content: Content, tmp_path: Path
) -> None:
    (upper, *_) = content.with_results
    many = tuple(replace(upper, name=f"r{n}", line=f"r{n}") for n in range(MOST_BANDS + 1))
    table = content.standings[upper.dataset]
    row = table[table["run"] == upper.line]
    rows = pd.concat([row.assign(run=own.line) for own in many], ignore_index=True)
    crowded = replace(content, entries=many, standings={upper.dataset: rows})
    (tmp_path / "many.html").write_text(page_of(crowded), encoding="utf-8")
    opened = Opened(browser, tmp_path / "many.html")
    assert opened.said == []
    assert opened.lines() == len(many)

    def heights() -> list[float]:
        bands = opened.tab.locator('[data-figure="auroc"] .mark-area path')
        return [box["height"] for own in bands.all() if (box := own.bounding_box())]

    before = heights()
    opened.tab.get_by_role("checkbox", name="r0").uncheck()
    opened.tab.wait_for_timeout(300)
    assert max(heights()) > max(before)
    opened.tab.close()


def test_names_that_hold_html_are_shown_as_text(opened: Opened) -> None:
    assert UNSAFE in opened.runs()
    assert opened.tab.locator("#standings b").count() == 0
    opened.tab.locator('[data-figure="auroc"] .mark-symbol path').nth(4).hover()
    opened.tab.wait_for_selector("#vg-tooltip-element.visible")
    tooltip = opened.tab.locator("#vg-tooltip-element")
    assert "after task" in tooltip.inner_text()
    assert tooltip.locator("b, script").count() == 0


def test_a_click_on_a_name_sorts_and_missing_results_stay_last(opened: Opened) -> None:
    first = opened.runs()
    assert first[-1] == MISSING
    head = opened.tab.get_by_role("columnheader", name="AUROC", exact=False).first
    assert head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.runs() == [*reversed(first[:-1]), MISSING]
    names = opened.tab.get_by_role("columnheader", name="run").first
    names.get_by_role("button").click()
    assert names.get_attribute("aria-sort") == "descending"
    assert head.get_attribute("aria-sort") == "none"
    assert opened.runs() == ["upper", MISSING, "lower", UNSAFE]


def test_the_filter_narrows_the_table_down(opened: Opened) -> None:
    opened.tab.get_by_label("Filter").fill("LOW")
    assert set(opened.runs()) >= {"lower"}
    assert MISSING not in opened.runs()
    opened.tab.get_by_label("Filter").fill("")
    opened.tab.get_by_label("Stores").select_option("yes")
    assert opened.runs() == ["upper"]
    assert opened.words("#results output") == ["1 of 4 runs"]
    opened.tab.get_by_label("Stores").select_option("")
    assert len(opened.runs()) == 4


def test_runs_are_switched_off_and_on(opened: Opened) -> None:
    assert opened.lines() == 3
    opened.tab.get_by_role("checkbox", name="upper").uncheck()
    opened.tab.wait_for_timeout(300)
    assert opened.lines() == 2
    opened.tab.get_by_role("button", name="none").click()
    opened.tab.wait_for_timeout(300)
    assert opened.lines() == 0
    opened.tab.get_by_role("button", name="all").click()
    opened.tab.wait_for_timeout(300)
    assert opened.lines() == 3


def test_menus_choose_the_class_the_score_and_the_run(opened: Opened) -> None:
    section = opened.tab.locator("#matrices")
    before = opened.numbers("matrix")
    assert (
        len([words for words in before if words.startswith(("0.", "1.")) and len(words) == 4]) == 9
    )
    section.get_by_role("combobox", name="Run").select_option("lower")
    opened.tab.wait_for_timeout(300)
    assert opened.numbers("matrix") != before
    lines = opened.tab.locator('[data-figure="auroc"] .mark-line path')
    path = lines.first.get_attribute("d")
    opened.tab.get_by_role("combobox", name="Show").select_option("anomaly class 4")
    opened.tab.wait_for_timeout(300)
    assert lines.first.get_attribute("d") != path


def test_best_and_worst_detected_samples_open_with_their_classes_and_scores(
    opened: Opened,
) -> None:
    section = opened.tab.locator("#detected")
    tiles = section.locator("details").first.locator("figure")
    assert not tiles.first.is_visible()
    section.locator("summary").first.focus()
    opened.tab.keyboard.press("Enter")
    assert tiles.count() == 24
    first = tiles.first
    assert first.is_visible()
    label, score = first.locator("figcaption").inner_text().split("\n")
    words = first.locator("img").get_attribute("alt")
    assert words is not None
    assert words.startswith(f"class {label}, score {score}, row ")
    box = first.locator("img").bounding_box()
    assert box is not None
    assert box["width"] == box["height"] >= 40


def test_everything_is_reached_and_used_by_keyboard(opened: Opened) -> None:
    opened.tab.get_by_label("Filter").focus()
    opened.tab.keyboard.type("lower")
    assert opened.words("#results output")[0].endswith("of 4 runs")
    head = opened.tab.get_by_role("button", name="AUROC").first
    head.focus()
    opened.tab.keyboard.press("Enter")
    assert opened.tab.locator("#standings th").nth(1).get_attribute("aria-sort") == "ascending"
    box = opened.tab.get_by_role("checkbox", name="lower")
    box.focus()
    opened.tab.keyboard.press("Space")
    assert not box.is_checked()


def test_everything_has_a_name_for_screen_readers(opened: Opened) -> None:
    unnamed = opened.tab.evaluate(
        """() => [...document.querySelectorAll("input, select, button, img, [role=region]")]
          .filter((own) => !(own.getAttribute("aria-label") || own.alt || own.labels?.length
            || own.textContent.trim()))
          .map((own) => own.outerHTML)"""
    )
    assert unnamed == []
    drawn = opened.tab.locator('.figure [role="graphics-document"]')
    labels = [own.get_attribute("aria-label") for own in drawn.all()]
    assert len(labels) == 5
    assert all(labels)
    assert opened.tab.locator("html[lang=en] main h2").count() >= 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_at_the_width_of_a_phone_in_light_and_in_dark(
    browser: Any, file: Path, scheme: str
) -> None:
    opened = Opened(browser, file, width=400, color_scheme=scheme)
    opened.tab.evaluate(
        'document.querySelectorAll("section > details").forEach((own) => { own.open = true; })'
    )
    width = opened.tab.evaluate("document.documentElement.scrollWidth")
    assert width <= 400
    colours = opened.tab.evaluate(
        """() => ["body", '[data-figure="auroc"] .role-axis-title text'].map((name) => {
          const style = getComputedStyle(document.querySelector(name));
          return [style.backgroundColor, style.color];
        })"""
    )
    (ground, text), (_, title) = colours
    assert title == text, "the figures' words have the page's colour"
    assert contrast(ground, text) >= 7
    opened.tab.close()


def contrast(one: str, other: str) -> float:
    """Contrast of two colours by WCAG 2.1, from 1 to 21."""
    lights = []
    for colour in (one, other):
        parts = [int(part) / 255 for part in colour[4:-1].split(",")]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        lights.append(sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    low, high = sorted(lights)
    return (high + 0.05) / (low + 0.05)


def test_it_prints_on_a4(opened: Opened, tmp_path: Path) -> None:
    opened.tab.emulate_media(media="print")
    # The width of A4 without its margins, at 96 pixels in an inch.
    opened.tab.set_viewport_size({"width": round(182 / 25.4 * 96), "height": 1000})
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= 688
    assert not opened.tab.get_by_label("Filter").is_visible()
    written = opened.tab.pdf(format="A4", path=tmp_path / "page.pdf")
    assert written.startswith(b"%PDF")
