"""The training loop: what happens for each task, for each batch, and in each step.

All else stands around it. `groups.py` and `learner.py` put replicas side by side, `task.py` counts
steps and goes on after a pause, `step.py` keeps a step's tensors in place so that a GPU can repeat
it, and `hooks.py` looks at what a strategy's hooks give.
"""

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Protocol

import torch
from torch import Tensor

from cl_anomaly.core.machine import now
from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.training.adam import Adam
from cl_anomaly.training.hooks import StepHooks
from cl_anomaly.training.outcome import Learnt, OnStep, Pause, TrainingTime


def learn_task(
    replicas: "Learning", number: int, on_step: OnStep, pause: Pause, save: Callable[[], None]
) -> Learnt:
    """Learn a task, or the rest of one that was interrupted.

    Args:
        replicas: that learn it.
        number: the task's, from 1.
        on_step: told after each step.
        pause: asked after each step whether to pause.
        save: called in each pause.
    """
    if not replicas.has_begun:
        replicas.begin(number)  # the strategy's `before_task`, and which samples it may see
    trained = replicas.train(on_step, pause)  # `train_on_batches`, for each group of replicas
    while not replicas.is_done:
        save()
        trained = replicas.train(on_step, pause)
    failures, steps = replicas.failures(), fmean(replicas.steps())
    started = now(replicas.device)
    replicas.conclude()  # the strategy's `after_task`, and what the scores keep of the task
    return Learnt(trained, now(replicas.device) - started, failures, steps)


def train_on_batches(
    step: Callable[[Tensor], Tensor], batches: Iterable[Tensor], leave: Callable[[Tensor], bool]
) -> None:
    """Train on each batch of a task.

    Args:
        step: trains on one, by `train_on_batch`, and gives each replica's loss (R,).
        batches: places of samples, (R, B) each.
        leave: told that loss after each step; says whether to leave.
    """
    for batch in batches:
        loss = step(batch)
        if leave(loss):
            return


def train_on_batch(
    optimizer: Adam,
    hooks: StepHooks,
    x: Tensor,
    noise: Draws,
    weights: Tensor | None = None,
) -> tuple[Tensor, int]:
    """Make one step.

    Args:
        optimizer: of the weights of the R replicas of its model.
        hooks: the strategy's.
        x: (R, B, *features), the visible samples.
        noise: what the model draws from.
        weights: (R, B), of the visible samples' losses; None for 1.

    Returns:
        Each replica's loss, (R,), and how many samples they were trained on.
    """
    with hooks.autocast:
        x = hooks.extend(x)
        loss = hooks.loss(x, noise, weights).mean(1) + hooks.penalty(x)
    optimizer.zero_grad()
    # Replicas share no weight, so the gradient of the sum holds each one's own.
    loss.sum().backward()
    hooks.after_backward()
    optimizer.step()
    hooks.after_step()
    return loss.detach(), x.shape[0] * x.shape[1]


def look_at_batches(
    model: ClosedForm,
    replica: int,
    batches: Iterable[Tensor],
    seen: list[Tensor],
    leave: Callable[[], bool],
) -> bool:
    """Look once at a replica's samples, for a model that learns in closed form: no step is made.

    Args:
        model: that learns the task from `seen`, once all has been looked at.
        replica: its place.
        batches: samples, (B, *features) each.
        seen: takes the features of each batch.
        leave: told after each batch; says whether to leave.

    Returns:
        Whether it was left, perhaps after the last batch.
    """
    for x in batches:
        seen.append(model.features_of(x, replica))
        if leave():
            return True
    return False


class Learning(Protocol):
    """Replicas that learn a task; `ReplicaGroups` says what is what."""

    device: torch.device

    @property
    def has_begun(self) -> bool: ...  # noqa: D102

    @property
    def is_done(self) -> bool: ...  # noqa: D102

    def begin(self, number: int) -> None: ...  # noqa: D102

    def train(self, on_step: OnStep, pause: Pause) -> TrainingTime: ...  # noqa: D102

    def steps(self) -> list[int]: ...  # noqa: D102

    def failures(self) -> dict[int, tuple[int, str]]: ...  # noqa: D102

    def conclude(self) -> None: ...  # noqa: D102
