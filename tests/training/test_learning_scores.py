"""What scores learn of tasks that a strategy sees again, against NumPy and scikit-learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from cl_anomaly.core.state import State
from cl_anomaly.scenarios.base import Scenario, Task
from cl_anomaly.scores import SCORES
from cl_anomaly.scores.scoring import reconstructed
from cl_anomaly.strategies import Strategy
from cl_anomaly.strategies.joint import Joint
from cl_anomaly.strategies.lower import Lower
from cl_anomaly.strategies.upper import Upper
from cl_anomaly.training.learner import Learner
from tests.support.learning import SETTINGS, prepare, small_scenario, vae_of

SEEDS = [3, 7]
Array = NDArray[np.float64]


class SeesTheFirstTask(Strategy):
    """See the first task again, and no other."""

    def training_indices(self, task: Task, seen: Sequence[Task]) -> torch.Tensor:
        return torch.cat([task.indices, seen[0].indices]).unique()


def _learner(strategy: Strategy, score: str) -> Learner:
    scenarios = [small_scenario(), small_scenario(task_order=[3, 2, 1])]
    prepare(strategy, scenarios[0], SEEDS)
    return Learner(strategy, SEEDS, scenarios, SETTINGS, [score])


def _learn(learner: Learner, number: int) -> None:
    learner.begin(number)
    learner.train(lambda *_: None)
    learner.conclude()


def _codes(learner: Learner, replica: int, indices: torch.Tensor) -> Array:
    """Means of the posterior, by NumPy, of one replica's samples."""
    x = learner.strategy.samples.batch(indices).double().flatten(1).numpy()
    layers = [
        [p.detach().double().numpy()[replica] for p in layer.parameters()]
        for layer in vae_of(learner.strategy).encoder[::2]
    ]
    (weight, bias), (last, shift) = layers
    return (np.maximum(x @ weight + bias, 0) @ last + shift)[:, :2]  # then come the log-variances


def _least(learner: Learner, replica: int, scenario: Scenario, x: torch.Tensor) -> Array:
    """Least Mahalanobis distance from the tasks' Gaussians, made from all of their samples now."""
    own, distances = _codes(learner, replica, x), []
    for task in scenario.tasks:
        codes = _codes(learner, replica, task.indices)
        fitted = LedoitWolf().fit(codes)
        away = own - codes.mean(0)
        floor = 1e-6 * codes.var(axis=0).mean()
        precision = np.linalg.inv(fitted.covariance_ + floor * np.eye(codes.shape[1]))
        distances.append(np.einsum("nc,cd,nd->n", away, precision, away))
    return np.min(distances, axis=0)


@pytest.mark.parametrize("strategy", [Upper, Joint])
def test_statistics_are_those_of_all_visible_samples_with_the_weights_of_now(
    strategy: Any,
) -> None:
    learner = _learner(strategy(), "mahalanobis")
    for number in (1, 2, 3):
        _learn(learner, number)
    x = torch.arange(0, 85, 7)
    output = vae_of(learner.strategy).reconstruct(learner.strategy.samples.for_all(x, 2))
    scored = learner.scores[0](output).detach().double().numpy()
    for replica, scenario in enumerate(learner.scenarios):
        expected = _least(learner, replica, scenario, x)
        np.testing.assert_allclose(scored[replica], expected, rtol=2e-3)


def test_nap_is_one_decomposition_of_all_visible_differences() -> None:
    learner = _learner(Upper(), "nap")
    for number in (1, 2, 3):
        _learn(learner, number)
    model, samples = vae_of(learner.strategy), learner.strategy.samples
    visible = torch.stack([torch.cat([t.indices for t in s.tasks]) for s in learner.scenarios])
    with torch.no_grad():
        output = model.reconstruct(samples.batch(visible))
        again = model.reconstruct(output.means)
        paths = zip([output.x, *output.hidden], [output.means, *again.hidden], strict=True)
        differences = torch.cat([(a - b).flatten(2) for a, b in paths], dim=2).double().numpy()
    kept = learner.scores[0].state_dict()
    for replica, own in enumerate(differences):
        assert kept["count"][replica] == len(own)
        np.testing.assert_allclose(kept["mean"][replica], own.mean(0), atol=1e-6)
        lengths = np.linalg.svd(own - own.mean(0), compute_uv=False)
        ours = np.sort(kept["singular_values"][replica].numpy())[::-1][: len(lengths)]
        np.testing.assert_allclose(ours[:5], lengths[:5], rtol=1e-4)


@pytest.mark.parametrize("strategy", [Lower, SeesTheFirstTask])
def test_what_is_not_seen_again_stays_as_it_was_learnt(strategy: Any) -> None:
    learner = _learner(strategy(), "mahalanobis")
    _learn(learner, 1)
    _learn(learner, 2)
    second = learner.scores[0].state_dict()["means"].clone()
    _learn(learner, 3)  # the second task is not visible any more
    assert torch.equal(learner.scores[0].state_dict()["means"][:, :2], second)


class SeesAllOfAnOrder(Strategy):
    """See the past of replicas whose first task is class 1, and of no others."""

    def training_indices(self, task: Task, seen: Sequence[Task]) -> torch.Tensor:
        tasks = seen if seen[0].classes == (1,) else [task]
        return torch.cat([own.indices for own in tasks])


@pytest.mark.parametrize("score", ["mahalanobis", "nap", "mahalanobis-softmin"])
def test_what_a_replica_sees_is_its_own_affair(score: str) -> None:
    together = _learner(SeesAllOfAnOrder(), score)
    for number in (1, 2, 3):
        _learn(together, number)
    model, samples = together.strategy.model, together.strategy.samples
    anew, x = SCORES[score](), samples.for_all(torch.arange(0, 85, 7), 2)
    for number in range(3):
        indices = [scenario.tasks[number].indices for scenario in together.scenarios]
        anew.learn(reconstructed(model, samples, indices))
    expected, found = (own(model.reconstruct(x))[0] for own in (anew, together.scores[0]))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    lower = _learner(Lower(), score)
    for number in (1, 2, 3):
        _learn(lower, number)
    for name, own in lower.scores[0].state_dict().items():
        kept = together.scores[0].state_dict()[name]
        if own.dim() > 1:
            kept = kept[:, : own.shape[1]]
        assert torch.equal(kept[1], own[1]), name


def test_a_learner_that_is_restored_in_the_middle_comes_to_the_same_bytes() -> None:
    whole, resumed = (_learner(Upper(), "mahalanobis") for _ in range(2))
    for number in (1, 2):
        _learn(whole, number)
    state = State({}, {name: own.clone() for name, own in whole.state().tensors.items()})
    _learn(whole, 3)
    resumed.restore(state, 2)
    _learn(resumed, 3)
    for name, own in whole.scores[0].state_dict().items():
        assert torch.equal(own, resumed.scores[0].state_dict()[name])
