"""The whole page: one file that fetches nothing, whose tables are read without scripts, too."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cl_anomaly.report.cells import WHAT_THEY_ARE, written
from cl_anomaly.report.how_tested import how_tested
from cl_anomaly.report.page import numbers, tables
from cl_anomaly.report.page.chart_data import as_columns
from cl_anomaly.report.page.charts import MOST_BANDS
from cl_anomaly.report.page.content import OWN_SCORE, Content
from cl_anomaly.report.page.figures import figures_of, rankings
from cl_anomaly.report.page.look import looks_of
from cl_anomaly.report.page.ranking import standings_of
from cl_anomaly.report.page.reproduction import command_of
from cl_anomaly.report.page.samples import Room, detected_samples, model_samples
from cl_anomaly.report.page.scripts import bundle
from cl_anomaly.report.page.sentences import what_was_run
from cl_anomaly.report.suite_table import in_short
from cl_anomaly.statistics.comparison import BETTER, WORSE

_MANY_RUNS = 50
"""Above this number, commands are hidden until somebody asks for them."""
_FILTERS = {
    "aurocs_by_task": tables.aurocs_by_task,
    "code_in_words": tables.code_in_words,
    "command_of": command_of,
    "how_tested": how_tested,
    "in_short": in_short,
    "in_words": tables.in_words,
    "interval": numbers.interval,
    "made_in_words": tables.made_in_words,
    "number": numbers.number,
    "replicas_in_words": tables.replicas_in_words,
    "short_score": numbers.short_score,
    "shown_columns": tables.shown_columns,
    "written": written,
}


def page_of(content: Content) -> str:
    """Write the page."""
    return page_template().render(**_context(content))


@cache
def page_template() -> Template:
    """Return the template, which escapes all text that it is given."""
    environment = Environment(
        loader=PackageLoader("cl_anomaly.report.page", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    environment.tests["known"] = numbers.is_known
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template("page.html.j2")


def _context(content: Content) -> dict[str, Any]:
    rows, looks, room = standings_of(content), looks_of(content.members), Room()
    figures = figures_of(content, rows, looks)
    return {
        "content": content,
        "own_score": OWN_SCORE,
        "what_was_run": what_was_run(content),
        "rows": rows,
        "lines": tables.ranked_lines(rows),
        "explanation": WHAT_THEY_ARE,
        "decisions": (BETTER, WORSE),
        "rankings": rankings(content),
        "looks": looks,
        "figures": figures,
        "specifications": {name: figure.specification for name, figure in figures.items()},
        "data": {
            name: as_columns(figure.data)
            for name, figure in figures.items()
            if figure.data is not None
        },
        "most_bands": MOST_BANDS,
        "detected": detected_samples(content, rows, room),
        "samples": model_samples(rows, room),
        "tuned": {member.method: member.chosen for member in content.members if member.chosen},
        "many_runs": _MANY_RUNS,
        "bundle": Markup(bundle()),  # noqa: S704  # Vega's scripts, which hold nobody's text
    }
