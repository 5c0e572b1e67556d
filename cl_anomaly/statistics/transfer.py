"""Transfer from task to task, as each paper and library defines it: one name, one formula.

The field uses the same words for different formulas. S[i, j] of the result matrix S, (N, N), is the
AUROC after task i on the test group of task j, i and j from 1 to N; S[0, j] is that of the detector
before its first task. What another source calls R is S here.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cl_anomaly.statistics.forgetting import average, backward_transfer, forgetting, square


def forward_transfer(s: ArrayLike, untrained: ArrayLike) -> float:
    """Compute what earlier tasks do for a later one: mean over j ≥ 2 of S[j−1, j] − S[0, j].

    Lopez-Paz & Ranzato, "Gradient Episodic Memory for Continual Learning" (NeurIPS 2017), section
    2: against a model with its first, random weights, which is b̄ there. Undefined (nan) for one
    task.

    Raises:
        ValueError: `untrained`, S[0, j], (N,), has another N than the matrix.
    """
    matrix, before = square(s), np.asarray(untrained, dtype=np.float64)
    if before.shape != (len(matrix),):
        raise ValueError(
            f"Expected an AUROC before the first task for each of {len(matrix)} tasks, but got "
            f"the shape {before.shape}."
        )
    return _mean(np.diag(matrix, 1) - before[1:])


def gem_backward_transfer(s: ArrayLike) -> float:
    """Compute what all later tasks together did to a task: mean over j < N of S[N, j] − S[j, j].

    Lopez-Paz & Ranzato (NeurIPS 2017), section 2. It looks at the last row alone, where
    `backward_transfer` looks at all rows. Undefined (nan) for one task.
    """
    matrix = square(s)
    return _mean((matrix[-1] - np.diag(matrix))[:-1])


def pyclad_continual_average(s: ArrayLike) -> float:
    """Mean over i ≥ j of S[i, j]: every task from when it was learnt on.

    pyCLAD's `ContinualAverage`; Lifelong ROC-AUC of Faber et al., "Lifelong Continual Learning for
    Anomaly Detection" (IEEE Access 2024): Σ_{i≥j} R_{i,j} / (N(N+1)/2).
    """
    matrix = square(s)
    return _mean(matrix[np.tril_indices(len(matrix))])


def pyclad_backward_transfer(s: ArrayLike) -> float:
    """Mean over i > j of S[i, j] − S[i−1, j]: what each single step did.

    What the code of pyCLAD's `BackwardTransfer` computes. Its documentation gives another formula,
    that of `backward_transfer`. Undefined (nan) for one task.
    """
    matrix = square(s)
    steps = np.diff(matrix, axis=0, prepend=matrix[:1])
    return _mean(steps[np.tril_indices(len(matrix), -1)])


def pyclad_forward_transfer(s: ArrayLike) -> float:
    """Mean over i < j of S[i, j]: the AUROC itself on tasks that have not come, against nothing.

    pyCLAD's `ForwardTransfer`; FWT of Faber et al. (IEEE Access 2024), and of Díaz-Rodríguez et
    al., "Don't forget, there is more than forgetting" (2018), eq. 4: Σ_{i<j} R_{i,j} / (N(N−1)/2).
    0.5 is chance, not 0. Undefined (nan) for one task.
    """
    matrix = square(s)
    return _mean(matrix[np.triu_indices(len(matrix), 1)])


def pyclad_forgetting_measure(s: ArrayLike) -> float:
    """Mean over j < N of max_{t<N} S[t, j] − S[N, j]: rows before task j was learnt count, too.

    pyCLAD's `ForgettingMeasure` at its last step. `forgetting` takes the maximum over j ≤ t < N
    alone, as pyCLAD's `FinalStepForgettingMeasure` does. Undefined (nan) for one task.
    """
    matrix = square(s)
    return _mean((matrix[:-1].max(0) - matrix[-1])[:-1]) if len(matrix) > 1 else float("nan")


OF_THE_MATRIX: dict[str, Callable[[ArrayLike], float]] = {
    "average": average,
    "backward_transfer": backward_transfer,
    "forgetting": forgetting,
    "gem_backward_transfer": gem_backward_transfer,
    "lifelong_roc_auc": pyclad_continual_average,
    "lifelong_bwt": backward_transfer,
    "lifelong_fwt": pyclad_forward_transfer,
    "pyclad_continual_average": pyclad_continual_average,
    "pyclad_backward_transfer": pyclad_backward_transfer,
    "pyclad_forward_transfer": pyclad_forward_transfer,
    "pyclad_forgetting_measure": pyclad_forgetting_measure,
}
"""Metrics of the result matrix alone, by their names in `metrics.csv`."""

FORWARD_TRANSFER = "forward_transfer"


def transfer_of(s: ArrayLike, untrained: ArrayLike | None = None) -> dict[str, float]:
    """Compute every number of a whole result matrix, by its name; nan if it is undefined.

    There is no `forward_transfer` without `untrained`, S[0, j], (N,), or with a nan in it.
    """
    values = {name: function(s) for name, function in OF_THE_MATRIX.items()}
    if untrained is not None and not np.isnan(untrained).any():
        values[FORWARD_TRANSFER] = forward_transfer(s, untrained)
    return values


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
