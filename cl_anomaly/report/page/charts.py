"""The page's figures, as Vega-Lite draws them in the reader's browser.

Their data is put in by the page. What a menu or a box on the page chooses is a parameter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from cl_anomaly.report.page.look import TEXT, Look
from cl_anomaly.statistics.comparison import Comparison
from cl_anomaly.statistics.ranks import groups_not_different

Figure = dict[str, Any]

_FONT = "system-ui, sans-serif"
_AXIS = {
    "labelColor": TEXT,
    "titleColor": TEXT,
    "tickColor": TEXT,
    "domainColor": TEXT,
    "gridColor": TEXT,
    "gridOpacity": 0.15,
    "labelFont": _FONT,
    "titleFont": _FONT,
    "titleFontWeight": 500,
}
_CONFIG: Any = {
    "background": "transparent",
    "view": {"stroke": None},
    "axis": _AXIS,
    "text": {"font": _FONT, "color": TEXT},
    "legend": {"labelColor": TEXT, "titleColor": TEXT, "labelFont": _FONT, "titleFont": _FONT},
}
_CELL = 34  # pixels of height
_ROW = 26
MOST_BANDS = 6
"""Of more lines, the bands would cover each other."""
_TO_COME = 0.25  # opacity of cells of tasks that are not learnt yet
COSTS = {
    "seconds": "Training time for each replica, in seconds",
    "operations": "Floating-point operations of training for each replica",
    "steps": "Optimisation steps of training for each replica",
    "bytes": "Bytes of model, strategy and score after the last task, for each replica",
}
"""What a run costs, as the menu calls it."""


def auroc_figure(looks: Mapping[str, Look], panel: str, score: str, about: str) -> Figure:
    """Draw a line for each run: its headline AUROC after every task, with its spread."""
    parameters = [_parameter("panel", panel), _parameter("score", score)]
    shown = _parameter("shown", list(looks))
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
            x=alt.X("task:Q", title="After task", axis=_whole_numbers()),
            color=_colours(looks),
        )
    )
    values = alt.Y("mean:Q", title="AUROC", scale=alt.Scale(zero=False, nice=True))
    band = base.mark_area(opacity=0.1).encode(
        y=alt.Y("low_drawn:Q", title="AUROC", scale=alt.Scale(zero=False)), y2="high_drawn:Q"
    )
    dashes = alt.StrokeDash(
        "run:N",
        scale=alt.Scale(domain=list(looks), range=[list(look.dashes) for look in looks.values()]),
        legend=None,
    )
    line = base.mark_line(strokeWidth=2).encode(y=values, strokeDash=dashes)
    points = base.mark_point(filled=True, opacity=1, size=55).encode(
        y=values, shape=_shapes(looks), tooltip=_tooltips("run", "task", "mean", "low", "high")
    )
    chart = alt.layer(band, line, points).add_params(*parameters, shown)
    return _written(chart.properties(width="container", height=340, description=about))


def matrix_figure(
    name: str, chosen: Mapping[str, str], limits: tuple[float, float], tasks: int, what: str
) -> Figure:
    """Draw a matrix of tasks: after which task, and of which; its numbers stand in it.

    Args:
        name: of its data.
        chosen: by parameter, what is shown first.
        limits: of the scale.
        tasks: how many there are at most.
        what: the numbers are.
    """
    low, high = limits
    test = " && ".join(f"datum.{key} === {key}" for key in chosen)
    base = (
        alt.Chart(alt.NamedData(name=name))
        .transform_filter(test)
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
    tooltip = _tooltips("run", "task", "name", "value", value_title=what)
    cells = base.mark_rect().encode(
        color=alt.Color(
            "value:Q",
            scale=alt.Scale(scheme="cividis", domain=[low, high], clamp=True),
            title=what,
            legend=alt.Legend(orient="bottom", direction="horizontal", gradientLength=160),
        ),
        opacity=alt.condition("datum.learnt === 1", alt.value(1.0), alt.value(_TO_COME)),
        tooltip=tooltip,
    )
    digits = ".2f" if high <= 1 else ".0f"
    words = base.mark_text(fontSize=11, aria=False).encode(alt.Text("value:Q", format=digits))
    on_dark = alt.condition(
        f"datum.value < {(low + high) / 2}", alt.value("white"), alt.value("black")
    )
    learnt = words.transform_filter("datum.learnt === 1").encode(color=on_dark)
    to_come = words.transform_filter("datum.learnt === 0").encode(color=alt.value(TEXT))
    parameters = [_parameter(key, value) for key, value in chosen.items()]
    chart = alt.layer(cells, learnt, to_come).add_params(*parameters)
    about = f"{what} after each task, on the test group of each task"
    size = {"width": "container", "height": _CELL * tasks}
    return _written(chart.properties(**size, description=about))


def ranks_figure(compared: Comparison, looks: Mapping[str, Look], about: str) -> Figure:
    """Draw mean ranks, the best on top; a bar joins runs within the critical difference.

    Args:
        compared: with a critical difference.
        looks: by what is ranked.
        about: says in words what is drawn.
    """
    ranked = compared.table.dropna(subset="rank").sort_values("rank", kind="stable")
    runs, mean = [str(run) for run in ranked["run"]], ranked["rank"].tolist()
    is_real = compared.friedman is not None and compared.friedman < compared.alpha
    reach = (compared.critical_difference or 0.0) if is_real else float("inf")
    groups = groups_not_different(mean, reach)
    rows = [{"run": run, "rank": rank} for run, rank in zip(runs, mean, strict=True)]
    bars = [
        {"first": runs[own[0]], "last": runs[own[-1]], "place": place}
        for place, own in enumerate(groups)
    ]
    limits = [1.0, max(2.0, float(len(runs)))]
    room = 12 * len(bars) + 14
    x = alt.X(
        "rank:Q",
        title="Mean rank (1 is the best)",
        scale=alt.Scale(domain=limits, nice=False, padding=room),
        axis=alt.Axis(tickMinStep=1, orient="top", format="d"),
    )
    order = alt.Scale(domain=runs)
    y = alt.Y("run:N", scale=order, title=None, axis=alt.Axis(labelLimit=130, domain=False))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    points = base.mark_point(filled=True, opacity=1, size=90).encode(
        color=_colours(looks), shape=_shapes(looks), tooltip=_tooltips("run", "rank")
    )
    words = base.mark_text(align="left", dx=9, aria=False).encode(
        text=alt.Text("rank:Q", format=".2f"), color=alt.value(TEXT)
    )
    layers: list[Any] = [points, words]
    for bar in bars:
        joins = alt.Chart(alt.Data(values=[bar])).mark_rule(strokeWidth=4, color=TEXT, opacity=0.6)
        place = alt.value(alt.expr(f"width - 6 - {12 * bar['place']}"))
        layers.append(joins.encode(x=place, y=alt.Y("first:N", scale=order), y2="last:N"))
    chart = alt.layer(*layers).properties(
        width="container", height=_ROW * len(runs), description=about
    )
    return _written(chart)


def cost_figure(looks: Mapping[str, Look], cost: str, dataset: str, about: str) -> Figure:
    """Draw what each run costs against its AUROC after the last task."""
    base = (
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
            color=_colours(looks),
        )
    )
    values = alt.Y("mean:Q", title="AUROC after the last task", scale=alt.Scale(zero=False))
    spread = base.mark_rule(opacity=0.5).encode(
        y=alt.Y("low:Q", scale=alt.Scale(zero=False)), y2="high:Q"
    )
    tooltip = _tooltips("run", "mean", "low", "high", *COSTS)
    points = base.mark_point(filled=True, opacity=1, size=90).encode(
        y=values, shape=_shapes(looks), tooltip=tooltip
    )
    words = [
        base.mark_text(align=side, dx=dx, dy=-9, aria=False).encode(  # pyright: ignore
            y=values,
            text=alt.condition(f"datum.cost {which} 0.5 * datum.most", "run:N", alt.value("")),
            color=alt.value(TEXT),
        )
        for which, side, dx in (("<=", "left", 7), (">", "right", -7))
    ]
    parameters = [_parameter("cost_of", cost), _parameter("dataset", dataset)]
    chart = alt.layer(spread, points, *words).add_params(*parameters)
    return _written(chart.properties(width="container", height=320, description=about))


def _written(chart: Any) -> Figure:
    # The tests check the whole against Vega-Lite's schema; here it would take longer than all else.
    return chart.configure(**_CONFIG).to_dict(validate=False)


def _parameter(name: str, value: Any) -> Any:
    return alt.param(name=name, value=value)


def _whole_numbers() -> alt.Axis:
    return alt.Axis(tickMinStep=1, format="d", grid=False)


def _colours(looks: Mapping[str, Look]) -> alt.Color:
    colours = [look.colour for look in looks.values()]
    return alt.Color("run:N", scale=alt.Scale(domain=list(looks), range=colours), legend=None)


def _shapes(looks: Mapping[str, Look]) -> alt.Shape:
    shapes = [look.shape for look in looks.values()]
    return alt.Shape("run:N", scale=alt.Scale(domain=list(looks), range=shapes), legend=None)


_TITLES = {
    "run": ("run:N", "run", None),
    "task": ("task:Q", "after task", "d"),
    "name": ("name:N", "test group of task", None),
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


def _tooltips(*names: str, value_title: str = "value") -> Sequence[alt.Tooltip]:
    made = []
    for name in names:
        field, title, written = _TITLES[name]
        title = value_title if name == "value" else title
        made.append(alt.Tooltip(field, title=title, **({"format": written} if written else {})))
    return made
