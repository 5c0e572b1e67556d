"""The page's figures, as Vega-Lite draws them in the reader's browser.

The page supplies their data. Its menus and boxes set their parameters.
"""

from collections.abc import Mapping
from typing import Any

import altair as alt

from cl_anomaly.report.page.line_looks import TEXT, Look
from cl_anomaly.statistics.comparison import Comparison
from cl_anomaly.statistics.ranks import groups_not_different

Specification = dict[str, Any]
Looks = Mapping[str, Look]
Chosen = Mapping[str, Any]
"""Initial values of a figure's parameters."""

_FONT = {"labelFont": "system-ui, sans-serif", "titleFont": "system-ui, sans-serif"}
_COLOURS = {"labelColor": TEXT, "titleColor": TEXT}
_CONFIG: Any = {
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        **_FONT,
        **_COLOURS,
        **dict.fromkeys(["tickColor", "domainColor", "gridColor"], TEXT),
        "gridOpacity": 0.15,
        "titleFontWeight": 500,
    },
    "text": {"font": "system-ui, sans-serif", "color": TEXT},
    "legend": {**_FONT, **_COLOURS},
}
_CELL, _ROW = 34, 26  # pixels of height
MOST_BANDS = 6
"""Figures with more lines have no bands, which would cover each other."""
_TO_COME = 0.25  # opacity of cells of tasks to come


def auroc_figure(looks: Looks, chosen: Chosen, about: str) -> Specification:
    """Draw a line for each run: its headline AUROC after every task, with its spread."""
    has_band = f"length(shown) <= {MOST_BANDS} && isValid(datum.low) && isValid(datum.high)"
    base = (
        alt.Chart(alt.NamedData(name="auroc"))
        .transform_filter("datum.panel === panel && datum.score === score")
        .transform_filter("indexof(shown, datum.run) >= 0")
        .transform_joinaggregate(least="min(mean)", most="max(mean)")
        # A wide band would leave the lines no room; one that is not drawn has no height.
        .transform_calculate(
            low_drawn=f"{has_band} ? max(datum.low, datum.least - 0.05) : datum.mean",
            high_drawn=f"{has_band} ? min(datum.high, datum.most + 0.05, 1) : datum.mean",
        )
        .encode(
            x=alt.X("task:Q", title="After task", axis=_whole_numbers(grid=False)),
            color=_by_run(alt.Color, looks, "colour"),
        )
    )
    values = alt.Y("mean:Q", title="AUROC", scale=alt.Scale(zero=False, nice=True))
    low = alt.Y("low_drawn:Q", title="AUROC", scale=alt.Scale(zero=False))
    band = base.mark_area(opacity=0.1).encode(y=low, y2="high_drawn:Q")
    line = base.mark_line(strokeWidth=2).encode(
        y=values, strokeDash=_by_run(alt.StrokeDash, looks, "dashes")
    )
    points = base.mark_point(filled=True, opacity=1, size=55).encode(
        y=values,
        shape=_by_run(alt.Shape, looks, "shape"),
        tooltip=_tooltips("run", "task", "mean", "low", "high"),
    )
    chart = alt.layer(band, line, points).add_params(*_parameters({**chosen, "shown": list(looks)}))
    return _written(chart, 340, about)


def matrix_figure(
    name: str, chosen: Chosen, limits: tuple[float, float], tasks: int, what: str
) -> Specification:
    """Draw a matrix with its numbers: a row after each task, a column for each test group.

    Args:
        tasks: largest number of rows.
    """
    (low, high), base = limits, _cells_of(name, chosen)
    legend = alt.Legend(orient="bottom", direction="horizontal", gradientLength=160)
    scale = alt.Scale(scheme="cividis", domain=[low, high], clamp=True)
    cells = base.mark_rect().encode(
        color=alt.Color("value:Q", scale=scale, title=what, legend=legend),
        opacity=alt.condition("datum.learnt === 1", alt.value(1.0), alt.value(_TO_COME)),
        tooltip=_tooltips("run", "task", "name", "value", value_title=what),
    )
    digits = ".2f" if high <= 1 else ".0f"
    words = base.mark_text(fontSize=11, aria=False).encode(alt.Text("value:Q", format=digits))
    is_dark = f"datum.value < {(low + high) / 2}"
    learnt = words.transform_filter("datum.learnt === 1").encode(
        color=alt.condition(is_dark, alt.value("white"), alt.value("black"))
    )
    to_come = words.transform_filter("datum.learnt === 0").encode(color=alt.value(TEXT))
    chart = alt.layer(cells, learnt, to_come).add_params(*_parameters(chosen))
    about = f"{what} after each task, on the test group of each task"
    return _written(chart, _CELL * tasks, about)


def _cells_of(name: str, chosen: Chosen) -> alt.Chart:
    """Place the cells of a matrix."""
    return (
        alt.Chart(alt.NamedData(name=name))
        .transform_filter(" && ".join(f"datum.{key} === {key}" for key in chosen))
        .encode(
            x=alt.X(
                "name:N",
                title="Test group of task",
                sort=alt.EncodingSortField("of", op="min"),
                axis=alt.Axis(labelAngle=0, orient="top", labelLimit=90, labelOverlap=True),
            ),
            y=alt.Y("task:O", title="After task"),
        )
    )


def ranks_figure(compared: Comparison, looks: Looks, about: str) -> Specification:
    """Draw mean ranks, the best on top; a bar joins runs within the critical difference."""
    ranked = compared.table.dropna(subset="rank").sort_values("rank", kind="stable")
    runs, mean = [str(run) for run in ranked["run"]], ranked["rank"].tolist()
    is_real = compared.friedman is not None and compared.friedman < compared.alpha
    reach = (compared.critical_difference or 0.0) if is_real else float("inf")
    groups = groups_not_different(mean, reach)
    x = alt.X(
        "rank:Q",
        title="Mean rank (1 is the best)",
        scale=alt.Scale(
            domain=[1.0, max(2.0, float(len(runs)))], nice=False, padding=12 * len(groups) + 14
        ),
        axis=_whole_numbers(orient="top"),
    )
    order = alt.Scale(domain=runs)
    y = alt.Y("run:N", scale=order, title=None, axis=alt.Axis(labelLimit=130, domain=False))
    rows = [{"run": run, "rank": rank} for run, rank in zip(runs, mean, strict=True)]
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    points = base.mark_point(filled=True, opacity=1, size=90).encode(
        color=_by_run(alt.Color, looks, "colour"),
        shape=_by_run(alt.Shape, looks, "shape"),
        tooltip=_tooltips("run", "rank"),
    )
    words = base.mark_text(align="left", dx=9, aria=False).encode(
        text=alt.Text("rank:Q", format=".2f"), color=alt.value(TEXT)
    )
    ends = [(runs[group[0]], runs[group[-1]]) for group in groups]
    bars = [_bar(place, *pair, order) for place, pair in enumerate(ends)]
    return _written(alt.layer(points, words, *bars), _ROW * len(runs), about)


def _bar(place: int, first: str, last: str, order: alt.Scale) -> alt.Chart:
    """Draw a bar that joins runs; places count from the right."""
    data = alt.Data(values=[{"first": first, "last": last, "place": place}])
    return (
        alt.Chart(data)
        .mark_rule(strokeWidth=4, color=TEXT, opacity=0.6)
        .encode(
            x=alt.value(alt.expr(f"width - 6 - {12 * place}")),
            y=alt.Y("first:N", scale=order),
            y2="last:N",
        )
    )


def cost_figure(looks: Looks, chosen: Chosen, about: str) -> Specification:
    """Draw the AUROC of each run after the last task against its cost."""
    base = _runs_by_cost(looks)
    scale = alt.Scale(zero=False)
    values = alt.Y("mean:Q", title="AUROC after the last task", scale=scale)
    spread = base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    costs = ("seconds", "operations", "steps", "bytes")
    points = base.mark_point(filled=True, opacity=1, size=90).encode(
        y=values,
        shape=_by_run(alt.Shape, looks, "shape"),
        tooltip=_tooltips("run", "mean", "low", "high", *costs),
    )
    words = [
        base.mark_text(align=side, dx=dx, dy=-9, aria=False).encode(  # pyright: ignore
            y=values,
            text=alt.condition(f"datum.cost {which} 0.5 * datum.most", "run:N", alt.value("")),
            color=alt.value(TEXT),
        )
        for which, side, dx in (("<=", "left", 7), (">", "right", -7))
    ]
    chart = alt.layer(spread, points, *words).add_params(*_parameters(chosen))
    return _written(chart, 320, about)


def _runs_by_cost(looks: Looks) -> alt.Chart:
    """Place runs by the cost that the reader has chosen."""
    return (
        alt.Chart(alt.NamedData(name="cost"))
        .transform_filter("datum.dataset === dataset")
        .transform_calculate(cost="datum[cost_of]")
        .transform_filter("isValid(datum.cost)")
        .transform_joinaggregate(most="max(cost)")
        .encode(
            x=alt.X(
                "cost:Q",
                title="Cost, on a square-root scale",
                scale=alt.Scale(type="sqrt", domainMin=0, nice=True),
                axis=alt.Axis(format="~s", labelOverlap=True, tickCount=6),
            ),
            color=_by_run(alt.Color, looks, "colour"),
        )
    )


def _written(chart: alt.LayerChart | alt.FacetChart, height: float, about: str) -> Specification:
    whole = chart.properties(width="container", height=height, description=about)
    # Validation against Vega-Lite's schema, which the tests do, would take longest here.
    return whole.configure(**_CONFIG).to_dict(validate=False)


def _parameters(values: Chosen) -> list[alt.Parameter]:
    return [alt.param(name=name, value=value) for name, value in values.items()]


def _whole_numbers(**settings: Any) -> alt.Axis:
    # Vega also puts ticks between whole numbers: these have no label.
    label = "datum.value % 1 ? '' : datum.label"
    return alt.Axis(tickMinStep=1, format="d", labelExpr=label, **settings)


def _by_run(channel: type[Any], looks: Looks, attribute: str) -> Any:
    """Encode one attribute of the runs' looks."""
    values = [getattr(look, attribute) for look in looks.values()]
    return channel("run:N", scale=alt.Scale(domain=list(looks), range=values), legend=None)


_TOOLTIPS = {
    "run": ("run:N", "run", ""),
    "task": ("task:Q", "after task", "d"),
    "name": ("name:N", "test group of task", ""),
    "mean": ("mean:Q", "AUROC", ".3f"),
    "low": ("low:Q", "from", ".3f"),
    "high": ("high:Q", "to", ".3f"),
    "rank": ("rank:Q", "mean rank", ".2f"),
    "value": ("value:Q", "value", ".3~f"),
    "seconds": ("seconds:Q", "seconds of training", ",.1f"),
    "operations": ("operations:Q", "operations of training", ".2e"),
    "steps": ("steps:Q", "steps of training", ",.0f"),
    "bytes": ("bytes:Q", "bytes", ",.0f"),
}
"""Fields with their titles and formats."""


def _tooltips(*names: str, value_title: str = "value") -> list[alt.Tooltip]:
    return [
        alt.Tooltip(
            field,
            title=value_title if field == "value:Q" else title,
            format=digits or alt.Undefined,
        )
        for field, title, digits in map(_TOOLTIPS.__getitem__, names)
    ]
