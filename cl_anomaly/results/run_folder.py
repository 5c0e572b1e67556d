"""A run on disk or just finished. Imports no PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label, listed
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.results.printed import as_html, lines_of, table_of
from cl_anomaly.results.run_files import RunFiles
from cl_anomaly.settings.run_config import ResolvedConfig

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from cl_anomaly.detector import Detector
    from cl_anomaly.scenarios.base import Replica
    from cl_anomaly.statistics.aurocs import Aurocs

    Floats = NDArray[np.float64]

_FROM_METRICS = ("has_results", "headline", "s", "untrained", "seen", "_aurocs")


class RunFolder(RunFiles):
    """A run with its results.

    Args:
        folder: None if nothing was kept, and of a run without results.
        name: in its comparison or suite. Default: its strategy's.
        method: its line of the table. Default: its name.
        failure: why it, or which of its replicas, has no results, from its suite.
        known: parts by name that need not be read.
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
        super().__init__(folder, **known)
        self._name, self._method, self.failure = name, method, failure

    def but(self, **parts: Any) -> Self:
        """Return a copy with other parts, such as another `name`."""
        other = copy.copy(self)
        for name in _FROM_METRICS if "metrics" in parts else ():
            other.__dict__.pop(name, None)
        for name in {"name", "method"} & parts.keys():
            setattr(other, f"_{name}", parts.pop(name))
        other.__dict__.update(parts)
        return other

    @property
    def name(self) -> str:
        """Name in its comparison or suite, or its strategy's."""
        return self._name or self.strategy_name

    @property
    def method(self) -> str:
        """Name of its line in the table."""
        return self._method or self.name

    @cached_property
    def has_results(self) -> bool:
        """Whether something was measured."""
        return ("metrics" in self.__dict__ or self.folder is not None) and len(self.metrics) > 0

    @cached_property
    def strategy_name(self) -> str:
        """Name of its strategy in results."""
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
        """SHA-256 of its data; empty if not recorded."""
        return str(self.environment.get("data_sha256") or "")

    @property
    def anomaly_classes(self) -> tuple[Label, ...]:
        """Classes that are the anomaly in turn."""
        return tuple(self.metrics["anomaly_class"].unique().tolist())

    @property
    def score(self) -> str:
        """Name of the shown score."""
        return shown_score(self.settings)

    @cached_property
    def replicas(self) -> list[Replica]:
        """All R replicas, class after class: the order of every array."""
        from cl_anomaly.scenarios.by_replica import make_replicas

        return make_replicas(self.config)

    @cached_property
    def headline(self) -> dict[str, Floats]:
        """By score, (R, N), all anomalies against all normal samples so far, after each task.

        NaN after a replica has failed.
        """
        return _by_score([aurocs.headline for aurocs in self._aurocs])

    @cached_property
    def s(self) -> dict[str, Floats]:
        """By score, (R, N, N), result matrices: AUROC after task i on the test group of task j."""
        return _by_score([aurocs.s for aurocs in self._aurocs])

    @cached_property
    def untrained(self) -> dict[str, Floats]:
        """By score, (R, N), AUROC on each task's test group before the first task.

        Only of scores that keep no statistics.
        """
        return _by_score([aurocs.untrained for aurocs in self._aurocs])

    @cached_property
    def seen(self) -> dict[str, dict[str, Floats]]:
        """By metric and score, (R, N), other measures of all tasks so far."""
        return {
            metric: _by_score([aurocs.seen[metric] for aurocs in self._aurocs])
            for metric in (self._aurocs[0].seen if self._aurocs else ())
        }

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
        """Describe it and its headline AUROC after each task."""
        return "\n".join([self._title(), *lines_of(self.table), *map(str, self.failures)])

    def _repr_html_(self) -> str:
        return as_html(" ".join([f"{self._title()}.", *map(str, self.failures)]), self.table)

    def _title(self) -> str:
        anomalies = listed(dict.fromkeys(replica.anomaly_class for replica in self.replicas))
        return (
            f"{self.strategy_name} on {self.dataset}, "
            f"anomaly class {anomalies}, seeds {listed(self.config.seed_list)}: "
            f"AUROC after each task ({self.score}, mean ± s.d.)"
        )

    @cached_property
    def _aurocs(self) -> list[Aurocs]:
        from cl_anomaly.statistics.aurocs import read_aurocs

        return read_aurocs(self.metrics.assign(run=""))


def shown_score(settings: Mapping[str, Any]) -> str:
    """Return the score that these settings show."""
    given = settings.get("score") or ResolvedConfig.score
    return str(given[0] if isinstance(given, list) else given)


def read_run(folder: str | Path) -> RunFolder:
    """Read a finished run, and check that its files are whole.

    Args:
        folder: such as `results/digits-gr-1a2b3c4d`.

    Raises:
        DamagedError: a file was changed or cut.
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
