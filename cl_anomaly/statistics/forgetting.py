"""Average, forgetting and backward transfer of a result matrix: pure functions of arrays.

S, (N, N), is the result matrix: S[i, j] is the AUROC after task i on the test group of task j.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average(s: ArrayLike) -> float:
    """Compute the mean over the tasks after the last one: mean_j S[N, j]."""
    return float(square(s)[-1].mean())


def backward_transfer(s: ArrayLike) -> float:
    """Compute what later tasks did to earlier ones: mean over i > j of S[i, j] − S[j, j].

    Díaz-Rodríguez et al., "Don't forget, there is more than forgetting" (2018), eq. 3. Below 0
    means forgetting. Undefined (nan) for one task.
    """
    matrix = square(s)
    later = np.tril_indices(len(matrix), -1)
    change = (matrix - np.diag(matrix))[later]
    return float(change.mean()) if change.size else float("nan")


def forgetting(s: ArrayLike) -> float:
    """Compute what was lost since each task's best: mean_j (max_{j≤t<N} S[t, j] − S[N, j]).

    Chaudhry et al., "Riemannian Walk for Incremental Learning" (ECCV 2018), section 3.2. The mean
    is over all tasks but the last. Undefined (nan) for one task.
    """
    matrix = square(s)
    lost = [matrix[j:-1, j].max() - matrix[-1, j] for j in range(len(matrix) - 1)]
    return float(np.mean(lost)) if lost else float("nan")


def gap_closed(value: float, lower: float, upper: float) -> float:
    """Compute the share of the gap that is closed: (value − lower) / (upper − lower).

    Undefined (nan) if the bounds lie less than 0.02 apart.
    """
    gap = upper - lower
    return (value - lower) / gap if gap >= 0.02 else float("nan")


def square(s: ArrayLike) -> NDArray[np.float64]:
    """Check that S is a result matrix, (N, N).

    Raises:
        ValueError: it has another shape.
    """
    matrix = np.asarray(s, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"Expected a result matrix of shape (N, N), but got {matrix.shape}.")
    return matrix
