"""Adam, against PyTorch's own and by hand, and that its bits depend on no neighbours."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.training.adam import Adam

SIZES = (1, 5, 15, 16, 17, 65, 1000, 80025)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def numbers(replicas: int, size: int, kind: int, step: int = 0) -> Tensor:
    """Numbers of each replica, (R, size), which do not depend on the others."""
    made = [
        torch.randn(
            size, generator=torch.Generator().manual_seed(1000 * replica + 10 * step + kind)
        )
        for replica in range(replicas)
    ]
    return torch.stack(made)


def trained(replicas: list[int], size: int, steps: int = 5) -> Tensor:
    every = max(replicas) + 1
    weight = numbers(every, size, 0)[replicas].requires_grad_()
    adam = Adam([weight], 1e-2)
    for step in range(steps):
        weight.grad = numbers(every, size, 1, step)[replicas]
        adam.step()
    return weight.detach()


@pytest.mark.parametrize("size", SIZES)
def test_a_replica_has_the_same_bits_alone_and_among_others(size: int, threads: None) -> None:
    torch.set_num_threads(1)
    six = trained(list(range(6)), size)
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        for replicas in ([0], [5], [4, 5], [1, 0], [0, 1, 2, 3, 4, 5]):
            assert torch.equal(trained(replicas, size), six[replicas]), (count, replicas)


@pytest.mark.parametrize("size", SIZES)
def test_is_pytorchs_adam(size: int) -> None:
    theirs = numbers(3, size, 0).double().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=1e-2, fused=False)
    for step in range(5):
        theirs.grad = numbers(3, size, 1, step).double()
        optimizer.step()
    torch.testing.assert_close(
        trained([0, 1, 2], size).double(), theirs.detach(), rtol=1e-5, atol=1e-6
    )


def test_the_first_step_is_as_long_as_the_learning_rate() -> None:
    # Both moments are corrected to the gradient and its square: α g / (|g| + ε).
    weight = torch.zeros(1, 3).requires_grad_()
    weight.grad = torch.tensor([[0.5, -2.0, 0.0]])
    Adam([weight], 0.1).step()
    torch.testing.assert_close(weight.detach(), torch.tensor([[-0.1, 0.1, 0.0]]))


def test_a_weight_without_a_gradient_stays_and_counts_no_step() -> None:
    one, other = (torch.ones(2, 5).requires_grad_() for _ in range(2))
    adam = Adam([one, other], 0.1)
    one.grad = torch.ones(2, 5)
    adam.step()
    assert torch.equal(other.detach(), torch.ones(2, 5))
    assert [int(adam.state()[f"{place}.step"]) for place in range(2)] == [1, 0]
    adam.zero_grad()
    assert one.grad is None
    adam.step()
    assert [int(adam.state()[f"{place}.step"]) for place in range(2)] == [1, 0]


def test_it_goes_on_from_its_state_with_the_same_bits() -> None:
    weight = numbers(2, 21, 0).view(2, 3, 7).requires_grad_()
    adam = Adam([weight], 0.1)
    for step in range(3):
        weight.grad = numbers(2, 21, 1, step).view(2, 3, 7)
        adam.step()
    again = weight.detach().clone().requires_grad_()
    other = Adam([again], 0.1)
    other.restore({name: own.clone() for name, own in adam.state().items()})
    for one, its in ((weight, adam), (again, other)):
        one.grad = numbers(2, 21, 1, 3).view(2, 3, 7)
        its.step()
    assert torch.equal(weight, again)
    assert {name: tuple(own.shape) for name, own in adam.state().items()} == {
        "0.step": (),
        "0.exp_avg": (2, 3, 7),
        "0.exp_avg_sq": (2, 3, 7),
    }


def test_what_it_cannot_take_is_refused() -> None:
    with pytest.raises(RunError, match=r"strides \(1, 2\)"):
        Adam([torch.zeros(3, 2).T], 0.1)
    adam = Adam([torch.zeros(2, 3)], 0.1)
    with pytest.raises(ValueError):
        adam.restore(Adam([torch.zeros(2, 4)], 0.1).state())
