"""A sentence about the runs, made from their settings."""

from typing import Any

from cl_anomaly.core.labels import listed
from cl_anomaly.report.page.content import Content
from cl_anomaly.report.run_names import named_classes

_MOST_NAMES = 8


def what_was_run(content: Content) -> str:
    """Describe the runs, datasets and shared settings."""
    names, runs = content.lines, len(content.runs)
    shown = listed(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        shown += f" and {len(names) - _MOST_NAMES} more"
    who = f"The strategy {names[0]}" if runs == 1 else f"{runs:,} runs ({shown})"
    *others, last = content.datasets
    datasets = f"{listed(others)} and {last}" if others else last
    model = _shared(content, "model")
    settings = [
        _classes(content),
        _seeds(_shared(content, "seeds")),
        _length(_shared(content, "epochs"), _shared(content, "steps")),
        f"model {model}" if model else "different models",
    ]
    return f"{who} learnt {datasets} task by task: {'; '.join(filter(None, settings))}."


def _shared(content: Content, setting: str) -> Any:
    """Return a setting that all runs share, or None."""
    first, *others = (entry.config.get(setting) for entry in content.entries)
    return first if all(value == first for value in others) else None


def _classes(content: Content) -> str:
    sets = {entry.results.anomaly_classes for entry in content.with_results if entry.results}
    if len(sets) != 1:
        return f"{len(sets)} different sets of anomaly classes" if sets else ""
    (classes,) = sets
    if classes == ("own",):
        return "each task brings its own anomalies"
    if len(classes) == 1:
        return f"anomaly class {classes[0]}"
    return f"anomaly classes {named_classes(classes).rpartition(' classes ')[2]} in turn"


def _seeds(seeds: Any) -> str:
    if not isinstance(seeds, list):
        return "different seeds"
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {listed(seeds)}"


def _length(epochs: int | None, steps: int | None) -> str:
    if steps:
        return f"{steps:,} step{'s' * (steps != 1)} for each task"
    if not epochs:
        return "different numbers of epochs"
    return f"{epochs} epoch{'s' * (epochs != 1)} for each task"
