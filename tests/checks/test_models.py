"""What every model must do; a new one is found here by itself."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from cl_anomaly.models import MODELS, Model
from cl_anomaly.models.base import GENERATE
from cl_anomaly.randomness import ReplicaRandom

SEEDS = [3, 7]


def made(name: str, seeds: Sequence[int] = SEEDS) -> Model:
    make: Any = MODELS[name]
    return make((4, 4), seeds)


@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_loss_is_one_number_for_each_sample(self, name: str) -> None:
        model = made(name)
        loss = model.loss(torch.rand(2, 5, 4, 4), ReplicaRandom(SEEDS, "noise"))
        assert loss.shape == (2, 5)
        assert loss.isfinite().all()

    def test_replicas_do_not_touch_each_other(self, name: str) -> None:
        model = made(name)
        model.loss(torch.rand(2, 5, 4, 4), ReplicaRandom(SEEDS, "noise"))[0].sum().backward()
        for parameter in model.parameters():
            assert parameter.grad is not None
            assert parameter.grad[0].any()
            assert not parameter.grad[1].any()

    def test_seed_starts_the_same_alone_or_among_others(self, name: str) -> None:
        among = made(name)
        alone = made(name, SEEDS[1:])
        for one, other in zip(among.parameters(), alone.parameters(), strict=True):
            assert torch.equal(one[1:], other)

    def test_generated_samples_lie_between_0_and_1(self, name: str) -> None:
        model = made(name)
        if GENERATE in model.abilities:
            samples = model.generator().generate(50, ReplicaRandom(SEEDS, "replay"))
            assert samples.shape == (2, 50, 4, 4)
            assert samples.dtype == torch.float32
            assert 0 <= samples.min() < samples.max() <= 1

    def test_reconstruct_draws_nothing(self, name: str) -> None:
        model, x = made(name), torch.rand(2, 5, 4, 4)
        assert torch.equal(model.reconstruct(x).means, model.reconstruct(x).means)
