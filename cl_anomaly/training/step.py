"""One training step: the same work on the same tensors every time, so that a GPU can replay it."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.core.state import State
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.adam import Adam
from cl_anomaly.training.hooks import StepHooks
from cl_anomaly.training.loop import train_on_batch

# Steps that a GPU takes one kernel at a time before it records one: libraries set themselves up in
# the first, which cannot be recorded.
_WARM_UP_STEPS = 3

# Of a task trained by a fixed number of steps, which has no epochs.
_PARTS = 10

# Steps whose losses are kept until somebody looks whether they were finite.
_TRACED_STEPS = 64

# Parameters of so many numbers or fewer, such as biases, are looked at in every step. To look at
# all gradients would cost a tenth of a step, and one that is not finite comes from an output's
# gradient that is not, and so reaches the bias as well. What does not, spoils the next step's loss.
_WATCHED_SIZE = 4096

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes a function that works on the same tensors whenever it is called, and returns another that
does its work again with fewer launches."""


@dataclass(frozen=True)
class TrainingSettings:
    """How each task is trained.

    Attributes:
        epochs: passes over each task's visible samples; None where `fixed_steps` is given.
        batch_size: visible samples in a batch, or all of a task that has fewer of its own.
        learning_rate: of Adam.
        precision: what the factors of matrix products are rounded to; weights and losses are
            float32.
        sample_weights: (N,), what the loss of each training sample is multiplied by; None for 1.
        fixed_steps: of each replica in each task, however many samples it sees; None for epochs.
    """

    epochs: int | None
    batch_size: int
    learning_rate: float
    precision: torch.dtype
    sample_weights: Tensor | None = field(default=None, compare=False)
    fixed_steps: int | None = None

    @property
    def parts(self) -> int:
        """Parts of a task whose mean losses are recorded: its epochs, or ten parts of its steps."""
        return self.epochs or min(_PARTS, self.fixed_steps or 1)

    def steps(self, visible: int) -> int:
        """Count the steps of a replica that sees so many samples, in full batches, rounded up."""
        if self.epochs is None:
            return self.fixed_steps or 0
        return math.ceil(self.epochs * visible / self.batch_size)

    def for_task(self, tasks: Sequence[Task]) -> "TrainingSettings":
        """Return these with the batch size of a task: no more than it has samples.

        Args:
            tasks: the task as each replica sees it.

        Raises:
            ValueError: replicas that train side by side would need different sizes.
        """
        sizes = {min(self.batch_size, len(task.indices)) for task in tasks}
        if len(sizes) > 1:
            raise ValueError(f"Expected replicas with one batch size, but got {sorted(sizes)}.")
        return replace(self, batch_size=sizes.pop())


class TrainStep:
    """Trains a strategy's model, one step a call, with an Adam of its own.

    All of a step's work is in one function without arguments, from tensors that stay where they are
    to tensors that stay where they are. On a GPU that function is recorded once and then replayed:
    for a model this small, launching its hundred kernels would take longer than running them.

    Args:
        strategy: prepared for its task.
        seeds: one for each of the R replicas.
        settings: how to train.

    Attributes:
        samples: trained on so far, over all replicas.
    """

    def __init__(
        self,
        strategy: Strategy,
        seeds: Sequence[int],
        settings: TrainingSettings,
    ) -> None:
        self._strategy = strategy
        self._record: Record | None = None
        device = strategy.samples.stored.device
        self._indices = torch.zeros(
            len(seeds), settings.batch_size, dtype=torch.int64, device=device
        )
        weights = settings.sample_weights
        self._weights = None if weights is None else weights.to(device)
        self._noise = StepRandom(seeds, "noise", strategy.task_number, device=device)
        self._optimizer = Adam(trained_by(strategy), settings.learning_rate)
        half = device.type == "cuda" and settings.precision == torch.bfloat16
        # The cache would keep copies of weights from before a replay.
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=half, cache_enabled=False)
        self._hooks = StepHooks(strategy, autocast)
        self._work = self._step
        self._loss = torch.empty(0)
        self._steps, self._batch_samples = 0, 0
        self._watched = [
            p for p in strategy.model.parameters() if p.numel() <= _WATCHED_SIZE * len(seeds)
        ]
        self._trace = torch.zeros(_TRACED_STEPS, 2, len(seeds), device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self._traced = 0
        self.samples = 0

    @property
    def replay_seconds(self) -> float | None:
        """Seconds in the strategy's `extend` so far; None where steps are replayed."""
        return self._hooks.extend_seconds

    def record_with(self, record: Record | None) -> None:
        """Begin to train, or go on after a pause.

        Args:
            record: makes the step's work repeatable; None on a processor, where nothing is gained.
        """
        self._record, self._steps, self._work = record, 0, self._step

    def __call__(self, batch: Tensor) -> Tensor:
        """Train on the samples at these places.

        Args:
            batch: (R, batch_size), int64.

        Returns:
            The loss of each replica, (R,); the next step writes over it.

        Raises:
            RunError: a hook returned something else than it should, or cannot be recorded.
        """
        self._indices.copy_(batch)
        self._noise.next_step()
        if isinstance(self._strategy.random, StepRandom):
            self._strategy.random.next_step()
        if self._record and self._steps == _WARM_UP_STEPS:
            self._work = self._record(self._step)
        self._work()
        self._steps += 1
        self._traced += 1
        self.samples += self._batch_samples
        return self._loss

    def _step(self) -> None:
        x = self._strategy.samples.batch(self._indices)
        weights = None if self._weights is None else self._weights[self._indices]
        made = train_on_batch(self._optimizer, self._hooks, x, self._noise, weights)
        self._loss, self._batch_samples = made
        self._keep_trace(self._loss)

    def _keep_trace(self, loss: Tensor) -> None:
        gradients = [p.grad.flatten(1) for p in self._watched if p.grad is not None]
        sums = torch.cat(gradients, dim=1).sum(1) if gradients else torch.zeros_like(loss)
        self._trace.index_copy_(0, self._place, torch.stack([loss, sums])[None])
        self._place += 1

    def failures(self, done: int) -> dict[int, tuple[int, str]]:
        """Look for numbers that are not finite in the steps since the last look, 64 at most.

        Args:
            done: steps so far.

        Returns:
            By replica, the first such step, from 1, and what was not finite in it.
        """
        trace, first = self._trace[: self._traced].cpu().isfinite(), done - self._traced + 1
        self._traced = 0
        self._place.zero_()
        failed = {}
        for replica in (~trace.all(0).all(0)).nonzero().flatten().tolist():
            step = int((~trace[:, :, replica].all(1)).nonzero()[0])
            failed[replica] = (
                first + step,
                "a gradient" if trace[step, 0, replica] else "its loss",
            )
        return failed

    def state(self) -> State:
        """Return where it is between two steps: Adam, the noise, and what the strategy draws."""
        state = State({"replay_seconds": self.replay_seconds, "samples": self.samples})
        for place, moments in enumerate(self._optimizer.state()):
            state.add(f"adam.{place}", moments)
        for name, random in self._randoms():
            own = random.state()
            state.values[name] = own.values
            state.add(name, own.tensors)
        return state

    def restore(self, state: State) -> None:
        """Be where `state` was given."""
        self.samples = state.values["samples"]
        self._hooks.extend_seconds = state.values["replay_seconds"]
        places = range(len(trained_by(self._strategy)))
        try:
            self._optimizer.restore([state.part(f"adam.{place}") for place in places])
        except ValueError as error:
            raise RunError(
                f"Expected `stepped` of {self._strategy.name} to list the same in the same order "
                f"after `load_state_dict`, but it lists something else."
            ) from error
        for name, random in self._randoms():
            random.restore(State(state.values[name], state.part(name)))

    def _randoms(self) -> list[tuple[str, StepRandom]]:
        own = [("noise", self._noise)]
        strategys = self._strategy.random
        return [*own, ("strategy", strategys)] if isinstance(strategys, StepRandom) else own


def trained_by(strategy: Strategy) -> list[Tensor]:
    """List what a strategy's steps train: the model's weights, and those of its own."""
    return [*strategy.model.parameters(), *(own for own in strategy.stepped if own.requires_grad)]


@contextmanager
def replayable(device: torch.device) -> Iterator[Record | None]:
    """Prepare a device for training steps, and give what records them: on a GPU, a CUDA graph."""
    if device.type != "cuda":
        yield None
        return
    # A graph is recorded on a stream of its own, which the steps before it must have used as well.
    around, stream = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    stream.wait_stream(around)
    with torch.cuda.stream(stream):
        yield _record_cuda_graph
    around.wait_stream(stream)


def _record_cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            work()
    # A hook's own error has been explained already.
    except (RuntimeError, RunError) as error:
        raise RunError(
            "Expected a training step that a GPU can record and replay, but it cannot: "
            f"{error}\nThe strategy's `extend` and `penalty` must work on the GPU alone: no "
            "`.item()`, no `if` on a tensor's values, no copies from the processor. Or use "
            "`--device cpu`."
        ) from error
    return graph.replay
