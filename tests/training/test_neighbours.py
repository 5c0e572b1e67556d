"""What a replica learns is the same bits alone, among two and among six: whatever the model."""

import math

import pytest
import torch
from torch import Tensor

from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.models import MODELS
from cl_anomaly.scenarios.class_stream import Scenario, build_scenario
from cl_anomaly.strategies import find_strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.schedule import TrainingSettings

# No size is a multiple of a vector's, nor is what replicas have together.
SMALL = {"latent_size": 3, "hidden_sizes": (13, 7)}
OPTIONS = {name: SMALL for name in ("vae", "ae", "sparse-ae", "denoising-ae")}
GROUPS = ([0], [5], [4, 5], [1, 0], [0, 1, 2, 3, 4, 5])
PAIRS = [
    *(("vae", name) for name in ("gr", "ewc", "replay", "vcl", "agem", "si", "lwf", "gr-evt")),
    *(("flow", name) for name in ("ewc", "gr")),
    *((name, "lower") for name in ("ae", "conv-ae", "diffusion", "experts")),
]


def scenario(features: tuple[int, ...]) -> Scenario:
    random = torch.Generator().manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([30, 40, 33, 29]))
    level = 0.12 * labels.view(-1, *[1] * len(features))
    x = Samples(torch.rand(len(labels), *features, generator=random) * 0.5 + level, 1.0)
    return build_scenario(Dataset("made-up", x, labels, x, labels, ""), 0, (1, 2, 3))


def learnt(model: str, strategy: str, seeds: list[int]) -> list[Tensor]:
    """All weights after three tasks, (R, ...)."""
    features = (9, 9) if model.startswith("conv") else (5,)
    stream, own = scenario(features), find_strategy(strategy)()
    own.model = MODELS[model](features, seeds, **OPTIONS.get(model, {}))  # type: ignore[arg-type]
    own.samples = stream.dataset.train
    settings = TrainingSettings(2, 19, 1e-3, torch.float32)
    learner = Learner(own, seeds, [stream] * len(seeds), settings)
    for number in (1, 2, 3):
        learner.begin(number)
        learner.train(lambda *_: None)
        learner.conclude()
    return [parameter.detach().clone() for parameter in own.model.parameters()]


@pytest.mark.parametrize(("model", "strategy"), PAIRS, ids=lambda name: name)
def test_a_seed_has_the_same_bits_alone_and_among_others(model: str, strategy: str) -> None:
    six = learnt(model, strategy, [0, 1, 2, 3, 4, 5])
    assert math.prod(six[0].shape) > 0 and not torch.equal(six[0][0], six[0][1])
    for seeds in GROUPS[:-1]:
        for among, own in zip(six, learnt(model, strategy, seeds), strict=True):
            assert torch.equal(own, among[seeds]), seeds
