import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.strategies.l2 import L2
from tests.support.learning import learn, prepare, small_scenario, weights

BATCH = torch.zeros(2, 8, 3, 3)


def test_penalty_by_hand() -> None:
    # ½ λ Σ (θ − θ*)² with λ = 10, and θ − θ* = 0.5 in one replica, 0.25 in the other.
    strategy = L2(lam=10.0)
    prepare(strategy, small_scenario(), [0, 1])
    assert strategy.penalty(BATCH) == 0
    count = 0
    for name, weight in strategy.model.named_parameters():
        shift = torch.tensor([0.5, 0.25]).view(2, *[1] * (weight.dim() - 1))
        strategy.kept.setdefault("anchor", {})[name] = weight.detach() - shift
        count += weight[0].numel()
    expected = torch.tensor([0.5 * 10 * 0.25 * count, 0.5 * 10 * 0.0625 * count])
    penalty = strategy.penalty(BATCH)
    assert isinstance(penalty, torch.Tensor)
    torch.testing.assert_close(penalty.detach(), expected, rtol=1e-4, atol=0)


def test_weights_are_held_where_the_last_task_left_them() -> None:
    scenario, strategy = small_scenario(), L2()
    prepare(strategy, scenario, [0])
    for number in (1, 2):
        learn(strategy, [scenario], [0], number)
        for name, weight in strategy.model.named_parameters():
            assert torch.equal(strategy.kept["anchor"][name], weight)
    kept = sum(own.nbytes for own in strategy.state_dict().values())
    assert kept == sum(own.nbytes for own in strategy.model.parameters())


def test_larger_lambda_moves_less() -> None:
    scenario, moved = small_scenario(), []
    for lam in (0.0, 1.0, 1e4):
        strategy = prepare(L2(lam), scenario, [0])
        learn(strategy, [scenario], [0], 1)
        before = weights(strategy)
        learn(strategy, [scenario], [0], 2)
        after = weights(strategy)
        moved.append(sum(float((a - b).norm()) for a, b in zip(after, before, strict=True)))
    assert moved[0] > moved[1] > moved[2] > 0


@pytest.mark.parametrize("lam", [-1.0, float("inf")])
def test_lambda_out_of_range(lam: float) -> None:
    with pytest.raises(InputError, match="lam"):
        L2(lam)
