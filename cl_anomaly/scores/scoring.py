"""Score the test set after a task, and compute the AUROCs of its test groups."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.data.datasets import Samples
from cl_anomaly.models import Model
from cl_anomaly.models.base import Reconstruction
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scores import Score
from cl_anomaly.statistics.detection import placements

# Samples scored at once. On a CPU, so few that activations stay in its cache, and the same for any
# number of replicas, because the rounding of a sum may depend on it. On a GPU, enough over all
# replicas to keep it busy.
_PROCESSOR_CHUNK = 250
_GPU_CHUNK = 65536


@torch.no_grad()
def score_samples(
    model: Model,
    samples: Samples,
    indices: Tensor,
    scores: Sequence[Score],
    tasks: Tensor | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Score samples with R replicas, in float32 and without randomness.

    Args:
        samples: on the model's device.
        indices: (n,), int64, of the samples to score.
        tasks: (R, n), int64, from 1, the task of each sample, if the detector is told.

    Returns:
        (R, n) by the scores' names.
    """
    replicas, device = model.replicas, samples.stored.device
    # Allocated first: small results between large temporary ones would fragment memory.
    results = {score.name: torch.empty(replicas, len(indices), device=device) for score in scores}
    size = _PROCESSOR_CHUNK if device.type == "cpu" else max(1, _GPU_CHUNK // replicas)
    with matrix_products_in(torch.float32, device):
        for start in range(0, len(indices), size):
            chunk = slice(start, start + size)
            output = model.reconstruct(samples.for_all(indices[chunk].to(device), replicas))
            told = None if tasks is None else tasks[:, chunk].to(device)
            for score in scores:
                results[score.name][:, chunk] = (
                    score(output) if told is None else score.of_task(output, told)
                )
    return {name: result.cpu().numpy() for name, result in results.items()}


def outputs(model: Model, samples: Samples, indices: Tensor) -> Iterator[Any]:
    """Pass samples (n,), the same for all replicas, through the model, a batch at a time."""
    for chunk in indices.split(_PROCESSOR_CHUNK):
        places = chunk.to(samples.stored.device)
        yield model.reconstruct(samples.for_all(places, model.replicas))


@torch.no_grad()
def nearest_tasks(model: Model, samples: Samples, score: Score) -> NDArray[np.int64]:
    """Return the nearest and second nearest task of each sample: (R, n, 2), from 1, 0 for none."""
    parts = [torch.zeros(model.replicas, 0, 2, dtype=torch.int64)]
    with matrix_products_in(torch.float32, samples.stored.device):
        for output in outputs(model, samples, torch.arange(len(samples))):
            parts.append(score.nearest(output).cpu())
    return torch.cat(parts, dim=1).numpy()


@torch.no_grad()
def reconstructed(
    model: Model, samples: Samples, indices: Sequence[Tensor]
) -> Iterator[tuple[Reconstruction, Tensor]]:
    """Pass each replica's samples through the model, in float32, a batch at a time.

    Args:
        samples: on the model's device.
        indices: R tensors (n_r,), int64, each replica's samples; none may be empty.

    Yields:
        The output for a batch, and its mask, (R, B), bool, see `Samples.padded_batches`.
    """
    for x, real in samples.padded_batches(indices, _PROCESSOR_CHUNK):
        with matrix_products_in(torch.float32, x.device):
            output = model.reconstruct(x)
        yield output, real


class AurocRow(NamedTuple):
    """AUROCs of one replica by one score, after a task.

    Attributes:
        headline: all anomalies against all normal samples of the tasks so far.
        tasks: (N,), a row of the result matrix: against the test group of every task, later ones
            included. Each class of a task has the same weight.
        classes: (C,), against each normal class, in the order of `GroupPlaces.classes`.
    """

    headline: float
    tasks: NDArray[np.float64]
    classes: NDArray[np.float64]


class GroupPlaces:
    """The places of a scenario's test groups among the scored samples.

    Args:
        scored: (n,), int64, ascending, places in the dataset's test set; they may include samples
            of other scenarios.

    Attributes:
        classes: all normal classes, ascending.
    """

    def __init__(self, scenario: Scenario, scored: Tensor) -> None:
        def among_scored(places: Tensor) -> NDArray[np.int64]:
            return torch.searchsorted(scored, places).numpy()

        self._tasks, self._scored = scenario.tasks, len(scored)
        self._anomalies = among_scored(scenario.all_anomalies)
        self._judged_by = [
            None if task.group.anomalies is None else among_scored(scenario.anomalies_of(task))
            for task in scenario.tasks
        ]
        self._groups = [
            {label: among_scored(places) for label, places in task.group.normal.items()}
            for task in scenario.tasks
        ]
        self._normal = self._samples_until(len(scenario.tasks))
        self._seen = [self._samples_until(number) for number in range(1, len(self._tasks) + 1)]
        arrivals = [places for places in self._judged_by if places is not None]
        self._arrived = [np.unique(np.concatenate(arrivals[: n + 1])) for n in range(len(arrivals))]
        self.classes = tuple(sorted(label for group in self._groups for label in group))

    def _samples_until(self, number: int) -> NDArray[np.int64]:
        """Return the normal samples of the tasks up to `number`."""
        groups = self._groups[:number]
        return np.unique(np.concatenate([places for group in groups for places in group.values()]))

    def aurocs_after(self, number: int, scores: NDArray[np.float32]) -> AurocRow:
        """Compute one replica's AUROCs from scores (n,) after a task, from 1."""
        # Each normal sample's place among the anomalies is looked up once, for all its groups.
        placed = self._placed(self._normal, self._anomalies, scores)
        by_class, tasks = {}, []
        for group, anomalies in zip(self._groups, self._judged_by, strict=True):
            in_group = placed
            if anomalies is not None:
                in_group = self._placed(np.concatenate([*group.values()]), anomalies, scores)
            means = {label: float(in_group[places].mean()) for label, places in group.items()}
            tasks.append(np.mean([*means.values()]))
            by_class |= means
        return AurocRow(
            float(placed[self._seen[number - 1]].mean()),
            np.array(tasks),
            np.array([by_class[label] for label in self.classes]),
        )

    def anomalies_in(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Select the anomalies from scores (n,)."""
        return scores[self._anomalies]

    @property
    def anomalies_arrive(self) -> bool:
        """Whether each task brings its own anomalies."""
        return len(self._arrived) == len(self._tasks)

    def arrived_in(self, scores: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """Select the anomalies that came with the tasks up to `number`."""
        return scores[self._arrived[number - 1]]

    def seen_in(self, scores: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """Select the normal samples of the tasks up to `number`."""
        return scores[self._seen[number - 1]]

    def normal_in(self, scores: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """Select the normal samples of one task's test group, from 1."""
        return scores[np.concatenate([*self._groups[number - 1].values()])]

    def _placed(
        self, normal: NDArray[np.int64], anomalies: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        placed = np.full(self._scored, np.nan)
        placed[normal] = placements(scores[normal], scores[anomalies])
        return placed
