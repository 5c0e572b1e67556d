import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.strategies.agem import AGEM
from tests.support.learning import learn, prepare, small_scenario

SEEDS = [3, 7]


def _after_first_task(strategy: AGEM) -> AGEM:
    scenario = small_scenario()
    prepare(strategy, scenario, SEEDS)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    strategy.task_number = 2
    return strategy


def _gradients(strategy: AGEM, signs: tuple[float, float]) -> list[torch.Tensor]:
    """Set gradients along (1) or against (-1) the memory's, with something beside it."""
    strategy.random = ReplicaRandom(SEEDS, "agem")
    slots = strategy.reservoir.draw(64, strategy.random)
    x = strategy.samples.scaled(strategy.reservoir.take("samples", slots))
    parameters = list(strategy.model.parameters())
    loss = strategy.model.loss(x, strategy.random).mean(1).sum()
    references = torch.autograd.grad(loss, parameters)
    beside = ReplicaRandom(SEEDS, "beside")
    for weight, reference in zip(parameters, references, strict=True):
        sign = torch.tensor(signs).view(-1, *[1] * (weight.dim() - 1))
        weight.grad = 2 * sign * reference + beside.normal(*weight.shape[1:])
    strategy.random = ReplicaRandom(SEEDS, "agem")
    return list(references)


def _flat(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([own.flatten(1) for own in tensors], dim=1).double()


def test_projection_of_each_replica_written_out() -> None:
    # The first replica's gradient points along the memory's and stays; the second's is projected.
    strategy = _after_first_task(AGEM())
    references = _gradients(strategy, (1.0, -1.0))
    grads = [weight.grad for weight in strategy.model.parameters()]
    before = _flat([own.clone() for own in grads if own is not None])
    strategy.after_backward()
    after = _flat([own for own in grads if own is not None])
    g_ref = _flat(references)
    assert before[0] @ g_ref[0] > 0 > before[1] @ g_ref[1]
    assert torch.equal(after[0], before[0])
    expected = before[1] - (before[1] @ g_ref[1]) / (g_ref[1] @ g_ref[1]) * g_ref[1]
    torch.testing.assert_close(after[1], expected, rtol=1e-4, atol=1e-4)
    assert abs(after[1] @ g_ref[1]) < 1e-3 * after[1].norm() * g_ref[1].norm()


def test_first_task_is_left_alone() -> None:
    strategy = prepare(AGEM(), small_scenario(), SEEDS)
    strategy.after_backward()
    assert all(weight.grad is None for weight in strategy.model.parameters())


def test_batch_stays_as_it_is() -> None:
    x = torch.rand(2, 8, 3, 3)
    assert _after_first_task(AGEM()).extend(x) is x


def test_reference_out_of_range() -> None:
    assert AGEM(reference=1).reference == 1
    with pytest.raises(InputError, match="reference"):
        AGEM(reference=0)
