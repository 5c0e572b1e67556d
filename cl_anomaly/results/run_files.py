"""The files of a run's folder, each read when it is asked for, and kept. Imports no PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json_if_there
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

    Floats = NDArray[np.float64]

# What `scores.npz` says beside the scores.
_NO_SCORES = frozenset({"labels", "test_indices", "seeds", "anomaly_classes"})


class RunFiles:
    """What lies in a run's folder.

    Args:
        folder: its own; None if nothing of it was kept, and of a run without results.
        known: parts by name that are known already, and not read.
    """

    def __init__(self, folder: Path | None, **known: Any) -> None:
        self.folder = folder
        self.__dict__.update(known)

    @property
    def path(self) -> Path:
        """Its folder.

        Raises:
            InputError: it has none.
        """
        if self.folder is None:
            raise InputError("Expected a run with a folder, but it has none.")
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
        return [Failure(**failure) for failure in recorded_failures(self.path)]

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
    def _trained(self) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
        from cl_anomaly.store.detectors import read_detector

        return read_detector(self.path)
