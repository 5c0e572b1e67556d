"""A run's metrics in tidy form: a row for each number of each replica."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.labels import Label, joined
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.statistics.aurocs import HEADLINE, OF_CLASS, UNTRAINED, Measures
from cl_anomaly.statistics.transfer import transfer_of
from cl_anomaly.store.metrics import METRICS_COLUMNS

ByScore = Mapping[str, NDArray[np.float64]]
Row = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of R replicas after each of N tasks, NaN from where a replica failed.

    Attributes:
        headline: by score, (R, N).
        by_class: by score, (R, N, C), AUROC against each normal class.
        seen: by metric and score, (R, N), what else is measured of the tasks so far.
        s: by score, (R, N, N), the result matrices.
        untrained: by score, (R, N), AUROC on each task before the first.
    """

    headline: ByScore
    by_class: ByScore
    seen: Measures
    s: ByScore
    untrained: ByScore


def metrics_table(
    measured: Measured,
    dataset: str,
    strategy: str,
    replicas: Sequence[Replica],
    scenarios: Sequence[Scenario],
    classes: Sequence[Sequence[Label]],
) -> pd.DataFrame:
    """Put all numbers into one table; what is undefined has no row.

    Of each anomaly class, the AUROCs after each task come first. Below them follow the AUROCs on
    each task before the first, as task 0; what else is measured of the tasks so far; and the
    numbers of each result matrix, at the last task.

    Args:
        measured: R replicas, N tasks and C normal classes.
        dataset: its name, or where its file or folder lies.
        strategy: what it is called in results.
        replicas: R of them.
        scenarios: one for each replica.
        classes: of each replica, its C normal ones.

    Returns:
        METRICS_COLUMNS.
    """
    table = _Table(measured, dataset, strategy, replicas, scenarios, classes)
    parts = (table.aurocs, table.untrained, table.seen, table.transfer)
    rows = [
        row
        for anomaly_class in dict.fromkeys(own.anomaly_class for own in replicas)
        for part in parts
        for row in part([n for n, own in enumerate(replicas) if own.anomaly_class == anomaly_class])
    ]
    return pd.DataFrame(rows, columns=list(METRICS_COLUMNS))


class _Table:
    def __init__(
        self,
        measured: Measured,
        dataset: str,
        strategy: str,
        replicas: Sequence[Replica],
        scenarios: Sequence[Scenario],
        classes: Sequence[Sequence[Label]],
    ) -> None:
        self._measured, self._classes = measured, classes
        self._replicas, self._scenarios = replicas, scenarios
        # Of a file or folder, not where it lies: that is this machine's.
        self._start = strategy, Path(dataset).name
        self._tasks = len(scenarios[0].tasks)

    def aurocs(self, places: Sequence[int]) -> Iterator[Row]:
        for task, place in product(range(1, self._tasks + 1), places):
            for score, headline in self._measured.headline.items():
                if not np.isnan(headline[place, task - 1]):
                    key = (*self._key(place, task), self._arrived(place, task), score)
                    yield (*key, HEADLINE, float(headline[place, task - 1]))
                    by_class = self._measured.by_class[score][place, task - 1].tolist()
                    for label, value in zip(self._classes[place], by_class, strict=True):
                        yield (*key, f"{OF_CLASS}{label}", value)

    def untrained(self, places: Sequence[int]) -> Iterator[Row]:
        for place in places:
            for score, values in self._measured.untrained.items():
                # Of a replica without any result, there is nothing to compare it with.
                if np.isnan(self._measured.headline[score][place, 0]) or np.isnan(values[place, 0]):
                    continue
                for task, value in enumerate(values[place].tolist(), 1):
                    key = (*self._key(place, 0), self._arrived(place, task), score)
                    yield (*key, f"{UNTRAINED}{task}", value)

    def seen(self, places: Sequence[int]) -> Iterator[Row]:
        for task, place in product(range(1, self._tasks + 1), places):
            for metric, by_score in self._measured.seen.items():
                for score, values in by_score.items():
                    if not np.isnan(values[place, task - 1]):
                        key = (*self._key(place, task), self._arrived(place, task))
                        yield (*key, score, metric, float(values[place, task - 1]))

    def transfer(self, places: Sequence[int]) -> Iterator[Row]:
        last = self._tasks
        for place in places:
            for score, s in self._measured.s.items():
                if np.isnan(s[place]).any():
                    continue
                before = self._measured.untrained.get(score)
                values = transfer_of(s[place], None if before is None else before[place])
                key = (*self._key(place, last), self._arrived(place, last), score)
                yield from ((*key, name, own) for name, own in values.items() if not np.isnan(own))

    def _key(self, place: int, task: int) -> Row:
        replica = self._replicas[place]
        return (*self._start, replica.anomaly_class, replica.seed, task)

    def _arrived(self, place: int, task: int) -> str:
        return joined(self._scenarios[place].tasks[task - 1].classes)
