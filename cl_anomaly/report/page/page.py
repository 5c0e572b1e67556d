"""The whole page: one file that fetches nothing, whose tables are read without scripts, too."""

from importlib.resources import files

from cl_anomaly.report.page import chart_sections, table_sections
from cl_anomaly.report.page.content import Content
from cl_anomaly.report.page.detected_section import detected
from cl_anomaly.report.page.draft import Draft
from cl_anomaly.report.page.markup import Html, element, joined, json_for_script
from cl_anomaly.report.page.picture_section import samples
from cl_anomaly.report.page.scripts import bundle
from cl_anomaly.report.page.sentences import what_is_shown, what_was_run

_SECTIONS = (
    table_sections.headline,
    table_sections.remarks,
    table_sections.overall,
    chart_sections.aurocs,
    chart_sections.differences,
    chart_sections.costs,
    chart_sections.matrices,
    chart_sections.rates,
    detected,
    samples,
    table_sections.chosen,
    table_sections.reproduction,
    table_sections.problems,
)


def page_of(content: Content) -> str:
    """Write the page."""
    draft = Draft(content)
    parts = [part for make in _SECTIONS if (part := make(draft)) is not None]
    links = [element("a", heading, href=f"#{name}") for name, heading in draft.headings.items()]
    body = element(
        "body",
        element(
            "header",
            element("h1", content.title),
            element("p", what_was_run(content), " ", what_is_shown(content)),
            element("noscript", element("p", "The figures need JavaScript; all tables do not.")),
            element("nav", links, aria_label="sections"),
        ),
        element("main", parts),
        element("footer", f"Made by cl-anomaly {content.version} from {content.folder}."),
        _data("figures", draft.figures),
        _data("data", draft.data),
        element("script", Html(bundle())),
        element("script", _own("page.js")),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Nothing may be fetched, whatever is in the page.
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"{content.title} – cl-anomaly"),
        element("link", rel="icon", href="data:,"),
        element("style", _own("page.css")),
    )
    return joined([Html("<!doctype html>\n"), element("html", head, body, lang="en")])


_POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval'"
)


def _data(name: str, content: object) -> Html:
    return element("script", json_for_script(content), type="application/json", id=name)


def _own(name: str) -> Html:
    return Html(files("cl_anomaly.report.page").joinpath(name).read_text(encoding="utf-8"))
