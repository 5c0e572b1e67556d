"""The forgetting of several runs, paired as their AUROCs are."""

import pandas as pd

from cl_anomaly.statistics.intervals import mean_of_blocks
from cl_anomaly.statistics.pairing import by_block, values_of

_FORGETTING = "forgetting"


def mean_forgetting(metrics: pd.DataFrame, score: str) -> dict[str, float]:
    """Return each run's forgetting after the last task, a mean as `compare_runs` takes it.

    Args:
        metrics: as in `evaluation.comparing.compare_runs`.
        score: by which score.

    Returns:
        By run, over the replicas that all runs have which know it; without those that do not.
    """
    try:
        values = values_of(metrics, score, _FORGETTING)
    except ValueError:  # of a single task
        return {}
    runs = [run for run in values.columns if values[run].notna().any()]
    paired = values[values[runs].notna().all(axis=1)]
    if paired.empty:
        return {}
    return {str(run): float(mean_of_blocks(by_block(paired[run]))) for run in runs}
