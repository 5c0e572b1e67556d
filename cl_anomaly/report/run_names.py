"""Name runs in figures and tables by the differences between them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.core.labels import Label, listed, ordered
from cl_anomaly.report.code_names import UNKNOWN, names_of_codes
from cl_anomaly.results.run_folder import RunFolder

# Runs that differ in one of these, in data or in code are not comparable.
_COMPARABLE = (
    "scenario",
    "task_order",
    "classes_per_task",
    "epochs",
    "steps",
    "batch_size",
    "model",
    "learning_rate",
    "precision",
)

Settings = dict[str, Any]
Panel = tuple[str, str]

_SEVERAL = "mean of anomaly classes "


def labelled(results: Sequence[RunFolder]) -> tuple[pd.DataFrame, list[str]]:
    """Put runs into one table, and name each by its difference from the others.

    Returns:
        Their metrics from `one_line`, with a column `run`, such as "gr, epochs 5", and different
        names in `dataset` for different data; and a sentence for each way in which the runs are
        not comparable.
    """
    datasets = _names_of_datasets(results)
    classes = [named_classes(run.anomaly_classes) for run in results]
    panels = list(zip(datasets, classes, strict=True))
    settings = [
        _settings(run) | {"code": code}
        for run, code in zip(results, names_of_codes(results), strict=True)
    ]
    names = _names(results, settings, panels)
    tables = [
        one_line(run.metrics).assign(run=name, dataset=dataset)
        for run, name, dataset in zip(results, names, datasets, strict=True)
    ]
    remarks = [*_about_panels(panels), *_about_settings(settings)]
    return pd.concat(tables, ignore_index=True), remarks


def one_line(metrics: pd.DataFrame) -> pd.DataFrame:
    """Replace seeds by anomaly classes in the metrics of a run that has several.

    `value` is then the mean over the seeds, `seed` its class, and `anomaly_class` names all.
    """
    classes = metrics["anomaly_class"].unique().tolist()
    if len(classes) < 2:
        return metrics
    keys = ["strategy", "dataset", "anomaly_class", "task", "score", "metric"]
    means = metrics.groupby(keys, sort=False, as_index=False)["value"].mean()
    return means.assign(seed=means["anomaly_class"], anomaly_class=named_classes(classes))


def named_classes(classes: Sequence[Label]) -> str:
    """Name a class by itself, and several as "mean of anomaly classes 0, 4"."""
    if len(classes) == 1:
        return str(classes[0])
    labels = ordered(classes)
    numbers = [label for label in labels if isinstance(label, int)]
    is_range = len(numbers) > 2 and labels == list(range(numbers[0], numbers[-1] + 1))
    return f"{_SEVERAL}{f'{labels[0]} to {labels[-1]}' if is_range else listed(labels)}"


def is_of_several(anomaly_class: object) -> bool:
    """Return whether text from `named_classes` names several."""
    return str(anomaly_class).startswith(_SEVERAL)


def headline_of(metrics: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the rows of the headline AUROC by one score.

    If the numbers of seeds differ, `run` gives them; after failures, for its first and last task.
    """
    headline = metrics[(metrics["metric"] == "auroc_seen") & (metrics["score"] == score)]
    numbers: dict[str, list[str]] = {}
    for (run, *_), values in headline.groupby(["run", "dataset", "anomaly_class"], sort=False):
        counts = values.groupby("task")["seed"].nunique()
        both = dict.fromkeys([int(counts.iloc[0]), int(counts.iloc[-1])])
        numbers.setdefault(str(run), []).append(" to ".join(map(str, both)))
    different = {number for of_run in numbers.values() for number in of_run}
    if len(different) < 2 and not any("to" in number for number in different):
        return headline
    names = {run: f"{run} (n = {', '.join(dict.fromkeys(ns))})" for run, ns in numbers.items()}
    return headline.assign(run=headline["run"].map(names))


def panels_of(headline: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Split runs by dataset and anomaly class, and name each part."""
    keys = ["dataset", "anomaly_class"]
    several = {key: headline[key].nunique() > 1 for key in keys}
    parts = []
    for (dataset, anomaly), rows in headline.groupby(keys, sort=False):
        words = [Path(str(dataset)).name] * several["dataset"]
        classes = str(anomaly) if is_of_several(anomaly) else f"anomaly class {anomaly}"
        words += [classes] * several["anomaly_class"]
        parts.append((", ".join(words), rows))
    return parts


def _names_of_datasets(results: Sequence[RunFolder]) -> list[str]:
    """Name a dataset by its file, and by its content if another has the same name."""
    names: dict[str, str] = {}
    for run in results:
        # The same data by another path is the same dataset.
        names.setdefault(run.data or run.dataset, run.dataset)
    contents = [(names[run.data or run.dataset], run.data) for run in results]
    known = [name for name, data in set(contents) if data]
    shared = {name for name in known if known.count(name) > 1}
    return [
        f"{name} (data {data[:8] or UNKNOWN})" if name in shared else name
        for name, data in contents
    ]


def _settings(results: RunFolder) -> Settings:
    config = results.settings
    return {name: config.get(name) for name in _COMPARABLE} | config.get("model_options", {})


def _options(results: RunFolder) -> Settings:
    return {"strategy": results.strategy_name} | results.settings.get("strategy_options", {})


def _names(
    results: Sequence[RunFolder], settings: Sequence[Settings], panels: Sequence[Panel]
) -> list[str]:
    names, different = [], _differing(settings)
    for run, setting in zip(results, settings, strict=True):
        namesakes = [_options(other) for other in results if other.name == run.name]
        options = {name: _options(run).get(name) for name in _differing(namesakes)}
        names.append(_extended(run.name, {n: setting.get(n) for n in different} | options))
    places = [f"{name}, {run.path.name}" for name, run in zip(names, results, strict=True)]
    seeds = [
        _extended(name, {"seeds": run.settings.get("seeds")})
        for name, run in zip(names, results, strict=True)
    ]
    paths = [f"{run.name}, {run.folder}" for run in results]
    for longer in (seeds, places, paths):
        names = _told_apart(names, longer, panels)
    return names


def _told_apart(names: Sequence[str], longer: Sequence[str], panels: Sequence[Panel]) -> list[str]:
    """Return longer names for lines of a panel with the same name, if these differ."""
    lines: dict[tuple[Panel, str], set[str]] = {}
    keys = list(zip(panels, names, strict=True))
    for key, name in zip(keys, longer, strict=True):
        lines.setdefault(key, set()).add(name)
    return [long if len(lines[key]) > 1 else key[1] for key, long in zip(keys, longer, strict=True)]


def _extended(name: str, settings: Settings) -> str:
    """Add settings to a name, except those in it already, as in "gr, 5 epochs"."""
    known = set(_words(name))
    for setting, value in settings.items():
        if value is None:
            continue
        term = _shown(value) if setting == "strategy" else f"{_spoken(setting)} {_shown(value)}"
        if not known.issuperset(_words(term)):
            name += f", {term}"
    return name


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,;:=()]+", text)


def _spoken(setting: str) -> str:
    return setting.replace("_", " ")


def _shown(value: Any) -> str:
    """Write a setting's value as on the command line: 1000 for 1000.0, 3,1,2 for a list."""
    if isinstance(value, bool) or not isinstance(value, float | list | tuple):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else ",".join(map(_shown, value)) or "none"


def _differing(settings: Sequence[Settings]) -> list[str]:
    names = dict.fromkeys(name for run in settings for name in run)
    # An option that one of them lacks, such as another model's, is not known to differ.
    shared = [name for name in names if all(name in run for run in settings)]
    return [n for n in shared if len({_hashable(run.get(n)) for run in settings}) > 1]


def _hashable(value: Any) -> str | None:
    return None if value is None else _shown(value)


def _about_panels(panels: Sequence[Panel]) -> list[str]:
    datasets, classes = (list(dict.fromkeys(names)) for names in zip(*panels, strict=True))
    what = [f"datasets ({listed(datasets)})"] * (len(datasets) > 1)
    what += [f"anomaly classes ({listed(classes)})"] * (len(classes) > 1)
    if not what:
        return []
    return [f"These runs have different {' and '.join(what)}: each has its own panel."]


def _about_settings(settings: Sequence[Settings]) -> list[str]:
    ways = [
        f"{_spoken(name)} ({', '.join(_values(name, settings))})" for name in _differing(settings)
    ]
    if not ways:
        return []
    *others, last = ways
    differences = f"{', '.join(others)} and {last}" if others else last
    return [f"These runs differ in {differences}: the legend says which is which."]


def _values(name: str, settings: Sequence[Settings]) -> list[str]:
    values = dict.fromkeys(_hashable(run.get(name)) for run in settings)
    # Code has a name only if runs differ in it.
    return [v or UNKNOWN for v in values if v or name != "code"]
