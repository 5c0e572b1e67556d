"""Trackers of runs by name, one file each; a tracker imports its library when it is used.

Another package offers one by an entry point in the group `cl_anomaly.trackers`: a subclass of
`cl_anomaly.listeners.trackers.base.Tracker`, which needs no arguments.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import did_you_mean

TRACKERS_GROUP = "cl_anomaly.trackers"
_CLASSES = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "trackio": "Trackio"}


def tracker_names() -> list[str]:
    """Return the names of this folder's trackers and of those in installed packages."""
    return [*_CLASSES, *sorted(entry_points(group=TRACKERS_GROUP).names - _CLASSES.keys())]


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without repetition; raise InputError for unknown ones; import nothing."""
    known = tracker_names()
    for name in names:
        if name not in known:
            raise InputError(
                setting="track",
                expected=f"to name trackers, of {', '.join(known)}",
                got=repr(name),
                hint=did_you_mean(name, known).strip(),
            )
    return tuple(dict.fromkeys(names))


def missing_library(name: str) -> str | None:
    """Describe what to install if the library of a tracker of this folder is missing."""
    # Trackers have the names of their libraries.
    if name not in _CLASSES or find_spec(name) is not None:
        return None
    return (
        f"Nothing is tracked by {name}: its library is not installed. "
        f'`pip install "cl-anomaly[{name}]"` installs it.'
    )


def load_tracker(name: str) -> Any:
    """Import a tracker's class; raise whatever its module raises."""
    if name in _CLASSES:
        return getattr(import_module(f"{__name__}.{name}"), _CLASSES[name])
    return entry_points(group=TRACKERS_GROUP)[name].load()
