"""What `pairs.csv` says of every two runs, where it belongs to the results that are shown.

To resample every two of twenty runs again takes longer than all else that a page needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cl_anomaly.evaluation.pairing import values_of
from cl_anomaly.storage.results import RunResults

_TEXT = ("run", "other", "decision")
_SHOWN = "shown"


@dataclass(frozen=True, eq=False)
class RecordedPairs:
    """The pairs of a comparison or a suite, and the values that they were computed from.

    Attributes:
        values: as `values_of` gives them of the metrics that lie beside the pairs.
        pairs: as `compare_runs` gave them.
    """

    values: pd.DataFrame
    pairs: pd.DataFrame

    def of(self, metrics: pd.DataFrame, score: str) -> pd.DataFrame | None:
        """Give the pairs, where these metrics have the very same values; None where they do not."""
        return self.pairs if self.values.equals(values_of(metrics, score)) else None


def read_pairs(
    file: Path, results: Sequence[RunResults], score: str | None
) -> RecordedPairs | None:
    """Read the pairs of a comparison or a suite.

    Args:
        file: with the pairs, written together with the results, and whole.
        results: of the folder, from its own metrics.
        score: by which they were compared; None of a suite, whose metrics hold each run by its
            own score alone.

    Returns:
        None where there are none.
    """
    if not results or not file.exists():
        return None
    tables = []
    for own in results:
        shown = own.metrics if score is None else own.metrics[own.metrics["score"] == score]
        names = {path: Path(str(path)).name for path in shown["dataset"].unique()}
        dataset = shown["dataset"].map(names)
        tables.append(shown.assign(run=own.name, dataset=dataset, score=_SHOWN))
    values = values_of(pd.concat(tables, ignore_index=True), _SHOWN)
    columns = pd.read_csv(file, nrows=0).columns
    numbers = {name: _number for name in columns if name not in _TEXT}
    text = dict.fromkeys(_TEXT, str)  # a run may be called 1 or NA
    pairs = pd.read_csv(file, dtype=text, keep_default_na=False, converters=numbers)
    return RecordedPairs(values, pairs)


def _number(text: str) -> float:
    """Read a number to the last digit, which not every version of pandas does."""
    return float(text) if text else float("nan")
