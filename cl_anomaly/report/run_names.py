"""Names of runs in figures and tables: the differences between them, and no more."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.core.labels import Label, listed, ordered
from cl_anomaly.report.code_names import UNKNOWN, names_of_codes
from cl_anomaly.results.run_folder import RunFolder

# Runs that differ in one of these, in their data or in their code were not made alike.
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

    Args:
        results: one or more runs.

    Returns:
        Their metrics, each as of `one_line`, with a column `run`, such as "gr, epochs 5", and with
        a name of its own in `dataset` for each different data; and a sentence for each way in
        which they are not comparable.
    """
    datasets = _names_of_datasets(results)
    classes = [named_classes(own.anomaly_classes) for own in results]
    panels = list(zip(datasets, classes, strict=True))
    settings = [
        _settings(own) | {"code": code}
        for own, code in zip(results, names_of_codes(results), strict=True)
    ]
    names = _names(results, settings, panels)
    tables = [
        one_line(own.metrics).assign(run=name, dataset=dataset)
        for own, name, dataset in zip(results, names, datasets, strict=True)
    ]
    remarks = [*_about_panels(panels), *_about_settings(settings)]
    return pd.concat(tables, ignore_index=True), remarks


def one_line(metrics: pd.DataFrame) -> pd.DataFrame:
    """Take the mean of each anomaly class for a sample, where a run has several.

    Args:
        metrics: of one run, in tidy form.

    Returns:
        The same for one class. For several, `value` is the mean over the seeds, `seed` is the class
        that it is of, and `anomaly_class` is text that names them all.
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
    own = ordered(classes)
    numbers = [label for label in own if isinstance(label, int)]
    is_whole = len(numbers) > 2 and own == list(range(numbers[0], numbers[-1] + 1))
    return f"{_SEVERAL}{f'{own[0]} to {own[-1]}' if is_whole else listed(own)}"


def is_of_several(anomaly_class: object) -> bool:
    """Return whether what stands for the anomaly class names several."""
    return str(anomaly_class).startswith(_SEVERAL)


def headline_of(metrics: pd.DataFrame, score: str) -> pd.DataFrame:
    """Pick the headline AUROC by one score; runs of unlike numbers of seeds say how many.

    Args:
        metrics: in tidy form, with a column `run`.
        score: which of the scores.

    Returns:
        Its rows. Where replicas failed, a run says of how many its first and its last task are.
    """
    headline = metrics[(metrics["metric"] == "auroc_seen") & (metrics["score"] == score)]
    numbers: dict[str, list[str]] = {}
    for (run, *_), values in headline.groupby(["run", "dataset", "anomaly_class"], sort=False):
        counts = values.groupby("task")["seed"].nunique()
        both = dict.fromkeys([int(counts.iloc[0]), int(counts.iloc[-1])])
        numbers.setdefault(str(run), []).append(" to ".join(map(str, both)))
    different = {number for own in numbers.values() for number in own}
    if len(different) < 2 and not any("to" in number for number in different):
        return headline
    names = {n: f"{n} (n = {', '.join(dict.fromkeys(own))})" for n, own in numbers.items()}
    return headline.assign(run=headline["run"].map(names))


def panels_of(headline: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Divide runs by dataset and anomaly class, and name each part."""
    keys = ["dataset", "anomaly_class"]
    several = {key: headline[key].nunique() > 1 for key in keys}
    parts = []
    for (dataset, anomaly), rows in headline.groupby(keys, sort=False):
        words = [Path(str(dataset)).name] * several["dataset"]
        named = str(anomaly) if is_of_several(anomaly) else f"anomaly class {anomaly}"
        words += [named] * several["anomaly_class"]
        parts.append((", ".join(words), rows))
    return parts


def _names_of_datasets(results: Sequence[RunFolder]) -> list[str]:
    """Name a dataset by its file, and by its content too where two have the same name."""
    names: dict[str, str] = {}
    for own in results:
        # The same data by another path is the same dataset.
        names.setdefault(own.data or own.dataset, own.dataset)
    contents = [(names[own.data or own.dataset], own.data) for own in results]
    known = {content for content in contents if content[1]}
    shared = {name for name, _ in known if [each for each, _ in known].count(name) > 1}
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
    for own, setting in zip(results, settings, strict=True):
        namesakes = [_options(other) for other in results if other.name == own.name]
        options = {name: _options(own).get(name) for name in _differing(namesakes)}
        names.append(_extended(own.name, {n: setting.get(n) for n in different} | options))
    places = [f"{name}, {own.path.name}" for name, own in zip(names, results, strict=True)]
    seeds = [
        _extended(name, {"seeds": own.settings.get("seeds")})
        for name, own in zip(names, results, strict=True)
    ]
    paths = [f"{own.name}, {own.folder}" for own in results]
    for longer in (seeds, places, paths):
        names = _told_apart(names, longer, panels)
    return names


def _told_apart(names: Sequence[str], longer: Sequence[str], panels: Sequence[Panel]) -> list[str]:
    """Take longer names for those lines of a panel that are called the same, where they help."""
    lines: dict[tuple[Panel, str], set[str]] = {}
    keys = list(zip(panels, names, strict=True))
    for key, name in zip(keys, longer, strict=True):
        lines.setdefault(key, set()).add(name)
    return [long if len(lines[key]) > 1 else key[1] for key, long in zip(keys, longer, strict=True)]


def _extended(name: str, settings: Settings) -> str:
    """Add settings to a name, but for those that it says already, as in "gr, 5 epochs"."""
    said = set(_words(name))
    for setting, value in settings.items():
        if value is None:
            continue
        term = _shown(value) if setting == "strategy" else f"{_spoken(setting)} {_shown(value)}"
        if not said.issuperset(_words(term)):
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
    names = dict.fromkeys(name for own in settings for name in own)
    # What one of them does not have, such as an option of another model, is not known to differ.
    shared = [name for name in names if all(name in own for own in settings)]
    return [n for n in shared if len({_hashable(own.get(n)) for own in settings}) > 1]


def _hashable(value: Any) -> str | None:
    return None if value is None else _shown(value)


def _about_panels(panels: Sequence[Panel]) -> list[str]:
    datasets, classes = (list(dict.fromkeys(each)) for each in zip(*panels, strict=True))
    what = [f"datasets ({', '.join(map(str, datasets))})"] * (len(datasets) > 1)
    what += [f"anomaly classes ({', '.join(map(str, classes))})"] * (len(classes) > 1)
    if not what:
        return []
    return [f"These runs are of different {' and '.join(what)}: each has a panel of its own."]


def _about_settings(settings: Sequence[Settings]) -> list[str]:
    ways = [
        f"{_spoken(name)} ({', '.join(_values(name, settings))})" for name in _differing(settings)
    ]
    if not ways:
        return []
    said = " and ".join([*([", ".join(ways[:-1])] if ways[1:] else []), ways[-1]])
    return [f"These runs differ in {said}: the legend says which is which."]


def _values(name: str, settings: Sequence[Settings]) -> list[str]:
    values = dict.fromkeys(_hashable(own.get(name)) for own in settings)
    # Code has a name only where there is other code.
    return [v or UNKNOWN for v in values if v or name != "code"]
