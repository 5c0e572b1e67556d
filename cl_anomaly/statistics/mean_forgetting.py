"""The forgetting of several runs, paired as their AUROCs are."""

import numpy as np
import pandas as pd

from cl_anomaly.statistics.aurocs import OF_CLASS, read_aurocs
from cl_anomaly.statistics.intervals import mean_of_blocks
from cl_anomaly.statistics.matrix import forgetting
from cl_anomaly.statistics.pairing import by_block, values_of

_FORGETTING = "forgetting"


def mean_forgetting(metrics: pd.DataFrame, score: str) -> dict[str, float]:
    """Return each run's forgetting after the last task, a mean as `compare_runs` takes it.

    Args:
        metrics: as in `evaluation.comparing.compare_runs`; where they have no such rows, as those
            of earlier versions, it is that of the result matrices.
        score: by which score.

    Returns:
        By run, over the replicas that all runs have which know it; without those that do not.
    """
    if not (metrics["metric"] == _FORGETTING).any():
        metrics = pd.concat([metrics, pd.DataFrame(_forgetting_rows(metrics, score))])
    try:
        values = values_of(metrics, score, _FORGETTING)
    except ValueError:  # of a single task
        return {}
    runs = [run for run in values.columns if values[run].notna().any()]
    paired = values[values[runs].notna().all(axis=1)]
    if paired.empty:
        return {}
    return {str(run): float(mean_of_blocks(by_block(paired[run]))) for run in runs}


def _forgetting_rows(metrics: pd.DataFrame, score: str) -> list[dict[str, object]]:
    if not metrics["metric"].str.startswith(OF_CLASS).any():  # then there are no matrices
        return []
    return [
        {
            **{"run": aurocs.run, "dataset": aurocs.dataset, "anomaly_class": aurocs.anomaly_class},
            **{"seed": seed, "task": len(s), "score": score, "metric": _FORGETTING},
            "value": forgetting(s),
        }
        for aurocs in read_aurocs(metrics)
        for seed, s in zip(aurocs.seeds, aurocs.s.get(score, []), strict=False)
        if len(s) > 1 and not np.isnan(s).any()
    ]
