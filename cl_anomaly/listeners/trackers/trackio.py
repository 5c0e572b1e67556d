"""Trackio: a SQLite file on this machine, or what its own environment variables name."""

import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.listeners.trackers.base import LOSS, End, TrackedRun, Tracker

_PROJECT = "cl-anomaly"
_KIND = "run"


class Trackio(Tracker):
    """Write STORE/trackio, which `TRACKIO_DIR=STORE/trackio trackio show` shows.

    $TRACKIO_DIR replaces that folder; if $TRACKIO_SPACE_ID or $TRACKIO_SERVER_URL is
    set, Trackio sends the run there.
    """

    def start(self, run: TrackedRun) -> Mapping[str, int]:
        """Begin a run, or resume the one whose name ends with the id."""
        os.environ.setdefault("TRACKIO_DIR", str(run.store.resolve() / "trackio"))
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.makedirs(os.environ["TRACKIO_DIR"], exist_ok=True)
        self._library = import_module("trackio")
        self._run, self._warnings = run, list[str]()
        self._hear_warnings()
        names: list[str] = []
        with suppress(ValueError):  # of a project that has no runs yet
            names = [tracked.name for tracked in self._library.Api().runs(_PROJECT)]
        name = next((known for known in names if known.endswith(f"-{run.id}")), run.label)
        self._tracked = self._library.init(
            project=_PROJECT,
            name=name,
            config=dict(run.settings),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        self._raise_warnings()
        return _last_steps(name) if name in names else {}

    def _hear_warnings(self) -> None:
        """Collect Trackio's warnings: it raises no errors, and writes in threads."""
        warnings.simplefilter("always")

        def hear(message: Warning | str, *_: Any) -> None:
            if "trackio" in str(message).lower():
                self._warnings.append(str(message))

        warnings.showwarning = hear

    def _raise_warnings(self) -> None:
        if self._warnings:
            first, self._warnings = self._warnings[0], []
            raise RuntimeError(first)

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        self._tracked.log(dict(values), step=step)
        self._raise_warnings()

    def loss(self, step: int, value: float) -> None:
        """Write a metric."""
        self._log(step, {LOSS: value})

    def task(self, number: int, values: Mapping[str, float]) -> None:
        """Write metrics."""
        self._log(number, values)

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Write an image."""
        self._log(step, {name: self._library.Image(image)})

    def end(self, how: End) -> None:
        """Store the run's files as an artefact, and wait until all is written."""
        if how == "finished":
            artefact = self._library.Artifact(self._run.label, type=_KIND)
            for file in self._run.results():
                artefact.add_file(file)
            self._tracked.log_artifact(artefact)
        self._library.finish()
        self._raise_warnings()


def _last_steps(run: str) -> dict[str, int]:
    """Return the last step of each recorded name."""
    storage, last = import_module("trackio.sqlite_storage").SQLiteStorage, dict[str, int]()
    for row in storage.get_logs(_PROJECT, run):
        for name in row.keys() - {"step", "timestamp"}:
            last[name] = max(last.get(name, -1), row["step"])
    return last
