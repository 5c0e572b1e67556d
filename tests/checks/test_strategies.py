"""What every strategy must do; a new one is found here by itself."""

from collections.abc import Callable, Sequence

import pytest
import torch

from cl_anomaly.checks import STRATEGY_CHECKS, check_strategy
from cl_anomaly.core import products as matrix_products
from cl_anomaly.core.errors import RunError
from cl_anomaly.core.machine import choose_precision
from cl_anomaly.core.products import Way
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies import Strategy, strategies
from tests.support.learning import learn, prepare, small_scenario, weights, with_precision
from tests.support.recording import recorded_steps

MULTIPLIES_IN_BFLOAT16 = choose_precision("auto", torch.device("cpu")) == torch.bfloat16


def _made(name: str) -> Strategy:
    return strategies()[name]()


@pytest.mark.parametrize("check", STRATEGY_CHECKS.values(), ids=STRATEGY_CHECKS.keys())
@pytest.mark.parametrize("name", strategies())
def test_strategy(name: str, check: Callable[[type[Strategy]], None]) -> None:
    check(strategies()[name])


@pytest.mark.parametrize("name", strategies())
def test_names_its_source_with_the_year(name: str) -> None:
    assert "(" in (strategies()[name].__doc__ or "")


class Forgetful(Strategy):
    """Keep something that `state_dict` does not give."""

    def after_task(self, tasks: Sequence[Task]) -> None:
        pass


class Global(Strategy):
    """Draw from PyTorch's own generator."""

    def extend(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, torch.rand_like(x)], dim=1)


@pytest.mark.parametrize("strategy", [Forgetful, Global])
def test_what_is_not_as_it_should_be_fails(strategy: type[Strategy]) -> None:
    with pytest.raises((AssertionError, RunError)):
        check_strategy(strategy)


@pytest.mark.parametrize("name", strategies())
class TestEveryStrategy:
    @pytest.mark.parametrize("way", ["the processor's own", "tensors"])
    def test_learns_in_bfloat16(self, name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        rounds = MULTIPLIES_IN_BFLOAT16 or way == "tensors"
        if way == "tensors":  # which a processor without the instructions emulates
            monkeypatch.setattr(
                matrix_products,
                "processor_way",
                {torch.bfloat16: Way.BFLOAT16_TENSORS, torch.float32: Way.DEFAULT}.__getitem__,
            )
        # Layers wide enough for the library to take its bfloat16 path.
        scenario = small_scenario()
        exact, rough = (prepare(_made(name), scenario, [0], (64,)) for _ in range(2))
        for number in (1, 2):
            learn(exact, [scenario], [0], number)
            learn(rough, [scenario], [0], number, settings=with_precision(torch.bfloat16))
        for one, other in zip(weights(exact), weights(rough), strict=True):
            assert other.dtype == torch.float32
            assert torch.equal(one, other) != rounds
            torch.testing.assert_close(one, other, rtol=0, atol=0.2)

    def test_a_recorded_step_can_be_replayed(self, name: str) -> None:
        # What a GPU does with a CUDA graph: a few steps, one of them recorded, the rest replayed
        # as the list of its operations on the same tensors, with no Python in between.
        scenario, seeds = small_scenario(), [0, 1]
        one, other = (prepare(_made(name), scenario, seeds) for _ in range(2))
        for number in (1, 2, 3):
            learn(one, [scenario] * 2, seeds, number)
            with recorded_steps() as recordings:
                learn(other, [scenario] * 2, seeds, number)
            assert recordings and all(recording.replays for recording in recordings)
            for ours, theirs in zip(weights(one), weights(other), strict=True):
                torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
