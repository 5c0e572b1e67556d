"""Several runs together: a comparison, a suite, or a run alone; their one table and their tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.results.printed import as_html, as_text
from cl_anomaly.results.recorded import read_comparisons, read_rows
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.results.table import ALL, COLUMNS, method_rows, part_of_table
from cl_anomaly.store.metrics import METRICS_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from cl_anomaly.statistics.comparison import Comparison
    from cl_anomaly.statistics.pair_tests import Named

T = TypeVar("T")
Kind = Literal["run", "comparison", "suite"]
SHOWN = "shown"
"""Stands for the score that each run was made to show."""
_NOT_PRINTED = ["dataset", "iqm", "iqm_low", "iqm_high", "is_best"]


class Results:
    """What came of several runs.

    Args:
        runs: those with results and those without, in their order, each with a name of its own.
        kind: of the folder; a run alone is a comparison of one.
        title: what it is called.
        named: pairs of methods that are tested whoever is the best.
        folder: its own; None before there is one.
        about: what `suite.json` says.
        known: parts by name that are known already, and not computed.

    Attributes:
        runs: by name.
    """

    def __init__(
        self,
        runs: Sequence[RunFolder],
        kind: Kind,
        title: str = "",
        named: Named = (),
        folder: Path | None = None,
        about: Mapping[str, Any] | None = None,
        **known: Any,
    ) -> None:
        self.runs = {run.name: run for run in runs}
        self.kind: Kind = kind
        self.title, self.named, self.folder = title, tuple(named), folder
        self.about = about or {}
        self.__dict__.update(known)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Metrics of all runs in tidy form, with a column `run`.

        Of a suite, `run` is the method, and each has the score that it shows alone.
        """
        import pandas as pd

        tables = []
        for run in self.runs.values():
            if run.has_results and self.kind == "suite":
                shown = run.metrics[run.metrics["score"] == run.score]
                tables.append(shown.assign(run=run.method, dataset=run.dataset))
            elif run.has_results:
                tables.append(run.metrics.assign(run=run.name))
        none = pd.DataFrame(columns=[*METRICS_COLUMNS, "run"])
        return pd.concat(tables, ignore_index=True) if tables else none

    @cached_property
    def shown(self) -> pd.DataFrame:
        """The metrics by the score that each run shows, which is called SHOWN in them."""
        shown = self.metrics
        if self.kind != "suite":  # whose runs have no others, and perhaps one for each dataset
            scores = {run.name: run.score for run in self.runs.values()}
            shown = shown[shown["score"] == shown["run"].map(scores)]
        return shown.assign(score=SHOWN, dataset=short_names(shown["dataset"]))

    @cached_property
    def costs(self) -> pd.DataFrame:
        """What each run with results cost, all replicas together, see `cost.COST_COLUMNS`.

        Of a suite with the columns method and dataset, too.
        """
        from cl_anomaly.results.cost import costs_of

        return costs_of(run for run in self.runs.values() if run.folder is not None)

    @cached_property
    def datasets(self) -> list[str]:
        """Names of the datasets, each once."""
        return list(dict.fromkeys(run.dataset for run in self.runs.values()))

    @cached_property
    def comparisons(self) -> dict[str, Comparison | None]:
        """How the runs compare after the last task, by dataset; ALL is all of several together.

        None for a dataset on which no run has results.
        """
        if self._recorded is not None and self.folder is not None:
            return read_comparisons(self.folder, self._recorded)
        parts = {name: self._compared(name) for name in self.datasets}
        return parts | ({ALL: self._compared(ALL)} if len(parts) > 1 else {})

    @property
    def comparison(self) -> Comparison | None:
        """How the runs compare over all datasets; None if none has a result."""
        return list(self.comparisons.values())[-1]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The table, with all columns: a row for each method on each dataset.

        Where there are several datasets, the rows of all together follow. See `part_of_table`.
        """
        import pandas as pd

        if self._recorded is not None:
            return self._recorded
        parts = [
            part_of_table(name, compared, self._part(name), self._runs_on(name), self.costs)
            for name, compared in self.comparisons.items()
        ]
        return pd.concat(parts, ignore_index=True)

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of the table over all datasets, a row for each method."""
        return method_rows(self.table.to_dict("records"))  # type: ignore[arg-type]

    @property
    def pairs(self) -> pd.DataFrame:
        """A row for each two methods with results, over all datasets; see `Comparison.pairs`."""
        import pandas as pd

        return pd.DataFrame() if self.comparison is None else self.comparison.pairs

    @property
    def s(self) -> ByRun[NDArray[np.float64]]:
        """By run, (R, N, N), its result matrices by the score that it shows, when asked for."""
        return ByRun(self._with_results, lambda run: run.s[run.score])

    @property
    def scores(self) -> ByRun[NDArray[np.float32]]:
        """By run, (R, tasks, n), scores of the test set by the score that it shows, likewise."""
        return ByRun(self._with_results, lambda run: run.scores[run.score])

    @property
    def chosen(self) -> Mapping[str, Any]:
        """Options that were tuned by method, and on what."""
        return self.about.get("chosen", {})

    @property
    def lines(self) -> list[RunFolder]:
        """What a figure draws: the runs with results; of a suite, each method by its own score."""
        if self.kind != "suite":
            return list(self._with_results.values())
        first = {run.method: run for run in reversed(self._with_results.values())}
        return [
            first[str(method)].but(name=str(method), metrics=rows.reset_index(drop=True))
            for method, rows in self.metrics.drop(columns="run").groupby(
                self.metrics["run"], sort=False
            )
        ]

    def summary(self) -> pd.DataFrame:
        """Return means over the seeds and the anomaly classes of all that is measured."""
        from cl_anomaly.statistics.aurocs import read_aurocs
        from cl_anomaly.statistics.bounds import kind_of
        from cl_anomaly.statistics.summary import summarise

        kinds = {}
        for run in self._with_results.values():
            kind = kind_of(run.strategy_name, run.settings, "")
            of_suite = self.kind == "suite"
            dataset = run.dataset if of_suite else str(run.metrics["dataset"].iloc[0])
            kinds[run.method if of_suite else run.name, dataset] = kind
        return summarise(read_aurocs(self.metrics), kinds)

    def __repr__(self) -> str:
        """Describe what it is, and show the table."""
        return as_text(*self._printed())

    def _repr_html_(self) -> str:
        return as_html(*self._printed())

    def _printed(self) -> tuple[str, pd.DataFrame]:
        import pandas as pd

        table = pd.DataFrame(self.rows, columns=list(COLUMNS)).drop(columns=_NOT_PRINTED)
        return f"{self.title}: {len(table)} runs, AUROC after the last task", table

    @cached_property
    def _recorded(self) -> pd.DataFrame | None:
        """The table as it lies in the folder."""
        import pandas as pd

        rows = None if self.folder is None or self.kind == "run" else read_rows(self.folder)
        if rows is None:
            return None
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        is_ranked = table["mean"].notna()
        return table.assign(not_different_from=table["not_different_from"].where(is_ranked))

    @property
    def _with_results(self) -> dict[str, RunFolder]:
        return {name: run for name, run in self.runs.items() if run.has_results}

    def _runs_on(self, dataset: str) -> list[RunFolder]:
        return [run for run in self.runs.values() if dataset in (ALL, run.dataset)]

    def _part(self, dataset: str) -> pd.DataFrame:
        return self.shown if dataset == ALL else self.shown[self.shown["dataset"] == dataset]

    def _compared(self, dataset: str) -> Comparison | None:
        part = self._part(dataset)
        return None if part.empty else _compared(part, SHOWN, self.named)


class ByRun(Mapping[str, T], Generic[T]):
    """What runs hold, by their names, read when it is asked for.

    Args:
        runs: by name.
        read: returns what a run holds.
    """

    def __init__(self, runs: Mapping[str, RunFolder], read: Callable[[RunFolder], T]) -> None:
        self._runs, self._read = runs, read

    def __getitem__(self, name: str) -> T:
        """Read what a run holds.

        Raises:
            KeyError: there is none of that name, with results.
            InputError: its folder is gone or damaged.
        """
        return self._read(self._runs[name])

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._runs)

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._runs)


def short_names(datasets: pd.Series) -> pd.Series:
    """Name datasets without the folders and the endings of their files."""
    return datasets.map({path: short_name(str(path)) for path in datasets.unique()})


def compare(runs: Sequence[RunFolder], score: str) -> Comparison:
    """Compare runs by a score; those of one name are one competitor.

    Raises:
        InputError: two of one name are of the same scenario.
    """
    import pandas as pd

    tables = [run.metrics.assign(run=run.name, dataset=run.dataset) for run in runs]
    return _compared(pd.concat(tables, ignore_index=True), score, ())


def _compared(metrics: pd.DataFrame, score: str, named: Named) -> Comparison:
    from cl_anomaly.statistics.comparison import compare_runs

    try:
        return compare_runs(metrics, score, named=named)
    except ValueError as error:
        raise InputError(f"{error} A comparison, or a suite, names its runs.") from error
