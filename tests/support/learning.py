"""A strategy with a small model and small data, ready to learn."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cl_anomaly.data.datasets import Dataset, Samples
from cl_anomaly.models.vae import VAE
from cl_anomaly.scenarios.class_stream import Scenario, build_scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.outcome import TrainingTime
from cl_anomaly.training.schedule import TrainingSettings

SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-2, precision=torch.float32)


def small_dataset(per_class: Sequence[int] = (10, 20, 30, 25)) -> Dataset:
    """Classes of 3x3 random pixels, each around a level of its own."""
    numbers = torch.Generator().manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(len(per_class)), torch.tensor(per_class))
    noise = torch.randint(0, 60, (len(labels), 3, 3), generator=numbers)
    samples = Samples((noise + 50 * labels[:, None, None]).to(torch.uint8), 1 / 255)
    return Dataset("small", samples, labels, samples, labels, sha256="")


def small_scenario(**settings: object) -> Scenario:
    return build_scenario(small_dataset(), **settings)  # type: ignore[arg-type]


class Drawn:
    """Gives the same numbers, (R, B, *size), whenever it is asked to draw as many."""

    def __init__(self, numbers: Tensor, whole: Tensor | None = None) -> None:
        self._numbers, self._whole = numbers, whole

    def normal(self, count: int, *size: int) -> Tensor:
        assert self._numbers.shape[1:] == (count, *size)
        return self._numbers

    def integers(self, high: int, count: int, *size: int) -> Tensor:
        assert self._whole is not None, "Expected nothing but normal numbers to be drawn."
        assert self._whole.shape[1:] == (count, *size)
        return self._whole


class Recording(Samples):
    """Samples that remember which of them were asked for."""

    asked: list[Tensor]

    def batch(self, indices: Tensor) -> Tensor:
        self.__dict__.setdefault("asked", []).append(indices.clone())
        return super().batch(indices)


def prepare(
    strategy: Strategy,
    scenario: Scenario,
    seeds: Sequence[int],
    hidden_sizes: tuple[int, ...] = (12,),
) -> Strategy:
    """Do what a run does before its first task."""
    strategy.model = VAE(scenario.dataset.features, seeds, latent_size=2, hidden_sizes=hidden_sizes)
    train = scenario.dataset.train
    strategy.samples = Recording(train.stored, train.scale)
    return strategy


def vae_of(strategy: Strategy) -> VAE:
    """The model that `prepare` made."""
    assert isinstance(strategy.model, VAE)
    return strategy.model


def learn(
    strategy: Strategy,
    scenarios: Sequence[Scenario],
    seeds: Sequence[int],
    number: int,
    losses: list[Tensor] | None = None,
    settings: TrainingSettings = SETTINGS,
) -> TrainingTime:
    """Train on one task, and keep what the strategy keeps; losses, (R,) a step, are recorded."""
    learner = Learner(strategy, seeds, scenarios, settings)
    record = [] if losses is None else losses
    learner.begin(number)
    time = learner.train(lambda _, _steps, loss: record.append(loss))
    learner.conclude()
    return time


def weights(strategy: Strategy) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in strategy.model.parameters()]


def with_precision(precision: torch.dtype) -> TrainingSettings:
    return replace(SETTINGS, precision=precision)
