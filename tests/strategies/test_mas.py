from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from cl_anomaly.models import MODELS, Model
from cl_anomaly.models.base import RECONSTRUCT
from cl_anomaly.models.shared.fisher import absolute_gradients
from cl_anomaly.strategies.mas import MAS
from tests.support.learning import learn, prepare, small_scenario

BATCH = torch.zeros(2, 8, 3, 3)


class _Norm(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.reconstruct(x).means.square().sum()


def _absolute(model: Model, replica: int, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """|∂‖F(x)‖² / ∂θ| of each sample by torch.func: by parameter name, (B, *parameter)."""
    own = {f"model.{n}": p.detach()[replica : replica + 1] for n, p in model.named_parameters()}

    def norm(weights: dict[str, torch.Tensor], one: torch.Tensor) -> torch.Tensor:
        return functional_call(_Norm(model), weights, (one[None, None],))

    gradients = vmap(grad(norm), (None, 0))(own, x)
    return {name.removeprefix("model."): g.abs()[:, 0] for name, g in gradients.items()}


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if RECONSTRUCT in m.abilities])
def test_absolute_gradients_of_every_model_are_torch_funcs(name: str) -> None:
    model, x = MODELS[name]((4, 4), [0, 5]), torch.rand(2, 3, 4, 4)
    sums = absolute_gradients(model, lambda: model.reconstruct(x).means.square().flatten(2).sum(2))
    assert set(sums) == {name for name, _ in model.named_parameters()}
    for replica in range(2):
        for parameter, expected in _absolute(model, replica, x[replica]).items():
            torch.testing.assert_close(
                sums[parameter][replica], expected.sum(0), rtol=1e-4, atol=1e-5
            )


def test_importance_is_the_mean_over_each_replicas_own_samples_summed_over_tasks() -> None:
    # Orders of their own: each replica's tasks have other classes, with other counts.
    seeds, strategy = [3, 7], MAS()
    scenarios = [small_scenario(task_order=order) for order in ([1, 2, 3], [3, 1, 2])]
    prepare(strategy, scenarios[0], seeds)
    names = [name for name, _ in strategy.model.named_parameters()]
    expected: list[dict[str, Any]] = [dict.fromkeys(names, 0) for _ in seeds]
    for number in (1, 2):
        learn(strategy, scenarios, seeds, number)
        for replica, scenario in enumerate(scenarios):
            x = strategy.samples.batch(scenario.tasks[number - 1].indices)
            for name, own in _absolute(strategy.model, replica, x).items():
                expected[replica][name] = expected[replica][name] + own.mean(0)
    for replica in range(2):
        for name, value in strategy.kept["importance"].items():
            torch.testing.assert_close(value[replica], expected[replica][name])


def test_penalty_by_hand() -> None:
    # λ Σ Ω (θ − θ*)² with λ = 10, Ω = 3, and θ − θ* = 0.5 in one replica, 0.25 in the other.
    strategy = MAS(lam=10.0)
    prepare(strategy, small_scenario(), [0, 1])
    assert strategy.penalty(BATCH) == 0
    count = 0
    for name, weight in strategy.model.named_parameters():
        shift = torch.tensor([0.5, 0.25]).view(2, *[1] * (weight.dim() - 1))
        strategy.kept.setdefault("importance", {})[name] = torch.full_like(weight, 3.0)
        strategy.kept.setdefault("anchor", {})[name] = weight.detach() - shift
        count += weight[0].numel()
    penalty = strategy.penalty(BATCH)
    assert isinstance(penalty, torch.Tensor)
    expected = torch.tensor([10 * 3 * 0.25 * count, 10 * 3 * 0.0625 * count])
    torch.testing.assert_close(penalty.detach(), expected, rtol=1e-4, atol=0)
