from typing import Any

import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.ae import AE
from cl_anomaly.models.base import Model, check_abilities
from cl_anomaly.models.flow import Flow
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.strategies.der import DER
from tests.support.learning import learn, prepare, small_dataset, small_scenario

SEEDS = [3, 7]


def _after_first_task(strategy: DER) -> DER:
    scenario = small_scenario()
    prepare(strategy, scenario, SEEDS)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    strategy.task_number, strategy.random = 2, ReplicaRandom(SEEDS, "der")
    return strategy


def _terms(model: Model, strategy: DER) -> tuple[torch.Tensor, torch.Tensor]:
    """‖h(x′) − z′‖² and ℓ(x″), written out a replica and a sample at a time."""
    random, kept = ReplicaRandom(SEEDS, "der"), strategy.reservoir.kept
    first = strategy.reservoir.draw(5, random)
    second = strategy.reservoir.draw(5, random)
    means = model.reconstruct(kept["samples"] / 255).means.detach()
    distances = [
        [float((means[r, s] - kept["outputs"][r, s]).square().sum()) for s in first[r].tolist()]
        for r in range(2)
    ]
    x = torch.stack([kept["samples"][r, second[r]] for r in range(2)]) / 255
    return torch.tensor(distances).mean(1), model.loss(x, random).mean(1)


def test_penalty_written_out() -> None:
    strategy = _after_first_task(DER(alpha=0.3, beta=0.7))
    with torch.no_grad():
        for weight in strategy.model.parameters():
            weight.add_(
                0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
            )
    distances, losses = _terms(strategy.model, strategy)
    penalty = strategy.penalty(torch.zeros(2, 5, 3, 3))
    assert isinstance(penalty, torch.Tensor) and (distances > 1e-3).all()
    torch.testing.assert_close(penalty, 0.3 * distances + 0.7 * losses, rtol=1e-4, atol=1e-6)


def test_outputs_are_those_of_the_model_when_they_were_stored() -> None:
    strategy = _after_first_task(DER())
    kept = dict(strategy.reservoir.kept)
    means = strategy.model.reconstruct(kept["samples"] / 255).means
    torch.testing.assert_close(kept["outputs"], means)
    scenario = small_scenario()
    learn(strategy, [scenario] * 2, SEEDS, 2)
    # The reservoir has room for all: what the first task left gives what it gave then.
    assert torch.equal(strategy.reservoir.kept["outputs"][:, :20], kept["outputs"])


def test_outputs_of_many_samples_are_each_their_own() -> None:
    # More than are computed at once.
    scenario, strategy = build_scenario(small_dataset([10, 600])), DER(samples=550)
    prepare(strategy, scenario, SEEDS)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    kept = strategy.reservoir.kept
    assert kept["outputs"].shape == (2, 550, 3, 3)
    means = strategy.model.reconstruct(kept["samples"] / 255).means
    torch.testing.assert_close(kept["outputs"], means)


def test_first_task_has_nothing_to_recall() -> None:
    strategy = prepare(DER(), small_scenario(), SEEDS)
    assert strategy.penalty(torch.zeros(2, 8, 3, 3)) == 0


def test_bytes_are_those_of_samples_outputs_and_a_counter() -> None:
    strategy = _after_first_task(DER(memory_bytes=8 + 6 * (9 + 36) + 44))
    assert sum(own.nbytes for own in strategy.state_dict().values()) == 2 * (8 + 6 * 45)


@pytest.mark.parametrize("options", [{"alpha": -1.0}, {"beta": float("inf")}])
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        DER(**options)


def test_a_model_without_outputs_is_refused() -> None:
    check_abilities(AE, DER.needs, "der")
    with pytest.raises(InputError, match="can reconstruct samples, which der needs, but flow"):
        check_abilities(Flow, DER.needs, "der")
