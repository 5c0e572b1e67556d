"""Runs for the console and the notebook; names that hold HTML stay text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_NUMBER = "{:.3f}".format


def as_text(title: str, table: pd.DataFrame) -> str:
    """Write a sentence, and a table below it."""
    if table.empty:
        return f"{title}: no results"
    shown = table.to_string(index=False, float_format=_NUMBER, na_rep="")
    return f"{title}\n{shown}"


def as_html(title: str, table: pd.DataFrame) -> str:
    """Write a sentence and a table for a notebook."""
    shown = table.to_html(index=False, float_format=_NUMBER, na_rep="", border=0, escape=True)
    return f"<p>{escape(title)}</p>\n{shown}"


def table_of(headline: NDArray[np.float64] | None) -> pd.DataFrame:
    """Compute mean and standard deviation over the replicas after each task, from (R, N)."""
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


def lines_of(table: pd.DataFrame) -> Iterator[str]:
    """Write a run's headline AUROC after each task, as `table_of` gives it, a line each."""
    for task, mean, sd, replicas in table.itertuples(index=False):
        spread = f" ± {sd:.3f}" if replicas > 1 else ""
        yield f"  task {task:2d}  " + (
            f"{mean:.3f}{spread}" if replicas else "every replica failed"
        )
