"""Rules that make one number of the distances from each task."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cl_anomaly.models.base import Distances
from cl_anomaly.models.gaussians import Gaussians
from cl_anomaly.models.vae import VAE
from cl_anomaly.scores import SCORES
from cl_anomaly.scores.distances import AutoMargin, capped_margin
from cl_anomaly.statistics.detection import auroc


class Given(Distances):
    """Distances that are given."""

    def __init__(self, distances: Tensor) -> None:
        super().__init__(distances)
        self.distances = distances  # type: ignore[misc]


def _all(x: Tensor) -> Tensor:
    return torch.ones(x.shape[:2], dtype=torch.bool)


def test_the_cap_is_what_four_in_five_exceed_in_the_task_with_least() -> None:
    score, e = AutoMargin(), np.e
    first = torch.tensor([[[1.0], [2.0], [3.0], [4.0], [5.0]]])
    score.learn([(Given(first), _all(first))])
    # While there is one task, no margin is known.
    np.testing.assert_allclose(score(Given(first))[0], np.log([1, 2, 3, 4, 5]), rtol=1e-6)
    second = torch.tensor([[[e**m, 1.0] for m in (3.0, 0.5, 1.0, 2.0, 4.0)]])
    score.learn([(Given(second), _all(second))])
    # One in five has a margin of 0.5 or less: beyond it, a margin is no merit.
    found = score(Given(second))[0]
    np.testing.assert_allclose(found, [-0.5, -0.5, -0.5, -0.5, -0.5], rtol=1e-5)
    between = torch.tensor([[[e**0.2, 1.0], [1.0, 1.0]]])
    np.testing.assert_allclose(score(Given(between))[0], [-0.2, 0.0], atol=1e-6)
    assert score.bytes_kept() == 8


@pytest.mark.parametrize("count", [10, 50, 101])
def test_the_cap_is_the_fifth_part_of_many_margins(count: int) -> None:
    margins = np.random.default_rng(0).uniform(0.1, 4, count).astype(np.float32)
    distances = torch.from_numpy(np.stack([np.exp(margins), np.ones(count)], axis=1))[None].float()
    score = AutoMargin()
    score.learn([(Given(distances), _all(distances))])
    expected = np.quantile(margins, 0.2, method="inverted_cdf")
    assert float(score.state_dict()["caps"]) == pytest.approx(expected, rel=1e-5)


def test_the_cap_is_by_distances_of_what_was_left_out() -> None:
    class LeftOut(Given):
        @property
        def left_out(self) -> Tensor:
            return self.distances * torch.tensor([1.0, 2.0])

    score, distances = AutoMargin(), torch.tensor([[[9.0, 1.0]] * 5])
    score.learn([(LeftOut(distances), _all(distances))])
    assert float(score.state_dict()["caps"]) == pytest.approx(np.log(9 / 2), rel=1e-5)


def test_background_of_one_task_alone_is_the_distance_from_it() -> None:
    class Both(Given):
        background = torch.full((1, 3), 0.5)  # type: ignore[assignment]

    alone, two = torch.tensor([[[4.0], [1.0], [9.0]]]), torch.tensor([[[4.0, 2.0]] * 3])
    score = SCORES["background"]()
    assert score(Both(alone)).tolist() == [[4.0, 1.0, 9.0]]
    infinite = torch.cat([alone, torch.full_like(alone, float("inf"))], dim=2)
    assert score(Both(infinite)).tolist() == [[4.0, 1.0, 9.0]]
    assert score(Both(two)).tolist() == [[1.5] * 3]


def test_a_cap_for_each_replica() -> None:
    distances = torch.tensor([[[1.0, np.e]], [[1.0, np.e]]])
    found = capped_margin(distances, torch.tensor([[0.25], [9.0]]))
    np.testing.assert_allclose(found, [[-0.25], [-1.0]], rtol=1e-6)


def test_a_cap_of_samples_that_only_fill_up_does_not_count() -> None:
    distances = torch.tensor([[[1.0, 2.0], [1.0, 9.0], [1.0, 1.1]]])
    counts = torch.tensor([[True, True, False]])
    score = AutoMargin()
    score.learn([(Given(distances), counts)])
    assert float(score.state_dict()["caps"]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", ["log-margin", "auto-margin", "least"])
def test_what_returns_is_not_punished(name: str) -> None:
    numbers = torch.Generator().manual_seed(0)
    kind = {place: torch.randn(400, 4, generator=numbers) + 9 * place for place in (0, 1)}
    x, far = torch.randn(200, 4, generator=numbers), torch.full((50, 4), 4.5)
    far = far + torch.randn(50, 4, generator=numbers)
    aurocs = []
    for order in ([0, 1], [0, 1, 0]):
        model, score = Gaussians((4,), [0]), SCORES[name]()
        for place in order:
            model.learn(0, [kind[place]], anew=False)
            if score.learns():
                score.learn([(model.reconstruct(kind[place][None]), _all(kind[place][None]))])
        normal, anomalous = (score(model.reconstruct(own[None]))[0].numpy() for own in (x, far))
        aurocs.append(auroc(normal, anomalous))
    assert aurocs[1] == pytest.approx(aurocs[0], abs=1e-3)
    assert aurocs[1] > 0.99


@pytest.mark.parametrize("name", ["mahalanobis-log-margin", "mahalanobis-auto-margin"])
@torch.no_grad()
def test_rules_for_codes_are_those_for_their_distances(name: str) -> None:
    model, numbers = VAE((4, 4), [0, 1], latent_size=3), torch.Generator().manual_seed(0)
    tasks = [torch.rand(2, 30, 4, 4, generator=numbers) ** power for power in (0.2, 5)]
    score: Any = SCORES[name]()
    for x in tasks:
        score.learn([(model.reconstruct(x), _all(x))])
    again: Any = SCORES[name]()
    again.load_state_dict(score.state_dict())
    output = model.reconstruct(tasks[0])
    known = Given(score._distances(output).distances)
    rule = again._rule
    assert torch.equal(again(output), rule(known)) and torch.equal(score(output), again(output))
    reference: Any = SCORES["mahalanobis"]()
    for x in tasks:
        reference.learn([(model.reconstruct(x), _all(x))])
    torch.testing.assert_close(known.distances, reference._distances(output), rtol=3e-2, atol=1e-3)
    assert torch.equal(score.nearest(output), reference.nearest(output))
