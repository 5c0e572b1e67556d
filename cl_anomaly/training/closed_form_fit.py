"""Training of a model that learns in closed form: one pass over the samples, and no steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.machine import now
from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.models import Model
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never

# Samples in a batch: on a processor, the activations stay in its cache.
_PROCESSOR_BATCH = 250
_GPU_BATCH = 8192
_OF_WEIGHTS = ("loss", "penalty", "after_backward", "after_step")


def check_fits(model: type[Model], strategy: Strategy | type[Strategy]) -> None:
    """Refuse a strategy that acts on training steps or weights, if tasks of the model have none.

    Raises:
        InputError: they do not fit together.
    """
    if not model.keeps_tasks_apart:
        return
    cls = strategy if isinstance(strategy, type) else type(strategy)
    refused, why = _OF_WEIGHTS, "in which tasks share no weights"
    if issubclass(model, ClosedForm):
        refused = ("extend", *_OF_WEIGHTS)
        why = "which learns in closed form and makes no steps"
    hooks = [hook for hook in refused if getattr(cls, hook) is not getattr(Strategy, hook)]
    acts = f"acts on steps of training (`{hooks[0]}`)" if hooks else ""
    if hasattr(cls, "own_training"):
        acts = "trains by a loop of its own"
    if acts:
        raise InputError(
            f"Expected a strategy that chooses which samples are seen, such as lower or upper, for "
            f"the model {model.name}, {why}, but {cls.name} {acts}."
        )


class OnePass:
    """Closed-form learning of a task, one replica after another, each from its own samples.

    A replica learns the same bits alone or among others. After a pause this process resumes a pass;
    another process repeats the replica's pass, with the same result.

    Args:
        strategy: prepared for the task, with a model that learns in closed form.
        indices: R tensors (n_r,), int64, the samples that each replica may see; none is empty.
        earlier: R tensors, the samples of its earlier tasks.

    Attributes:
        steps: batches of all replicas, for each replica.
        done: batches so far.
        failed: by replica, the batch after which its features were not finite.
        time: spent so far.
    """

    def __init__(
        self, strategy: Strategy, indices: Sequence[Tensor], earlier: Sequence[Tensor]
    ) -> None:
        if not isinstance(model := strategy.model, ClosedForm):
            raise TypeError(f"Expected a model that learns in closed form, but got {model.name}.")
        self._strategy, self._indices, self._earlier = strategy, indices, earlier
        self._model = model
        on_processor = strategy.samples.stored.device.type == "cpu"
        self._size = _PROCESSOR_BATCH if on_processor else _GPU_BATCH
        counts = [math.ceil(len(visible) / self._size) for visible in indices]
        self._ends = list(accumulate(counts))
        self.steps = [self._ends[-1]] * len(indices)
        self.done, self._replica = 0, 0
        self._seen: list[Tensor] = []
        self.failed: dict[int, tuple[int, str]] = {}
        self.time = TrainingTime(0.0, 0.0, 0)

    @property
    def is_done(self) -> bool:
        """Whether all replicas have learnt the task."""
        return self._replica == len(self._indices)

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Learn until the task is done or to be paused; return the time spent on it in all.

        Both functions are called after each batch, with NaN for the loss.
        """
        device = self._strategy.samples.stored.device
        started, none = time.perf_counter(), torch.full((len(self._indices),), math.nan)
        reason = PauseReason.NONE
        with torch.no_grad(), matrix_products_in(torch.float32, device):
            while reason is PauseReason.NONE and not self.is_done:
                for x in self._batches():
                    self._seen.append(self._model.features_of(x, self._replica))
                    self.done += 1
                    on_step(self.done, self._ends[-1], none)
                    if (reason := pause()) is not PauseReason.NONE:
                        break
                if self.done == self._ends[self._replica]:
                    self._learn()
        samples = sum(len(visible) for visible in self._indices[: self._replica])
        self.time = TrainingTime(self.time.seconds + now(device) - started, 0.0, samples)
        return self.time

    def _batches(self) -> Iterator[Tensor]:
        """Yield the remaining samples of the replica, (B, *features) each."""
        samples, indices = self._strategy.samples, self._indices[self._replica]
        place, scaling = self._replica, samples.scaling
        scaled = samples.scaled_by(scaling and scaling.part(place, place + 1))
        for part in indices.split(self._size)[len(self._seen) :]:
            yield scaled.batch(part[None].to(samples.stored.device))[0]

    def _learn(self) -> None:
        """Let the replica whose pass is done learn from its features."""
        earlier, indices = self._earlier[self._replica], self._indices[self._replica]
        anew = len(earlier) > 0 and bool(torch.isin(earlier, indices).all())
        if not all(bool(features.isfinite().all()) for features in self._seen):
            self.failed[self._replica] = (self.done, "a feature")
            self._seen = [torch.zeros_like(self._seen[0])]
        self._model.learn(self._replica, self._seen, anew)
        self._replica, self._seen = self._replica + 1, []

    def state(self) -> State:
        """Return how many replicas are done; the rest is in the model's state."""
        values = {"replica": self._replica, "time": vars(self.time)}
        return State(values | {"failed": list(self.failed.items())})

    def restore(self, state: State) -> None:
        """Restore what `state` returned, at the beginning of a replica's pass."""
        self._replica, self._seen = state.values["replica"], []
        self.done = ([0, *self._ends])[self._replica]
        self.time = TrainingTime(**state.values["time"])
        self.failed = {replica: (step, what) for replica, (step, what) in state.values["failed"]}
