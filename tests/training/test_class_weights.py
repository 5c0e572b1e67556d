"""Weights of classes: what they multiply, and what they are refused with."""

from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly import RunConfig, run
from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.labels import parse_class_weights
from cl_anomaly.plan.build import check_together, prepare
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import StepHooks
from tests.support.command import cli

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "task_order": [1, 2],
    "device": "cpu",
    "precision": "float32",
    "score": "mse",
}


class Drops(Strategy):
    """Train on half of each batch."""

    def extend(self, x: Tensor) -> Tensor:
        return x[:, ::2]


class _Counts:
    """A model whose loss of a sample is the sample itself."""

    def loss(self, x: Tensor, random: Any) -> Tensor:
        return x.flatten(2).sum(2)


def hooks_of(strategy: Strategy) -> StepHooks:
    strategy.model, strategy.task_number = _Counts(), 2  # pyright: ignore[reportAttributeAccessIssue]
    hooks = StepHooks.__new__(StepHooks)
    hooks._strategy = strategy
    return hooks


def test_visible_samples_are_weighed_and_added_ones_are_not() -> None:
    x = torch.tensor([[[1.0], [2.0], [3.0], [4.0]], [[5.0], [6.0], [7.0], [8.0]]])
    weights = torch.tensor([[2.0, 0.5], [1.0, 3.0]])  # two visible samples, two that were added
    hooks = hooks_of(Strategy())
    losses = hooks.losses(x, None)  # pyright: ignore[reportArgumentType]
    given = hooks.weighted(losses, weights)
    assert given.tolist() == [[2.0, 1.0, 3.0, 4.0], [5.0, 18.0, 7.0, 8.0]]


def test_a_weight_of_one_changes_no_byte() -> None:
    plain = run(RunConfig(strategy="gr", epochs=2, **SMALL))
    ones = run(RunConfig(strategy="gr", epochs=2, class_weights={"2": 1.0}, **SMALL))
    assert plain.scores["mse"].tobytes() == ones.scores["mse"].tobytes()


def test_a_class_of_weight_is_reconstructed_better_and_the_others_worse() -> None:
    def errors(weights: dict[str, float]) -> dict[int, float]:
        joint = SMALL | {"scenario": "joint", "task_order": "ascending", "epochs": 15}
        result = run(RunConfig(strategy="lower", class_weights=weights, **joint))
        error = result.scores["mse"][0, -1]
        return {c: float(error[result.test_labels == c].mean()) for c in range(1, 10)}

    plain, weighed = errors({}), errors({"1": 100.0})
    assert weighed[1] < 0.9 * plain[1]
    assert all(weighed[c] > plain[c] for c in plain if c != 1)


@pytest.mark.parametrize(
    ("text", "weights"),
    [("3=2,5=0.5", {"3": 2.0, "5": 0.5}), ("a=b=2", {"a=b": 2.0}), ("", {}), ({3: 2}, {"3": 2.0})],
)
def test_weights_are_read(text: Any, weights: dict[str, float]) -> None:
    assert parse_class_weights(text) == weights


@pytest.mark.parametrize("text", ["3", "3=", "3=0", "3=-1", "3=nan", "3=inf", "3=1,3=2", "=2"])
def test_what_are_no_weights_is_refused(text: str) -> None:
    done = cli("run", "--dataset", "digits", f"--class-weights={text}")
    assert done.code == 2
    assert "`--class-weights` to be weights above 0 of different classes" in done.err


def test_a_class_that_there_is_not_is_refused() -> None:
    done = cli("run", "--dataset", "digits", "--class-weights", "11=2")
    assert done.code == 2
    assert "Expected `--class-weights` to be a class of digits" in done.err


def test_the_weight_of_a_class_that_is_never_trained_on_is_refused() -> None:
    done = cli("run", *"--dataset digits --anomaly-class 8 --class-weights 8=10".split())
    assert done.code == 2 and done.out == ""
    assert "classes that are trained on, but got 8" in done.err
    assert "its weight does nothing because it is the anomaly class" in done.err
    with pytest.raises(InputError, match="has no training samples in a task"):
        prepare(RunConfig(strategy="lower", class_weights={"7": 2.0}, **SMALL))


def test_a_weight_that_does_something_in_one_replica_is_taken() -> None:
    every = SMALL | {"task_order": "ascending", "anomaly_class": [7, 8]}
    prepare(RunConfig(strategy="lower", class_weights={"8": 2.0}, **every))


@pytest.mark.parametrize(
    "settings", [{"model": "gaussians", "score": "least"}, {"strategy": "avalanche:Naive"}]
)
def test_what_makes_no_steps_of_ours_is_refused(settings: dict[str, Any]) -> None:
    own: dict[str, Any] = {"strategy": "lower", "class_weights": {"1": 2.0}} | SMALL | settings
    config = RunConfig(**own)
    with pytest.raises(InputError, match="with a model and a strategy that train step by step"):
        check_together(prepare(config))


def test_a_strategy_that_leaves_visible_samples_out_is_named() -> None:
    config = RunConfig(strategy=Drops, epochs=1, class_weights={"1": 2.0}, **SMALL)  # pyright: ignore[reportArgumentType]
    with pytest.raises(RunError, match=r"Drops\.extend to keep the 32 visible samples"):
        run(config)
