"""What the tests of a comparison or a suite gave, on disk.

To resample every two of twenty runs again takes longer than all else that a page needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.statistics.comparison import Comparison, Decided
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.statistics.pairing import values_of
from cl_anomaly.store.finished import RunResults
from cl_anomaly.store.status import PAIRS_FILE, STANDINGS_FILE, TESTS_FILE

_TEXT = ("run", "other", "family", "decision")
_SHOWN = "shown"


def write_tests(folder: Path, compared: Comparison) -> None:
    """Write how runs compare: their standings, every two of them, and what decides."""
    compared.table.to_csv(folder / STANDINGS_FILE, index=False)
    compared.pairs.to_csv(folder / PAIRS_FILE, index=False)
    content = {
        "over": compared.units,
        "count": compared.count,
        "alpha": compared.alpha,
        "best": compared.best,
        "named": [list(own) for own in compared.named],
        "friedman": compared.friedman,
        "critical_difference": compared.critical_difference,
    }
    write_json(folder / TESTS_FILE, content)


def read_named(folder: Path) -> Named:
    """Read the pairs of runs that a comparison or a suite had named in advance."""
    if not (folder / TESTS_FILE).exists():
        return ()
    return tuple((str(one), str(other)) for one, other in read_json(folder / TESTS_FILE)["named"])


@dataclass(frozen=True, eq=False)
class RecordedTests:
    """What the tests of a comparison or a suite gave, and the values that they were of.

    Attributes:
        values: as `values_of` gives them of the metrics that lie beside the tests.
        decided: what the tests gave.
    """

    values: pd.DataFrame
    decided: Decided

    def of(self, values: pd.DataFrame) -> Decided | None:
        """Return it where these are the very same values; None where they are not."""
        return self.decided if self.values.equals(values) else None


def read_tests(
    folder: Path, results: Sequence[RunResults], score: str | None
) -> RecordedTests | None:
    """Read what the tests of a comparison or a suite gave.

    Args:
        folder: its own, whose files are whole.
        results: from its own metrics.
        score: by which they were compared; None of a suite, whose metrics hold each run by its
            own score alone.

    Returns:
        None where there are none.
    """
    try:
        known = read_json(folder / TESTS_FILE)
    except InputError:
        return None
    if not results:
        return None
    tables = []
    for own in results:
        shown = own.metrics if score is None else own.metrics[own.metrics["score"] == score]
        names = {path: Path(str(path)).name for path in shown["dataset"].unique()}
        dataset = shown["dataset"].map(names)
        tables.append(shown.assign(run=own.name, dataset=dataset, score=_SHOWN))
    values = values_of(pd.concat(tables, ignore_index=True), _SHOWN)
    pairs = _read_pairs(folder / PAIRS_FILE)
    return RecordedTests(values, Decided(pairs, known["friedman"], known["critical_difference"]))


def _read_pairs(file: Path) -> pd.DataFrame:
    columns = pd.read_csv(file, nrows=0).columns
    numbers = {name: _number for name in columns if name not in _TEXT}
    text = dict.fromkeys(_TEXT, str)  # a run may be called 1 or NA
    return pd.read_csv(file, dtype=text, keep_default_na=False, converters=numbers)


def _number(text: str) -> float:
    """Read a number to the last digit, which not every version of pandas does."""
    return float(text) if text else float("nan")
