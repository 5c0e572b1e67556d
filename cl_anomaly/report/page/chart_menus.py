"""The page's figures with their data and menus."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cl_anomaly.report.page import chart_data, charts
from cl_anomaly.report.page.charts import Looks, Specification
from cl_anomaly.report.page.content import Content, Standing
from cl_anomaly.statistics.comparison import Comparison

COSTS = {
    "seconds": "Training time per replica, in seconds",
    "operations": "Floating-point operations of training per replica",
    "steps": "Optimisation steps of training per replica",
    "bytes": "Bytes of model, strategy and score after the last task, per replica",
}
"""Names of costs in the menu."""


@dataclass(frozen=True)
class Menu:
    """A menu that sets a parameter of a figure.

    Attributes:
        label: before the menu.
        choices: names by value, the initial one first.
    """

    parameter: str
    label: str
    choices: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure of the page.

    Attributes:
        data: table that the specification names; None if it is part of the specification.
    """

    specification: Specification
    data: pd.DataFrame | None = None
    menus: tuple[Menu, ...] = ()

    @property
    def chosen(self) -> dict[str, str]:
        """Initial values of the parameters."""
        return _chosen(self.menus)


def figures_of(content: Content, rows: Sequence[Standing], looks: Looks) -> dict[str, Figure]:
    """Draw the figures that have data, by name."""
    ranks = enumerate(rankings(content).items())
    drawn = {
        "auroc": _aurocs(content, looks),
        **{f"ranks {place}": _ranks(*ranking, looks) for place, ranking in ranks},
        "cost": _costs(rows, looks),
        "matrix": _matrices(content),
        "rates": _rates(content),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def rankings(content: Content) -> dict[str, Comparison]:
    """Return the comparisons whose mean ranks are shown, by dataset."""
    if content.overall is not None:
        return {"all datasets": content.overall}
    return {name: compared for name, compared in content.compared.items() if len(compared.pairs)}


def _aurocs(content: Content, looks: Looks) -> Figure | None:
    data = chart_data.aurocs_after_tasks(content)
    if data.empty:
        return None
    panels = data["panel"].unique().tolist()
    first = panels[-1] if panels[-1].startswith("mean of") else panels[0]
    menus = (_menu("panel", panels, first, "Show"), _menu("score", data["score"], content.score))
    chosen = _chosen(menus)
    about = "AUROC after each task, a line for each run: {panel}, score {score}"
    drawn = charts.auroc_figure(looks, chosen, about.format(**chosen))
    return Figure(drawn, data, menus)


def _ranks(where: str, compared: Comparison, looks: Looks) -> Figure | None:
    if compared.critical_difference is None:
        return None
    about = f"Mean ranks on {where}; a bar joins runs within the critical difference"
    return Figure(charts.ranks_figure(compared, looks, about))


def _costs(rows: Sequence[Standing], looks: Looks) -> Figure | None:
    data = chart_data.cost_and_quality(rows)
    if len(data) < 2:
        return None
    known = {name: words for name, words in COSTS.items() if data[name].notna().any()}
    menus = (Menu("cost_of", "Cost", known), _menu("dataset", data["dataset"]))
    about = "What each run costs against its AUROC after the last task"
    return Figure(charts.cost_figure(looks, _chosen(menus), about), data, menus)


def _matrices(content: Content) -> Figure | None:
    data = chart_data.result_matrices(content)
    if data.empty:
        return None
    score = _menu("score", data["score"], content.score)
    return _matrix("matrix", data, score, (0.5, 1.0), "AUROC")


def _rates(content: Content) -> Figure | None:
    data = chart_data.false_positive_rates(content)
    if data.empty:
        return None
    target = _menu("target", data["target"].unique()[::-1])
    return _matrix("rates", data, target, (0.0, 100.0), "False positives in %")


def _matrix(
    name: str, data: pd.DataFrame, last: Menu, limits: tuple[float, float], what: str
) -> Figure:
    menus = (_menu("dataset", data["dataset"]), _menu("run", data["run"]), last)
    tasks = int(data["task"].max())
    return Figure(charts.matrix_figure(name, _chosen(menus), limits, tasks, what), data, menus)


def _menu(parameter: str, values: Iterable[str], first: str = "", label: str = "") -> Menu:
    """Make a menu of the different values, with `first` at the top."""
    choices = sorted(dict.fromkeys(values), key=lambda value: value != first)
    return Menu(parameter, label or parameter.capitalize(), {value: value for value in choices})


def _chosen(menus: Sequence[Menu]) -> dict[str, str]:
    return {menu.parameter: next(iter(menu.choices)) for menu in menus}
