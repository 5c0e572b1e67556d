"""The content of a run's pictures: its first replica, and the figure's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.words import NO_WORDS, Words
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.store.status import FALSE_POSITIVE_RATES_FILE, THRESHOLDS_FILE


@dataclass(frozen=True, eq=False)
class DrawnRun:
    """A finished run and the words that replace the figure's own."""

    results: RunFolder
    words: Words = NO_WORDS

    @property
    def pictures(self) -> Mapping[str, NDArray[Any]]:
        """Recordings of the first replica by name, see `PictureRecorder.arrays`."""
        return self.results.pictures

    @property
    def seed(self) -> int:
        """Seed of the first replica."""
        return int(self.pictures["seed"])

    @property
    def anomaly_class(self) -> object:
        """Anomaly class of the first replica."""
        return self.pictures["anomaly_class"].item()

    def scores(self, score: str) -> NDArray[np.float32]:
        """Return the scores of the first replica after every task, (tasks, n)."""
        return self.results.scores[score][0]

    @property
    def thresholds(self) -> pd.DataFrame:
        """Thresholds after every task, without rows if the run has none."""
        columns = ["anomaly_class", "seed", "task", "score", "target_fpr", "threshold"]
        none = pd.DataFrame(columns=columns)
        return self.results.threshold_tables.get(THRESHOLDS_FILE, none)

    @property
    def false_positive_rates(self) -> pd.DataFrame:
        """Realised rates of each task's normal samples after every task.

        Raises:
            InputError: the run has no thresholds.
        """
        rates = self.results.threshold_tables.get(FALSE_POSITIVE_RATES_FILE)
        if rates is None:
            raise InputError(
                f"{self.results.folder} has no {FALSE_POSITIVE_RATES_FILE}, because the run has no "
                f"thresholds. `cl-anomaly run --calibration 0.05` sets them from a held-out part "
                f"of each task's training samples."
            )
        return rates
