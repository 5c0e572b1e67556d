"""What a finished run has recorded beside its metrics: read for pictures, when one asks for it."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.store.files import DamagedError
from cl_anomaly.store.finished import RunResults

SCORES_FILE = "scores.npz"
PICTURES_FILE = "pictures.npz"
LOSSES_FILE = "losses.csv"
THRESHOLDS_FILE = "thresholds.csv"
FALSE_POSITIVE_RATES_FILE = "false_positive_rates.csv"

_GONE = "It was removed: the same command with `--again` makes it anew."
_CALIBRATE = (
    "The run has no thresholds: `cl-anomaly run --calibration 0.05` keeps a part of each task's "
    "training samples aside, and sets them."
)


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A finished run, as pictures need it.

    Attributes:
        results: its metrics and settings.
        title: that a picture has in place of its own; empty for that.
        task_names: of the tasks, in order, in place of their classes; empty for these.
    """

    results: RunResults
    title: str = ""
    task_names: tuple[str, ...] = ()
    _scores: dict[str, NDArray[Any]] = field(default_factory=dict, init=False)

    @cached_property
    def pictures(self) -> dict[str, NDArray[Any]]:
        """What was kept of the first replica by name, see `runs.PictureRecorder.arrays`.

        Raises:
            InputError: nothing was.
        """
        return read_arrays(self._file(PICTURES_FILE, _GONE))

    def _of_scores(self, name: str) -> NDArray[Any]:
        """Read one array of the scores' file, once: all of them may be large."""
        if name not in self._scores:
            self._scores.update(read_arrays(self._file(SCORES_FILE, _GONE), {name}))
        return self._scores[name]

    @property
    def seed(self) -> int:
        """Seed of the first replica."""
        return int(self.pictures["seed"])

    @property
    def anomaly_class(self) -> object:
        """Anomaly class of the first replica."""
        return self.pictures["anomaly_class"].item()

    @property
    def labels(self) -> NDArray[Any]:
        """Labels of the scored samples, (n,)."""
        return self._of_scores("labels")

    def scores(self, score: str) -> NDArray[np.float32]:
        """Scores of the first replica after every task, (tasks, n)."""
        return self._of_scores(score)[0]

    @property
    def test_indices(self) -> NDArray[np.int64]:
        """Places of the scored samples in the dataset's test set, (n,)."""
        return self._of_scores("test_indices")

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Mean loss of each epoch: anomaly_class, seed, task, epoch, loss.

        Raises:
            InputError: none was kept.
        """
        return pd.read_csv(self._file(LOSSES_FILE, _GONE))

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """Thresholds after every task: anomaly_class, seed, task, score, target_fpr, threshold.

        Without rows where the run has none.
        """
        path = self.results.folder / THRESHOLDS_FILE
        columns = ["anomaly_class", "seed", "task", "score", "target_fpr", "threshold"]
        return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)

    @cached_property
    def false_positive_rates(self) -> pd.DataFrame:
        """The realised ones, of each task's normal samples, after every task.

        Columns anomaly_class, seed, task, score, target_fpr, of_task, false_positive_rate.

        Raises:
            InputError: the run has no thresholds.
        """
        return pd.read_csv(self._file(FALSE_POSITIVE_RATES_FILE, _CALIBRATE))

    def _file(self, name: str, otherwise: str) -> Path:
        path = self.results.folder / name
        if not path.exists():
            raise InputError(
                f"Expected {self.results.folder} to have a {name}, but it has none. {otherwise}"
            )
        return path


def read_false_positive_rates(folders: Iterable[Path]) -> pd.DataFrame:
    """Read the realised rates of several runs, see `RecordedRun`; empty where none has thresholds.

    Args:
        folders: of the runs; those without thresholds are left out.
    """
    rows: dict[str, list[str]] = {}  # by their heads: a table each would take longer than all else
    for path in (folder / FALSE_POSITIVE_RATES_FILE for folder in folders):
        if path.exists():
            head, _, body = path.read_text(encoding="utf-8").partition("\n")
            rows.setdefault(head, []).append(body)
    tables = [
        pd.read_csv(StringIO("\n".join([head, "".join(bodies)]))) for head, bodies in rows.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def read_arrays(path: Path, names: Set[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read a file of arrays; no code that lies in it is run.

    Args:
        path: the file.
        names: of the arrays that are wanted, as far as they are there. Default: all.

    Raises:
        DamagedError: it is not what was written.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            wanted = archive.files if names is None else names & set(archive.files)
            return {name: archive[name] for name in wanted}
    except (OSError, ValueError, EOFError) as error:
        raise DamagedError(path, " ".join(str(error).split())) from error
