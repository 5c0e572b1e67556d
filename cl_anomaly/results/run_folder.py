"""A run: every part is read from its folder when it is asked for, and kept. Imports no PyTorch."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json_if_there
from cl_anomaly.core.labels import Label
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.results.printed import html_of, lines_of, table_of
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.store.arrays import Arrays
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.fingerprint import OWN_FILE
from cl_anomaly.store.metrics import read_metrics
from cl_anomaly.store.status import (
    CONFIG_FILE,
    COST_FILE,
    ENVIRONMENT_FILE,
    FALSE_POSITIVE_RATES_FILE,
    LOSSES_FILE,
    PICTURES_FILE,
    SCORES_FILE,
    THRESHOLDS_FILE,
    TIMING_FILE,
    Failure,
    Status,
    holds_several_runs,
    recorded_failures,
    recorded_notes,
    status_of,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from cl_anomaly.detector import Detector
    from cl_anomaly.scenarios.base import Replica
    from cl_anomaly.statistics.aurocs import Aurocs

    Floats = NDArray[np.float64]

# What `scores.npz` says beside the scores.
_NO_SCORES = frozenset({"labels", "test_indices", "seeds", "anomaly_classes"})


class RunFolder:
    """A run with all that came of it.

    Args:
        folder: its own; None if nothing of it was kept, and of a run without results.
        name: what its comparison or suite calls it. Default: what its strategy is called.
        method: the line of the table that it is part of. Default: its name.
        failure: why it has no results, or which of its replicas have none, as a suite says it.
        known: parts by name that are known already, and not read.
    """

    def __init__(
        self,
        folder: Path | None,
        name: str = "",
        *,
        method: str = "",
        failure: str | None = None,
        **known: Any,
    ) -> None:
        self.folder, self._name, self._method, self.failure = folder, name, method, failure
        self.__dict__.update(known)

    def but(self, **parts: Any) -> Self:
        """Return the same run with other parts, such as another `name`."""
        other = copy.copy(self)
        for own in ("name", "method"):
            if own in parts:
                setattr(other, f"_{own}", parts.pop(own))
        other.__dict__.update(parts)
        return other

    @property
    def name(self) -> str:
        """What its comparison or suite calls it, or what its strategy is called."""
        return self._name or self.strategy_name

    @property
    def method(self) -> str:
        """The line of the table that it is part of."""
        return self._method or self.name

    @property
    def path(self) -> Path:
        """Its folder.

        Raises:
            InputError: it has none.
        """
        if self.folder is None:
            raise InputError(f"Expected a folder of {self._name or 'the run'}, but it has none.")
        return self.folder

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Its configuration as JSON holds it; of a member of a comparison, what is known of it."""
        return read_configuration(self.path / CONFIG_FILE)

    @cached_property
    def config(self) -> ResolvedConfig:
        """Its configuration, with every default filled in."""
        if holds_several_runs(self.settings):
            raise InputError(
                f"Expected {self.folder} to be a run's, but it is a comparison's. Its runs lie "
                f"beside it."
            )
        known = {field.name for field in dataclasses.fields(ResolvedConfig)}
        try:
            return ResolvedConfig(**{k: v for k, v in self.settings.items() if k in known})
        except TypeError as error:
            path = self.path / CONFIG_FILE
            raise InputError(f"Expected {path} to hold a run: {error}.") from error

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The machine, versions, data and code; empty if nothing was recorded."""
        return {} if self.folder is None else read_json_if_there(self.folder / ENVIRONMENT_FILE)

    @property
    def status(self) -> Status:
        """How it is doing."""
        return status_of(self.path)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """All that was measured in tidy form, with METRICS_COLUMNS."""
        return read_metrics(self.path)

    @cached_property
    def has_results(self) -> bool:
        """Whether something was measured."""
        return ("metrics" in self.__dict__ or self.folder is not None) and len(self.metrics) > 0

    @cached_property
    def strategy_name(self) -> str:
        """What its strategy is called in results."""
        if self.has_results:
            return str(self.metrics["strategy"].iloc[0])
        return str(self.settings.get("strategy")).rpartition(":")[2]

    @cached_property
    def dataset(self) -> str:
        """The dataset's name, or that of its file without folder and ending."""
        known = self.metrics["dataset"].iloc[0] if self.has_results else None
        return short_name(str(known or self.settings.get("dataset")))

    @property
    def data(self) -> str:
        """The SHA-256 of its data; empty if it was not recorded."""
        return str(self.environment.get("data_sha256") or "")

    @property
    def anomaly_classes(self) -> tuple[Label, ...]:
        """The classes that are the anomaly, in turn."""
        return tuple(self.metrics["anomaly_class"].unique().tolist())

    @property
    def score(self) -> str:
        """The score that it was made to show."""
        return shown_score(self.settings)

    @cached_property
    def replicas(self) -> list[Replica]:
        """R of them, class after class: the order of every array."""
        from cl_anomaly.scenarios.replicas import make_replicas

        return make_replicas(self.config)

    @cached_property
    def headline(self) -> dict[str, Floats]:
        """By score, (R, N), all anomalies against all normal samples so far, after each task.

        NaN from where a replica failed.
        """
        return _by_score([each.headline for each in self._aurocs])

    @cached_property
    def s(self) -> dict[str, Floats]:
        """By score, (R, N, N), result matrices: AUROC after task i on the test group of task j."""
        return _by_score([each.s for each in self._aurocs])

    @cached_property
    def untrained(self) -> dict[str, Floats]:
        """By score, (R, N), AUROC on each task's test group before the first task.

        Only of scores that keep no statistics.
        """
        return _by_score([each.untrained for each in self._aurocs])

    @cached_property
    def seen(self) -> dict[str, dict[str, Floats]]:
        """By metric and score, (R, N), what else is measured of all tasks so far."""
        aurocs = self._aurocs
        return {
            metric: _by_score([each.seen[metric] for each in aurocs])
            for metric in (aurocs[0].seen if aurocs else ())
        }

    @cached_property
    def scores(self) -> Mapping[str, NDArray[np.float32]]:
        """By score, (R, tasks, n), of the test set after each task."""
        return Arrays(self._part(SCORES_FILE), without=_NO_SCORES)

    @cached_property
    def test_labels(self) -> NDArray[Any]:
        """Labels of the scored samples, (n,): whole numbers, or text if the classes have names."""
        return self._scored["labels"]

    @cached_property
    def test_indices(self) -> NDArray[np.int64]:
        """Places of the scored samples in the dataset's test set, (n,)."""
        return self._scored["test_indices"]

    @cached_property
    def pictures(self) -> Mapping[str, NDArray[Any]]:
        """What only pictures need, of the first replica; see `PictureRecorder.arrays`."""
        return Arrays(self._part(PICTURES_FILE))

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Mean loss of each epoch of every replica: anomaly_class, seed, task, epoch, loss."""
        import pandas as pd

        return pd.read_csv(self._part(LOSSES_FILE))

    @cached_property
    def threshold_tables(self) -> dict[str, pd.DataFrame]:
        """Thresholds and false-positive rates by file name; empty if nothing was kept aside."""
        import pandas as pd

        files = [self.path / name for name in (THRESHOLDS_FILE, FALSE_POSITIVE_RATES_FILE)]
        there = [file for file in files if file.exists()]
        return {file.name: pd.read_csv(file, dtype={"classes": str}) for file in there}

    @cached_property
    def timing(self) -> dict[str, Any]:
        """Seconds of each task, samples per second, peak memory; empty if it was not recorded."""
        return {} if self.folder is None else read_json_if_there(self.folder / TIMING_FILE)

    @cached_property
    def cost(self) -> dict[str, Any]:
        """Seconds, samples, operations and bytes, see `cost_of`; empty if it was not recorded."""
        return {} if self.folder is None else read_json_if_there(self.folder / COST_FILE)

    @cached_property
    def failures(self) -> list[Failure]:
        """Replicas that have no results after some task."""
        return [Failure(**own) for own in recorded_failures(self.path)]

    @cached_property
    def notes(self) -> list[str]:
        """Sentences about what came of the tasks, such as those that returned."""
        return recorded_notes(self.path)

    @cached_property
    def strategy_source(self) -> str | None:
        """The strategy's file, as it was when it was loaded; None if it is not from a file."""
        path = self.path / OWN_FILE
        return path.read_text(encoding="utf-8") if path.exists() else None

    @cached_property
    def made_from(self) -> dict[str, Any]:
        """What the detector is made from, beside its weights; see `detector.Blueprint`."""
        return self._trained[0]

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights of the model after the last task, by parameter, (R, ...)."""
        return {name: tensor.numpy() for name, tensor in self._trained[1].items()}

    @cached_property
    def statistics(self) -> dict[str, NDArray[np.float32]]:
        """Statistics that scores keep of the tasks, (R, ...), by `score.NAME.KEY`."""
        return {name: tensor.numpy() for name, tensor in self._trained[2].items()}

    def detector(self, device: str = "cpu") -> Detector:
        """Return the trained detector.

        Args:
            device: "auto", "cpu" or "cuda".

        Raises:
            InputError: the run kept no weights, or the device is not there.
        """
        import torch

        from cl_anomaly.detector import Detector

        if not self.weights:
            raise InputError("Expected a run with weights, but this one kept none.")
        weights, statistics = (
            {name: torch.from_numpy(array) for name, array in arrays.items()}
            for arrays in (self.weights, self.statistics)
        )
        return Detector.rebuilt(self.made_from, weights, statistics, device)

    @property
    def table(self) -> pd.DataFrame:
        """The headline AUROC after each task by the shown score: task, mean, sd, replicas.

        `sd` is a sample's, over the replicas.
        """
        return table_of(self.headline.get(self.score))

    def __repr__(self) -> str:
        """Describe in about ten lines what was run, and the headline AUROC after each task."""
        return "\n".join(lines_of(self))

    def _repr_html_(self) -> str:
        return html_of(self)

    def _part(self, name: str) -> Path:
        """Return the path of one of its files.

        Raises:
            InputError: the run has none.
        """
        if not (self.path / name).exists():
            raise InputError(f"Expected {self.folder} to have a {name}, but it has none.")
        return self.path / name

    @cached_property
    def _scored(self) -> Arrays:
        return Arrays(self._part(SCORES_FILE))

    @cached_property
    def _aurocs(self) -> list[Aurocs]:
        from cl_anomaly.statistics.aurocs import read_aurocs

        return read_aurocs(self.metrics.assign(run=""))

    @cached_property
    def _trained(self) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
        from cl_anomaly.store.detectors import read_detector

        return read_detector(self.path)


def shown_score(settings: Mapping[str, Any]) -> str:
    """Return the score that a run with these settings shows."""
    given = settings.get("score") or ResolvedConfig.score
    return str(given[0] if isinstance(given, list) else given)


def read_run(folder: str | Path) -> RunFolder:
    """Read a finished run, whose files are made sure to be whole.

    Args:
        folder: the run's, such as `results/digits-gr-1a2b3c4d`.

    Raises:
        DamagedError: a file is not what was written.
        InputError: there is no finished run.
    """
    run = RunFolder(Path(folder))
    _ = run.metrics, run.config
    return run


def _by_score(parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Put the arrays of all anomaly classes together, class after class."""
    import numpy as np

    scores = parts[0] if parts else {}
    return {score: np.concatenate([part[score] for part in parts]) for score in scores}
