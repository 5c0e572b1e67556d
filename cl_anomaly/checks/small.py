"""A small model and small data, learnt in a moment, for all checks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from cl_anomaly.data.datasets import Dataset, Samples
from cl_anomaly.models import MODELS
from cl_anomaly.scenarios.class_stream import Scenario, build_scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.schedule import TrainingSettings

SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-2, precision=torch.float32)
FEATURES = (3, 3)

Check = TypeVar("Check", bound=Callable[..., None])


def small_dataset(per_class: Sequence[int] = (10, 20, 30, 25)) -> Dataset:
    """Make classes of 3x3 random pixels, each around its own level."""
    numbers = torch.Generator().manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(len(per_class)), torch.tensor(per_class))
    noise = torch.randint(0, 60, (len(labels), *FEATURES), generator=numbers)
    samples = Samples((noise + 50 * labels[:, None, None]).to(torch.uint8), 1 / 255)
    return Dataset("small", samples, labels, samples, labels, sha256="")


def small_scenario(order: Sequence[int] = (1, 2, 3)) -> Scenario:
    """Make a stream of three tasks, in which class 0 is anomalous."""
    return build_scenario(small_dataset(), 0, order)


_OPTIONS: dict[str, dict[str, Any]] = {
    "vae": {"latent_size": 2, "hidden_sizes": (12,)},
    "gaussians": {"features": "random", "width": 12},  # drawn by each seed
}


def prepared(
    make: Callable[[], Strategy], scenario: Scenario, seeds: Sequence[int], model_name: str = "vae"
) -> Strategy:
    """Make a strategy with a model and samples, as a run does before its first task."""
    strategy, make_model = make(), MODELS[model_name]
    strategy.model = make_model(FEATURES, seeds, **_OPTIONS.get(model_name, {}))
    strategy.samples = scenario.dataset.train
    return strategy


def learn(
    strategy: Strategy,
    scenarios: Sequence[Scenario],
    seeds: Sequence[int],
    numbers: Iterable[int] = (1, 2, 3),
) -> list[Tensor]:
    """Learn tasks; return the loss of each replica, (R,), after each step."""
    losses: list[Tensor] = []
    learner = Learner(strategy, seeds, scenarios, SETTINGS)
    for number in numbers:
        learner.begin(number)
        learner.train(lambda _, _steps, loss: losses.append(loss.clone()))
        learner.conclude()
    return losses


def weights(strategy: Strategy) -> list[Tensor]:
    """Return copies of all weights, (R, ...)."""
    return [parameter.detach().clone() for parameter in strategy.model.parameters()]


def expect(is_so: bool | Tensor, otherwise: str) -> None:
    """Raise AssertionError unless a condition holds."""
    if not is_so:
        raise AssertionError(otherwise)


def same(one: Sequence[Tensor], other: Sequence[Tensor], tolerance: float = 0.0) -> bool:
    """Return whether two lists of tensors agree."""
    pairs = zip(one, other, strict=True)
    return all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


def by_name(*checks: Check) -> dict[str, Check]:
    """Return functions by their names."""
    return {check.__name__: check for check in checks}
