"""What a strategy keeps: state, resume and memory in bytes follow from it."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cl_anomaly.checks import check_strategy
from cl_anomaly.core.errors import RunError
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies import Strategy
from cl_anomaly.strategies.shared.kept import Kept, frozen
from tests.support.learning import learn, prepare, small_scenario


def test_tensors_dictionaries_lists_and_modules_come_back() -> None:
    kept, layer = Kept(), nn.Linear(2, 3)
    kept["alone"] = torch.ones(2)
    kept["by name"] = {"a.weight": torch.zeros(1), "b/weight": torch.ones(3)}
    kept["in order"] = [torch.full((1,), float(place)) for place in range(11)]
    kept["layer"] = frozen(layer)
    tensors = dict(sorted(kept.tensors().items()))  # as a file has them, #10 before #2
    again = Kept(gone=torch.zeros(1))
    again.load(tensors)
    assert "gone" not in again
    assert torch.equal(again["alone"], torch.ones(2))
    assert again["alone"] is not kept["alone"]
    assert {name: own.tolist() for name, own in again["by name"].items()} == {
        "a.weight": [0],
        "b/weight": [1, 1, 1],
    }
    assert [int(own) for own in again["in order"]] == list(range(11))
    made = again.module("layer", lambda: nn.Linear(2, 3))
    assert made is not None and made is again.module("layer", lambda: nn.Linear(2, 3))
    assert torch.equal(made.weight, layer.weight) and not made.weight.requires_grad
    assert again.tensors().keys() == kept.tensors().keys()
    assert again.module("nothing", lambda: layer) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", 3), ("names", {"a": "b"}), ("rows", [torch.ones(1), 2]), ("a/b", torch.ones(1))],
)
def test_what_is_no_tensor_is_refused_when_it_is_to_be_kept(name: str, value: Any) -> None:
    with pytest.raises(RunError, match="to be a tensor, a dictionary or a list of tensors"):
        Kept()[name] = value


class Assigns(Strategy):
    """Put something in the place of what is kept."""

    def after_task(self, tasks: Sequence[Task]) -> None:
        self.kept = {"weight": torch.ones(1)}  # type: ignore[misc]


def test_it_is_changed_and_not_replaced() -> None:
    scenario = small_scenario()
    strategy = prepare(Assigns(), scenario, [3])
    with pytest.raises(RunError, match=r"'kept'.* has no setter.*raised by Assigns.after_task"):
        learn(strategy, [scenario], [3], 1)


class Springs(Strategy):
    """Pull towards the weights after each task (this test, 2026)."""

    def penalty(self, x: Tensor) -> Tensor | float:
        past = [self.kept[f"task {number}"] for number in range(1, self.task_number)]
        pulls = [
            (own - before).square().flatten(1).sum(1)
            for weights in past
            for own, before in zip(self.model.parameters(), weights, strict=True)
        ]
        return torch.stack(pulls).sum(0) if pulls else 0.0

    def after_task(self, tasks: Sequence[Task]) -> None:
        weights = [own.detach().clone() for own in self.model.parameters()]
        self.kept[f"task {self.task_number}"] = weights


def test_a_strategy_of_ones_own_needs_no_more_to_be_resumed() -> None:
    check_strategy(Springs)


def test_its_bytes_are_counted() -> None:
    scenario, strategy = small_scenario(), Springs()
    prepare(strategy, scenario, [3])
    for number in (1, 2):
        learn(strategy, [scenario], [3], number)
    model = sum(own.nbytes for own in strategy.model.parameters())
    assert sum(own.nbytes for own in strategy.state_dict().values()) == 2 * model


class Counting(Strategy):
    """Keep a number from one call of a step's hooks to the next."""

    def extend(self, x: Tensor) -> Tensor:
        self.kept["calls"] = self.kept.get("calls", torch.zeros(1)) + 1
        return x.clamp(max=1 / float(self.kept["calls"]))


def test_what_a_rehearsal_keeps_is_forgotten() -> None:
    scenario, strategy = small_scenario(), Counting()
    prepare(strategy, scenario, [3, 7])
    learn(strategy, [scenario] * 2, [3, 7], 1)
    # Two epochs of 20 samples in batches of 8, and none of the rehearsal's calls.
    assert int(strategy.kept["calls"]) == 5
