"""The mean loss of each epoch."""

import math

import pytest
import torch

from cl_anomaly.training.outcome import EpochLosses

CPU = torch.device("cpu")


def losses_of(step: int) -> torch.Tensor:
    return torch.tensor([1.0 * step, 100.0 + step])


def test_replicas_of_other_lengths_have_epochs_of_their_own() -> None:
    losses = EpochLosses([4, 7], 2, CPU)
    for step in range(1, 8):
        losses.add(step, losses_of(step))
    # Of 7 steps, the first epoch has four: it ends within the fourth.
    expected = [[(1 + 2) / 2, (3 + 4) / 2], [100 + (1 + 2 + 3 + 4) / 4, 100 + (5 + 6 + 7) / 3]]
    for mean, own in zip(losses.means().tolist(), expected, strict=True):
        assert mean == pytest.approx(own)


def test_what_has_no_step_has_no_mean() -> None:
    losses = EpochLosses([4, 4], 2, CPU)
    losses.add(1, losses_of(1))
    assert losses.means()[:, 0].tolist() == [1, 101]
    assert all(math.isnan(mean) for mean in losses.means()[:, 1].tolist())


def test_a_task_that_begins_anew_forgets_what_was_broken_off() -> None:
    losses = EpochLosses([2, 2], 1, CPU)
    for step in (1, 2, 1, 2):
        losses.add(step, losses_of(step) + (50 if step == 2 else 0))
    losses.add(1, losses_of(1))
    losses.add(2, losses_of(2))
    assert losses.means().tolist() == [[1.5], [101.5]]


def test_a_loss_with_another_axis_is_one_number_for_each_replica() -> None:
    losses = EpochLosses([1], 1, CPU)
    losses.add(1, torch.tensor([[3.0]]))
    assert losses.means().tolist() == [[3.0]]


def test_its_state_goes_on_where_it_was() -> None:
    one, other = EpochLosses([4, 7], 2, CPU), EpochLosses([4, 7], 2, CPU)
    for step in range(1, 8):
        one.add(step, losses_of(step))
        if step == 3:
            other.load_state_dict({name: own.clone() for name, own in one.state_dict().items()})
        if step > 3:
            other.add(step, losses_of(step))
    assert torch.equal(one.means(), other.means())
