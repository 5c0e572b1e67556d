"""Samples, codes and losses that a run records for pictures; no other numbers depend on them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.data.datasets import Samples
from cl_anomaly.models import Model
from cl_anomaly.models.base import GENERATE, HIDDEN, RECONSTRUCT
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.store.status import Failure

GENERATED = 10  # samples after each task
SHOWN = 4  # of each: normal samples of the first and the last task, and anomalies
_CODED, _CODED_ANOMALIES = 50, 100  # of each task, and of the anomalies
_MOST_VALUES = 2**21  # of one kind; of large samples, fewer are recorded
LOSS_COLUMNS = ("anomaly_class", "seed", "task", "epoch", "loss")


class PictureRecorder:
    """Record the first replica's output for a few samples, and the losses of all replicas.

    It draws from its own generator, ("pictures", task), and uses a copy of that replica, so that
    the record depends neither on other replicas nor on an interruption.

    Args:
        scored: (n,), int64, ascending, places of the scored samples in the dataset's test set.
    """

    def __init__(self, scenario: Scenario, replicas: Sequence[Replica], scored: Tensor) -> None:
        self._replicas, self._tasks = replicas, len(scenario.tasks)
        size = math.prod(scenario.dataset.features)
        self._generated = _at_most(GENERATED, size * self._tasks)
        self._normal, self._anomalous = _groups(scenario, scored)
        self._scored = scored
        ends = sorted({0, self._tasks - 1})
        parts = [self._normal[task] for task in ends] + [self._anomalous.any(0)]
        self._shown = _first(parts, [_at_most(SHOWN, 6 * size)] * len(parts))
        parts = [*self._normal, self._anomalous.any(0)]
        self._coded = _first(parts, [_CODED] * self._tasks + [_CODED_ANOMALIES])
        self._kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, task: int, model: Model, test: Samples) -> None:
        """Record the pictures after a task, from 1.

        Args:
            model: the first replica alone.
            test: the dataset's test samples, on the model's device, scaled for this replica.
        """
        device = test.stored.device
        with matrix_products_in(torch.float32, device):
            if GENERATE in model.abilities:
                seed = self._replicas[0].seed
                random = ReplicaRandom([seed], "pictures", task, device=device)
                samples = model.generator().generate(self._generated, random)
                self._keep("generated", task, samples)
            if task not in (1, self._tasks):
                return
            if RECONSTRUCT in model.abilities:
                output = model.reconstruct(self._batch(test, self._shown))
                self._keep("reconstructions", task, output.means)
                self._keep("inputs", 0, output.x)
            if HIDDEN in model.abilities:
                output = model.reconstruct(self._batch(test, self._coded))
                self._keep("codes", task, output.hidden[-1])

    def _batch(self, test: Samples, places: NDArray[np.int64]) -> Tensor:
        """Return scored samples at some places, (1, k, *features)."""
        indices = self._scored[torch.from_numpy(places)]
        return test.for_all(indices.to(test.stored.device), 1)

    def _keep(self, what: str, task: int, values: Tensor) -> None:
        self._kept[f"{what}/{task}"] = values[0].float().cpu()

    def add_losses(self, task: int, means: Tensor) -> None:
        """Keep the mean loss of each epoch of a task, (R, epochs), float64."""
        self._kept[f"losses/{task}"] = means

    def losses(self, failures: Mapping[int, Failure]) -> pd.DataFrame:
        """Return the mean loss of each epoch that has one, with LOSS_COLUMNS.

        Args:
            failed: place and task of each failed replica, whose later tasks are left out.
        """
        last, rows = {place: failure.task for place, failure in failures.items()}, []
        for place, replica in enumerate(self._replicas):
            for task, means in self._of("losses"):
                if task > last.get(place, self._tasks):
                    break
                for epoch, loss in enumerate(means[place].tolist(), 1):
                    if math.isfinite(loss):
                        rows.append((replica.anomaly_class, replica.seed, task, epoch, loss))
        return pd.DataFrame(rows, columns=list(LOSS_COLUMNS))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of `pictures.npz`; k samples are reconstructed, m have a code.

        Always: `seed` and `anomaly_class` of the replica; `normal` and `anomalous`, (N, n), bool,
        which of the scored samples are in the test group of each task. By the model's abilities:
        `generated` (tasks, 10, *features); `inputs` (k, *features), their places among the scored
        samples, `shown` (k,), and their `reconstructions` (2, k, *features); `codes` (2, m, units)
        and `coded` (m,). Each has the numbers of its tasks, such as `generated_after` (tasks,).
        """
        first = self._replicas[0]
        arrays = {
            "seed": np.array(first.seed),
            "anomaly_class": np.array(first.anomaly_class),
            "normal": self._normal,
            "anomalous": self._anomalous,
        }
        if self._of("reconstructions"):
            arrays |= {"shown": self._shown, "inputs": self._kept["inputs/0"].numpy()}
        if self._of("codes"):
            arrays["coded"] = self._coded
        for what in ("generated", "reconstructions", "codes"):
            if recorded := self._of(what):
                arrays[what] = np.stack([values.numpy() for _, values in recorded])
                arrays[f"{what}_after"] = np.array([task for task, _ in recorded])
        return arrays

    def _of(self, what: str) -> list[tuple[int, Tensor]]:
        """Return the tasks and values of one kind, in order."""
        parts = [(name.partition("/"), values) for name, values in self._kept.items()]
        return sorted(
            ((int(task), values) for (kind, _, task), values in parts if kind == what),
            key=lambda part: part[0],
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Return all recorded tensors."""
        return self._kept

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self._kept = dict(state)


def _at_most(wanted: int, values: int) -> int:
    """Return how many samples of `values` numbers fit, from 1 to `wanted`."""
    return max(1, min(wanted, _MOST_VALUES // values))


def _groups(scenario: Scenario, scored: Tensor) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the normal and the anomalous samples of each task's test group, (N, n) each."""
    normal = [torch.isin(scored, torch.cat([*t.group.normal.values()])) for t in scenario.tasks]
    anomalous = [torch.isin(scored, scenario.anomalies_of(task)) for task in scenario.tasks]
    return torch.stack(normal).numpy(), torch.stack(anomalous).numpy()


def _first(parts: Sequence[NDArray[np.bool_]], counts: Sequence[int]) -> NDArray[np.int64]:
    """Return the places of the first samples of each part, part after part."""
    chosen = [np.flatnonzero(part)[:n] for part, n in zip(parts, counts, strict=True)]
    return np.concatenate(chosen)
