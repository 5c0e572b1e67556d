"""The whole page: one file that needs no network, with tables that need no scripts."""

import re
from contextlib import suppress
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cl_anomaly.core.errors import RunError
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.report import cells
from cl_anomaly.report.how_tested import how_tested
from cl_anomaly.report.page import run_tables
from cl_anomaly.report.page.chart_data import as_columns
from cl_anomaly.report.page.chart_menus import figures_of, rankings
from cl_anomaly.report.page.charts import MOST_BANDS
from cl_anomaly.report.page.content import OWN_SCORE, Content, standings_of
from cl_anomaly.report.page.line_looks import looks_of
from cl_anomaly.report.page.reproduction import command_of
from cl_anomaly.report.page.sample_section import Room, detected_samples, model_samples
from cl_anomaly.report.page.sentences import what_was_run
from cl_anomaly.report.suite_table import in_short
from cl_anomaly.statistics.comparison import BETTER, WORSE
from cl_anomaly.store.files import replacing

_MANY_RUNS = 50
"""Pages with more runs hide the commands at first."""
_FILTERS = {
    "aurocs_by_task": run_tables.aurocs_by_task,
    "code_in_words": run_tables.code_in_words,
    "command_of": command_of,
    "how_tested": how_tested,
    "in_short": in_short,
    "in_words": run_tables.in_words,
    "interval": cells.interval,
    "made_in_words": run_tables.made_in_words,
    "number": cells.number,
    "replicas_in_words": run_tables.replicas_in_words,
    "short_score": cells.short_score,
    "shown_columns": run_tables.shown_columns,
    "written": cells.written,
}


def page_of(content: Content) -> str:
    """Write the page."""
    return page_template().render(**_context(content))


@cache
def page_template() -> Template:
    """Return the template, which escapes all text."""
    environment = Environment(
        loader=PackageLoader("cl_anomaly.report.page", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    environment.tests["known"] = cells.is_known
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template("page.html.j2")


def _context(content: Content) -> dict[str, Any]:
    rows, looks, room = standings_of(content), looks_of(content.entries), Room()
    figures = figures_of(content, rows, looks)
    return {
        "content": content,
        "own_score": OWN_SCORE,
        "what_was_run": what_was_run(content),
        "rows": rows,
        "lines": run_tables.ranked_lines(rows),
        "explanation": cells.WHAT_THEY_ARE,
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
        "tuned": {entry.line: entry.chosen for entry in content.entries if entry.chosen},
        "many_runs": _MANY_RUNS,
        "bundle": Markup(bundle()),  # noqa: S704  # Vega's scripts, which hold nobody's text
    }


@cache
def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed, which set `vegaEmbed`, for a script element.

    Bundling takes seconds, so the text is cached if possible.
    """
    import vl_convert
    from altair import SCHEMA_VERSION

    major, minor, *_ = SCHEMA_VERSION.split(".")
    version, maker = f"{major}.{minor}", vl_convert.__version__  # type: ignore[attr-defined]
    cached = data_roots(None)[-1] / f"vega-lite-{version}-{maker}.js"
    with suppress(OSError, UnicodeDecodeError):
        return cached.read_text(encoding="utf-8")
    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    text = re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE)
    with suppress(OSError, RunError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with replacing(cached) as partial:
            partial.write_text(text, encoding="utf-8")
    return text
