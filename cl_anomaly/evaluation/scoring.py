"""Score the test set after a task, and say how well the scores tell anomalies apart."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.data.datasets import Samples
from cl_anomaly.evaluation.metrics import placements
from cl_anomaly.evaluation.scores import Score
from cl_anomaly.matrix_products import matrix_products_in
from cl_anomaly.models import Model
from cl_anomaly.models.base import Reconstruction
from cl_anomaly.scenarios.class_stream import Scenario, Task

# Samples scored at once. On a processor so few that what lies between the layers stays in its
# cache, and as many for any number of replicas: the rounding of a sum may depend on it. On a GPU
# enough to keep it busy, over all replicas.
_PROCESSOR_CHUNK = 250
_GPU_CHUNK = 65536


@torch.no_grad()
def score_samples(
    model: Model, samples: Samples, indices: Tensor, scores: Sequence[Score]
) -> dict[str, NDArray[np.float32]]:
    """Score samples with every replica, in float32 and without drawing at random.

    Args:
        model: R replicas.
        samples: where the samples are, on the model's device.
        indices: (n,), int64, which of them.
        scores: which ones.

    Returns:
        By the scores' names, (R, n).
    """
    replicas, device = model.replicas, samples.stored.device
    # In place from the first: small results kept between large passing ones would leave holes in
    # memory that nothing large fits into again.
    results = {own.name: torch.empty(replicas, len(indices), device=device) for own in scores}
    size = _PROCESSOR_CHUNK if device.type == "cpu" else max(1, _GPU_CHUNK // replicas)
    with matrix_products_in(torch.float32, device):
        for start in range(0, len(indices), size):
            x = samples.batch(indices[start : start + size].to(device))
            output = model.reconstruct(x.expand(replicas, *x.shape))
            for score in scores:
                results[score.name][:, start : start + size] = score(output)
    return {name: result.cpu().numpy() for name, result in results.items()}


@torch.no_grad()
def reconstructed(
    model: Model, samples: Samples, indices: Sequence[Tensor]
) -> Iterator[tuple[Reconstruction, Tensor]]:
    """Pass each replica's own samples through the model, in float32, a batch at a time.

    Args:
        model: R replicas.
        samples: where the samples are, on the model's device.
        indices: R tensors (n_r,), int64, each replica's samples; none may be empty.

    Yields:
        What became of a batch, and what of it counts, (R, B), bool: shorter ones are filled up with
        their own samples.
    """
    device = samples.stored.device
    counts = torch.tensor([len(own) for own in indices], device=device)
    longest = torch.arange(max(len(own) for own in indices))
    padded = torch.stack([own[longest % len(own)] for own in indices]).to(device)
    for start in range(0, padded.shape[1], _PROCESSOR_CHUNK):
        chunk = padded[:, start : start + _PROCESSOR_CHUNK]
        real = torch.arange(start, start + chunk.shape[1], device=device) < counts[:, None]
        with matrix_products_in(torch.float32, device):
            output = model.reconstruct(samples.batch(chunk))
        yield output, real


def auroc_after(
    scenario: Scenario, task: Task, scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> dict[str, float]:
    """AUROC of the anomaly class after a task.

    Args:
        scenario: what the scores belong to.
        task: the last that has been learnt.
        scores: (n,), of the scenario's test set by one replica.
        labels: (n,), of the scenario's test set.

    Returns:
        `auroc_seen`, against all normal classes so far, and `auroc_class_<c>` against each normal
        class, those of later tasks included: a row of the result matrix.
    """
    normal = labels != scenario.anomaly_class
    # Each normal sample's place among the anomalies is looked up once, for all the sets it is in.
    placed, classes = placements(scores[normal], scores[~normal]), labels[normal]
    seen = np.isin(classes, scenario.seen_classes(task))
    values = {"auroc_seen": float(placed[seen].mean())}
    for label in np.unique(classes):
        values[f"auroc_class_{label}"] = float(placed[classes == label].mean())
    return values
