"""Sections of figures: what stands around each, and the data that it is given."""

from collections.abc import Mapping, Sequence

from cl_anomaly.report.how_tested import how_tested
from cl_anomaly.report.page import chart_data, html_tables
from cl_anomaly.report.page.chart_data import Columns
from cl_anomaly.report.page.charts import (
    COSTS,
    MOST_BANDS,
    auroc_figure,
    cost_figure,
    matrix_figure,
    ranks_figure,
)
from cl_anomaly.report.page.controls import legend, menu
from cl_anomaly.report.page.draft import Draft, details, note
from cl_anomaly.report.page.markup import Html, element
from cl_anomaly.statistics.comparison import Comparison

_STEP = "learnt tasks are in full colour, tasks to come are pale"


def aurocs(draft: Draft) -> Html | None:
    """Show AUROC after each task, a line for each run, which can be switched off."""
    columns = chart_data.aurocs_after_tasks(draft.content)
    if not columns:
        return None
    panels = _each_once(columns["panel"])
    panel = panels[-1] if panels[-1].startswith("mean of") else panels[0]
    panels.sort(key=lambda own: own != panel)
    score = draft.content.score
    scores = sorted(_each_once(columns["score"]), key=lambda own: own != score)
    about = f"AUROC after each task, a line for each run: {panel}, score {score}"

    draft.data["auroc"] = columns
    draft.figures["auroc"] = auroc_figure(draft.looks, panel, score, about)
    spread = (
        "Bands are ± one standard deviation over the seeds; of several anomaly classes the "
        "95 % t-interval of their means. They are cut where they leave the lines no room, and not "
        f"drawn of more than {MOST_BANDS} runs. 0.5 is chance."
    )
    return draft.section(
        "tasks",
        "AUROC after each task",
        _controls(menu("auroc", "panel", "Show", panels), menu("auroc", "score", "Score", scores)),
        _figure("auroc"),
        legend("auroc", draft.looks),
        note(spread),
        details(
            f"The numbers of {panel}, score {score}, as a table",
            html_tables.auroc_table(columns, score, panel),
        ),
    )


def differences(draft: Draft) -> Html | None:
    """Show which differences are real: mean ranks, over all datasets, and every two runs."""
    content, parts = draft.content, []
    if content.overall is not None:
        parts += _ranks(draft, "all datasets", content.overall)
    for place, (dataset, compared) in enumerate(content.compared.items()):
        if not len(compared.pairs):
            continue
        if content.overall is None:
            parts += [element("h3", dataset)] * (len(content.compared) > 1)
            parts += _ranks(draft, dataset, compared)
        table = html_tables.pairs_table(compared, f"pairs-{place}")
        parts.append(details(f"Every two runs on {dataset}", table))
    return draft.section("differences", "Which differences are real", parts) if parts else None


def _ranks(draft: Draft, where: str, compared: Comparison) -> list[Html]:
    said = how_tested(compared)
    if compared.critical_difference is None:
        why = "Mean ranks are drawn of three runs or more with two results in common or more."
        return [note(*said), note(why)]
    about = f"Mean ranks on {where}; a bar joins runs within the critical difference"
    name = f"ranks {sum(own.startswith('ranks') for own in draft.figures)}"
    draft.figures[name] = ranks_figure(compared, draft.looks, about)
    bars = f"Mean ranks on {where}: a bar on the right joins runs within the critical difference."
    return [_figure(name), note(bars, *said)]


def costs(draft: Draft) -> Html | None:
    """Show what runs cost against how well they did; nothing of one run."""
    columns = chart_data.cost_and_quality(draft.rows)
    if not columns or len(columns["run"]) < 2:
        return None
    datasets = _each_once(columns["dataset"])
    known = [k for k in COSTS if any(value is not None for value in columns[k])]
    about = "What each run costs against its AUROC after the last task"
    draft.data["cost"] = columns
    draft.figures["cost"] = cost_figure(draft.looks, known[0], datasets[0], about)
    return draft.section(
        "cost",
        "Cost against quality",
        _controls(
            menu("cost", "cost_of", "Cost", {key: COSTS[key] for key in known}),
            menu("cost", "dataset", "Dataset", datasets),
        ),
        _figure("cost"),
    )


def matrices(draft: Draft) -> Html | None:
    """Show the result matrices, one run at a time."""
    columns = chart_data.result_matrices(draft.content)
    if not columns:
        return None
    shown = draft.content.score
    choices = {"dataset": _each_once(columns["dataset"]), "run": _each_once(columns["run"])}
    choices["score"] = sorted(_each_once(columns["score"]), key=lambda own: own != shown)
    _draw_matrix(draft, "matrix", columns, choices, (0.5, 1.0), "AUROC")
    said = f"Row i is after task i, column j the test group of task j: {_STEP}."
    return draft.section(
        "matrices",
        "Result matrices",
        _menus("matrix", choices),
        _figure("matrix"),
        note(said),
    )


def rates(draft: Draft) -> Html | None:
    """Show realised false-positive rates by task, of runs that have thresholds."""
    columns = chart_data.false_positive_rates(draft.content)
    if not columns:
        return None
    choices = {"dataset": _each_once(columns["dataset"]), "run": _each_once(columns["run"])}
    choices["target"] = _each_once(columns["target"])[::-1]
    _draw_matrix(draft, "rates", columns, choices, (0.0, 100.0), "False positives in %")
    said = (
        "Which share of each task's normal samples lies above the threshold that was set "
        "after each task, for a false-positive rate of the chosen target."
    )
    return draft.section(
        "rates",
        "Realised false-positive rates",
        _menus("rates", choices),
        _figure("rates"),
        note(said),
    )


def _draw_matrix(
    draft: Draft,
    name: str,
    columns: Columns,
    choices: Mapping[str, Sequence[str]],
    limits: tuple[float, float],
    what: str,
) -> None:
    """Draw the matrices that there are to choose from, and the first of each choice at first."""
    first = {key: values[0] for key, values in choices.items()}
    draft.data[name] = columns
    draft.figures[name] = matrix_figure(name, first, limits, max(columns["task"]), what)


def _menus(figure: str, choices: Mapping[str, Sequence[str]]) -> Html | None:
    menus = [menu(figure, key, key.capitalize(), values) for key, values in choices.items()]
    return _controls(*menus)


def _controls(*parts: Html) -> Html | None:
    return element("div", parts, class_="controls") if any(parts) else None


def _figure(name: str) -> Html:
    return element("div", data_figure=name, class_="figure")


def _each_once(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))
