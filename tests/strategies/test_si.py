from typing import Any

import pytest
import torch
from torch import nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.strategies.si import SI
from tests.support.learning import learn, prepare, small_scenario

BATCH = torch.zeros(2, 8, 3, 3)
H = torch.tensor([[4.0, 0.5], [1.0, 9.0]])  # curvatures of two weights, of two replicas
AIM = torch.tensor([[1.0, -2.0], [0.5, 1.0]])


class _Weights(nn.Module):
    """Two weights of each replica, which begin at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 2))


def _descend(strategy: SI, aim: torch.Tensor, steps: int = 2000, rate: float = 2e-3) -> None:
    """Go down ½ h (θ − a)², with the strategy's penalty, and let the hooks see every step."""
    weight = next(strategy.model.parameters())
    strategy.before_task([])
    for _ in range(steps):
        weight.grad = None
        loss = (0.5 * H * (weight - aim).square()).sum() + _sum(strategy.penalty(BATCH))
        loss.backward()
        strategy.after_backward()
        with torch.no_grad():
            weight -= rate * weight.grad if weight.grad is not None else 0
        strategy.after_step()


def _sum(penalty: torch.Tensor | float) -> torch.Tensor:
    return torch.as_tensor(penalty).sum()


def _loss(weight: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    return 0.5 * H * (weight - aim).square()


def test_path_integral_of_a_parabola_is_what_each_weight_has_lowered_it_by() -> None:
    strategy = SI(damping=0.1)
    model: Any = _Weights()
    strategy.model = model
    _descend(strategy, AIM)
    end = model.weight.detach().clone()
    lowered = _loss(torch.zeros(2, 2), AIM) - _loss(end, AIM)
    torch.testing.assert_close(strategy.kept["path"]["weight"], lowered, rtol=2e-2, atol=0)
    strategy.after_task([])
    expected = lowered / (end.square() + 0.1)
    torch.testing.assert_close(strategy.kept["importance"]["weight"], expected, rtol=2e-2, atol=0)


def test_path_is_that_of_the_tasks_own_loss_and_not_of_the_penalty() -> None:
    strategy = SI(c=5.0)
    model: Any = _Weights()
    strategy.model = model
    _descend(strategy, AIM)
    strategy.after_task([])
    start = model.weight.detach().clone()
    _descend(strategy, -AIM)
    end = model.weight.detach().clone()
    # The penalty holds the weights back, and what they have lowered is the task's loss alone.
    assert (end + AIM).abs().min() > 0.05
    lowered = _loss(start, -AIM) - _loss(end, -AIM)
    torch.testing.assert_close(strategy.kept["path"]["weight"], lowered, rtol=2e-2, atol=0)
    # The task began elsewhere than at 0, and its share joins that of the first.
    first = strategy.kept["importance"]["weight"].clone()
    strategy.after_task([])
    expected = first + lowered / ((end - start).square() + 0.1)
    torch.testing.assert_close(strategy.kept["importance"]["weight"], expected, rtol=2e-2, atol=0)


def test_negative_gains_count_as_0() -> None:
    strategy = SI()
    model: Any = _Weights()
    strategy.model = model
    strategy.before_task([])
    strategy.kept["path"]["weight"].copy_(torch.tensor([[-1.0, 2.0], [0.0, -3.0]]))
    strategy.after_task([])
    expected = torch.tensor([[0.0, 20.0], [0.0, 0.0]])
    torch.testing.assert_close(strategy.kept["importance"]["weight"], expected)


def test_penalty_by_hand() -> None:
    strategy = SI(c=3.0)
    model: Any = _Weights()
    strategy.model = model
    assert strategy.penalty(BATCH) == 0
    strategy.kept["importance"] = {"weight": torch.tensor([[1.0, 2.0], [0.0, 4.0]])}
    strategy.kept["anchor"] = {"weight": torch.tensor([[1.0, -1.0], [5.0, 0.5]])}
    penalty = strategy.penalty(BATCH)
    assert isinstance(penalty, torch.Tensor)
    assert penalty.tolist() == [9.0, 3.0]


def test_what_is_kept_between_tasks_is_importance_and_weights() -> None:
    scenario = small_scenario()
    strategy = prepare(SI(), scenario, [3])
    model = sum(own.nbytes for own in strategy.model.parameters())
    for number in (1, 2):
        learn(strategy, [scenario], [3], number)
        assert sum(own.nbytes for own in strategy.state_dict().values()) == 2 * model


@pytest.mark.parametrize("options", [{"c": -1.0}, {"damping": 0.0}, {"damping": float("inf")}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        SI(**options)
