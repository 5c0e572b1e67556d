"""MLflow: a SQLite file on this machine, or the store that $MLFLOW_TRACKING_URI names."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.listeners.trackers.base import LOSS, End, TrackedRun, Tracker

_EXPERIMENT = "cl-anomaly"
_ID = "cl_anomaly.id"
_STATUS: Mapping[End, str] = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
_MOST_AT_ONCE = 100  # parameters, by MLflow's own limit
_MOST_METRICS_AT_ONCE = 500


class MLflow(Tracker):
    """Write STORE/mlflow.db, and files into STORE/mlflow.

    `mlflow ui --backend-store-uri sqlite:///STORE/mlflow.db` shows them. If $MLFLOW_TRACKING_URI is
    set, it writes there; $MLFLOW_EXPERIMENT_NAME names the experiment, by default `cl-anomaly`.
    MLflow's telemetry is off, unless $MLFLOW_DISABLE_TELEMETRY says otherwise.
    """

    def start(self, run: TrackedRun) -> Mapping[str, int]:
        """Find the run by its id, or make one."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        client = import_module("mlflow").MlflowClient
        self._run = run
        uri, artifacts = os.environ.get("MLFLOW_TRACKING_URI"), None
        if not uri:
            run.store.mkdir(parents=True, exist_ok=True)
            store = run.store.resolve()
            uri, artifacts = f"sqlite:///{store / 'mlflow.db'}", store / "mlflow"
        self._client = client(tracking_uri=uri)
        experiment = self._experiment(artifacts)
        runs = self._client.search_runs([experiment], f"tags.`{_ID}` = '{run.id}'", max_results=1)
        if runs:
            self._id = runs[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return self._last_steps(runs[0].data.metrics)
        new = self._client.create_run(experiment, tags={_ID: run.id}, run_name=run.name)
        self._id = new.info.run_id
        self._write_settings(run.settings)
        return {}

    def _experiment(self, artifacts: Path | None) -> str:
        """Return the experiment's id; another process may be making it at this moment."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        if (experiment := self._client.get_experiment_by_name(name)) is None:
            place = artifacts.as_uri() if artifacts else None
            with suppress(Exception):
                return self._client.create_experiment(name, artifact_location=place)
            experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            raise RuntimeError(f"the experiment {name} could not be made")
        return experiment.experiment_id

    def _last_steps(self, names: Mapping[str, float]) -> dict[str, int]:
        return {
            name: max(value.step for value in self._client.get_metric_history(self._id, name))
            for name in names
        }

    def _write_settings(self, settings: Mapping[str, Any]) -> None:
        param = import_module("mlflow.entities").Param
        parameters = [param(name, str(value)) for name, value in settings.items()]
        for start in range(0, len(parameters), _MOST_AT_ONCE):
            self._client.log_batch(self._id, params=parameters[start : start + _MOST_AT_ONCE])

    def loss(self, step: int, value: float) -> None:
        """Write a metric."""
        self._client.log_metric(self._id, LOSS, value, step=step)

    def task(self, number: int, values: Mapping[str, float]) -> None:
        """Write metrics."""
        metric, now = import_module("mlflow.entities").Metric, int(time.time() * 1000)
        metrics = [metric(name, value, now, number) for name, value in values.items()]
        for start in range(0, len(metrics), _MOST_METRICS_AT_ONCE):
            self._client.log_batch(self._id, metrics=metrics[start : start + _MOST_METRICS_AT_ONCE])

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Write pictures/NAME/STEP.png; one that was there is replaced."""
        self._client.log_image(self._id, image, artifact_file=f"pictures/{name}/{step:03}.png")

    def end(self, how: End) -> None:
        """Store the run's files as artefacts, and its status."""
        if how == "finished":
            for file in self._run.results():
                self._client.log_artifact(self._id, str(file), "run")
        self._client.set_terminated(self._id, _STATUS[how])
