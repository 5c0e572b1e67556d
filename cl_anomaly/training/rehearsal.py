"""A rehearsal of a strategy's hooks before a task: checks that are too slow for every step."""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.scenarios.class_stream import Scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import StepHooks, named, overrides, stand_in
from cl_anomaly.training.visibility import watched

# Rounding of the values of a batch, if a device adds in another order every time.
_TOLERANCE = 1e-4


def rehearse(
    strategy: Strategy, scenarios: Sequence[Scenario], indices: Sequence[Tensor], batch_size: int
) -> None:
    """Call `extend` and `penalty` on a first batch, before any training on it.

    A copy of the strategy is called, and its draws are undone: the training that follows is the
    same, bit for bit, as without a rehearsal.

    Args:
        strategy: prepared for the task, with a `StepRandom`.
        scenarios: one for each of the R replicas.
        indices: R tensors (n_r,), int64, the samples that each replica may see.
        batch_size: of the training.

    Raises:
        RunError: a hook returned another form; values that are not finite, or outside of the
            model's range; other values for the same batch and draws; or, for one replica, values
            that depend on another. Or it looked up samples that have not arrived.
    """
    if not (overrides(strategy, "extend") or overrides(strategy, "penalty")):
        return
    random = strategy.random
    if not isinstance(random, StepRandom):
        raise TypeError("Expected a strategy that is prepared for training, with a StepRandom.")
    device = strategy.samples.stored.device
    places = torch.stack([of[torch.arange(batch_size) % len(of)].to(device) for of in indices])
    x = strategy.samples.batch(places)
    other = stand_in(strategy)
    with random.undone():
        stage = _Stage(other, random, x)
        with watched(other, "extend", scenarios, strategy.task_number):
            stage.check_extend()
        with watched(other, "penalty", scenarios, strategy.task_number):
            stage.check_penalty()


class _Stage:
    """Repeated calls of a copy's hooks on x (R, B, *features), each as if it were the first."""

    def __init__(self, strategy: Strategy, random: StepRandom, x: Tensor) -> None:
        self._strategy, self._random, self._x = strategy, random, x
        self._hooks = StepHooks(strategy)
        self._before = vars(strategy) | {"kept": strategy.kept}
        # A replica that failed in an earlier task runs on with the others, and proves nothing.
        finite = [p.detach().isfinite().flatten(1).all(1) for p in strategy.model.parameters()]
        self._sound = torch.stack(finite).all(0)

    def check_extend(self) -> None:
        """Check `extend` alone, repeated, and with other replicas changed."""
        name = named(self._strategy, "extend")
        batch = self._extended()
        self._check_finite("extend", batch)
        low, high = batch[self._sound].aminmax() if self._sound.any() else (0.0, 1.0)
        # Samples scaled by the first task may lie outside later.
        if self._strategy.samples.scaling is not None:
            low, high = 0.0, 1.0
        if low < -_TOLERANCE or high > 1 + _TOLERANCE:
            raise RunError(
                f"Expected {name} to give values in the model's range, 0 to 1, but in "
                f"{self._where} it gave {float(low):g} to {float(high):g}."
            )
        self._check_same("extend", batch, self._extended(), self._sound)
        for changed in self._halves():
            self._check_same("extend", batch, self._extended(changed), self._sound & ~changed)

    def check_penalty(self) -> None:
        """Check `penalty` in the same way, and whose weights it pulls."""
        added = self._penalty()
        self._check_finite("penalty", added)
        self._check_same("penalty", added, self._penalty(), self._sound)
        for changed in self._halves():
            again, others = self._penalty(changed), self._sound & ~changed
            self._check_same("penalty", added, again, others)
            if again.requires_grad:
                self._check_gradients(again[changed].sum(), others)

    @property
    def _where(self) -> str:
        return f"task {self._strategy.task_number}"

    def _halves(self) -> Iterator[Tensor]:
        """Yield masks of replicas, (R,), such that some mask has the first of any two alone."""
        numbers = torch.arange(len(self._x), device=self._x.device)
        for bit in range((len(self._x) - 1).bit_length()):
            half = (numbers >> bit) % 2 == 1
            yield from (half, ~half)

    def _extended(self, changed: Tensor | None = None) -> Tensor:
        """Call `extend`, with other samples and draws for the replicas that are `changed`."""
        x = self._x.clone()
        if changed is not None:
            x[changed] = 1 - x[changed]
        # Forget what the last call has set.
        now, samples = vars(self._strategy), self._strategy.samples
        now.clear()
        now.update(self._before, samples=samples, kept=copy.copy(self._before["kept"]))
        self._random.repeat_step(changed)
        return self._hooks.extend(x).detach().clone()

    def _penalty(self, changed: Tensor | None = None) -> Tensor:
        """Call `penalty` after `extend`, as a step does; (R,)."""
        added = self._hooks.penalty(self._extended(changed))
        return torch.as_tensor(added, device=self._x.device).expand(len(self._x))

    def _check_finite(self, hook: str, given: Tensor) -> None:
        """Refuse values that are finite in no replica; a failing replica ends alone."""
        bad = ~given.flatten(1).isfinite() if given.dim() > 1 else ~given[:, None].isfinite()
        if self._sound.any() and bad.any(1)[self._sound].all():
            raise RunError(
                f"Expected {named(self._strategy, hook)} to give finite numbers, but in "
                f"{self._where} {int(bad.sum())} of {bad.numel()} were not."
            )

    def _check_same(self, hook: str, one: Tensor, other: Tensor, replicas: Tensor) -> None:
        """Refuse values that differ from the first ones for these replicas, (R,)."""
        name = named(self._strategy, hook)
        if one.shape == other.shape and torch.allclose(
            one[replicas], other[replicas], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
        ):
            return
        if replicas is self._sound:
            raise RunError(
                f"Expected {name} to give the same for the same batch and draws, but in "
                f"{self._where} it did not. Draw from `self.random` alone, and change no state."
            )
        raise self._mixed(hook)

    def _check_gradients(self, total: Tensor, others: Tensor) -> None:
        weights = list(self._strategy.model.parameters())
        for gradient in torch.autograd.grad(total, weights, allow_unused=True):
            if gradient is not None and (gradient.flatten(1)[others] != 0).any():
                raise self._mixed("penalty")

    def _mixed(self, hook: str) -> RunError:
        return RunError(
            f"Expected what {named(self._strategy, hook)} gives for a replica to depend on that "
            f"replica alone, but in {self._where} it depends on others, too: replicas are mixed "
            f"along the first axis."
        )
