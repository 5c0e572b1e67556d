"""Runs as a console and a notebook show them; names that hold HTML stay text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from cl_anomaly.core.labels import listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from cl_anomaly.results.run_folder import RunFolder

_DIGITS = 3


def as_text(title: str, table: pd.DataFrame) -> str:
    """Write a sentence, and a table below it."""
    if table.empty:
        return f"{title}: no results"
    shown = table.to_string(index=False, float_format=_number, na_rep="")
    return f"{title}\n{shown}"


def as_html(title: str, table: pd.DataFrame) -> str:
    """Write the same for a notebook."""
    shown = table.to_html(index=False, float_format=_number, na_rep="", border=0, escape=True)
    return f"<p>{escape(title)}</p>\n{shown}"


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}f}"


def table_of(headline: NDArray[np.float64] | None) -> pd.DataFrame:
    """Compute mean and standard deviation over the replicas after each task.

    Args:
        headline: (R, N); None if there is none.
    """
    import numpy as np
    import pandas as pd

    known = [] if headline is None else [values[~np.isnan(values)] for values in headline.T]
    return pd.DataFrame(
        {
            "task": range(1, len(known) + 1),
            "mean": [values.mean() if len(values) else np.nan for values in known],
            "sd": [values.std(ddof=1) if len(values) > 1 else np.nan for values in known],
            "replicas": [len(values) for values in known],
        }
    )


def lines_of(run: RunFolder) -> Iterator[str]:
    """Describe in about ten lines what was run, and the headline AUROC after each task."""
    yield _title(run)
    for task, mean, sd, replicas in run.table.itertuples(index=False):
        spread = f" ± {sd:.3f}" if replicas > 1 else ""
        yield f"  task {task:2d}  " + (
            f"{mean:.3f}{spread}" if replicas else "every replica failed"
        )
    yield from map(str, run.failures)


def html_of(run: RunFolder) -> str:
    """Write a run for a notebook."""
    return as_html(" ".join([f"{_title(run)}.", *map(str, run.failures)]), run.table)


def _title(run: RunFolder) -> str:
    anomalies = listed(dict.fromkeys(replica.anomaly_class for replica in run.replicas))
    return (
        f"{run.strategy_name} on {run.dataset}, "
        f"anomaly class {anomalies}, seeds {listed(run.config.seed_list)}: "
        f"AUROC after each task ({run.score}, mean ± s.d.)"
    )
