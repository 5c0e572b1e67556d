"""A Gaussian for each task: what it learns, in which order, and what it keeps."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.gaussians import Gaussians
from cl_anomaly.models.shared.components import components_of
from cl_anomaly.models.shared.covariances import moments_of, squared_distance, whitening
from cl_anomaly.models.shared.stored_covariances import form_for
from cl_anomaly.scores.distances import log_margin, softmin, two_nearest
from tests.models.gaussian_tasks import distances_of, learnt, task


def test_distances_are_scikit_learns_for_each_task() -> None:
    tasks, x = [task(1), task(2), task(3)], task(2, 20, seed=5)
    found = distances_of(learnt(tasks, stored="float32"), x)[0]
    for one, own in zip(tasks, found.T, strict=True):
        reference = ShrunkCovariance(shrinkage=0.1).fit(one.double().numpy())
        np.testing.assert_allclose(own, reference.mahalanobis(x.double().numpy()), rtol=1e-3)


def test_distances_are_those_within_scikit_learns_mixture() -> None:
    # A mixture's log-density of a part is −½ (D + log |C| + F log 2π).
    tasks, x = [task(1), task(2)], task(1, 20, seed=5)
    mixture: Any = GaussianMixture(2, random_state=0, reg_covar=0).fit(
        torch.cat(tasks).double().numpy()
    )
    own = distances_of(learnt(tasks, shrinkage=1e-9, stored="float32"), x)[0].double().numpy()
    order = mixture.means_[:, 0].argsort()
    for place, part in enumerate(order):
        sign, size = np.linalg.slogdet(mixture.covariances_[part])
        assert sign == 1
        reference = mixture._estimate_log_prob(x.double().numpy())[:, part]
        found = -0.5 * (own[:, place] + size + 4 * np.log(2 * np.pi))
        np.testing.assert_allclose(found, reference, rtol=2e-3, atol=2e-2)


def test_float16_changes_distances_by_less_than_a_hundredth() -> None:
    tasks, x = [task(1), task(2)], task(1, 50, seed=5)
    half, whole = (distances_of(learnt(tasks, stored=own), x) for own in ("float16", "float32"))
    torch.testing.assert_close(half, whole, rtol=1e-2, atol=0)


@pytest.mark.parametrize("rank", [0, 3])
def test_the_order_of_tasks_changes_nothing(rank: int) -> None:
    # Each distance is computed by itself, so not even the rounding differs.
    tasks, x = {n: task(n, size=12) for n in (1, 2, 3)}, task(2, 50, seed=5, size=12)
    expected = distances_of(learnt([*tasks.values()], rank=rank), x)[0]
    for order in permutations(tasks):
        found = distances_of(learnt([tasks[own] for own in order], rank=rank), x)[0]
        assert torch.equal(found, expected[:, [own - 1 for own in order]])
        assert torch.equal(log_margin(found), log_margin(expected))


def test_a_replica_is_the_same_alone_or_among_others() -> None:
    tasks, x = [task(1), task(2)], task(1, 50, seed=5)
    options = {"features": "random", "width": 20, "components": 2}
    among = distances_of(learnt(tasks, (3, 7), **options), x)
    alone = distances_of(learnt(tasks, (7,), **options), x)
    assert torch.equal(among[1], alone[0]) and not torch.equal(among[0], alone[0])


def test_what_returns_joins_what_is_there() -> None:
    first, other, again = task(1, seed=1), task(2), task(1, seed=2)
    model, x = learnt([first, other, again]), task(1, 50, seed=5)
    assert model.concepts.counts.tolist() == [[400, 200]]
    found = distances_of(model, x)[0]
    assert bool(found[:, 2].isinf().all())
    # As if the task had been learnt at once.
    at_once = distances_of(learnt([torch.cat([first, again]), other]), x)[0]
    torch.testing.assert_close(found[:, :2], at_once, rtol=5e-3, atol=0)
    _, nearest = two_nearest(found)
    assert (nearest == torch.tensor([1, 2])).all()


def test_parts_of_a_task_are_told_apart() -> None:
    x = torch.cat([task(1, 150), task(2, 50)])
    parts = components_of(x, 2, 0.0, torch.Generator().manual_seed(0))
    assert sorted(part.count for part in parts) == [50, 150]
    means = torch.stack([part.mean for part in parts]).float()
    expected = torch.stack([task(1, 150).mean(0), task(2, 50).mean(0)])
    torch.testing.assert_close(means[means[:, 0].argsort()], expected, rtol=1e-5, atol=1e-5)


def test_parts_share_a_covariance_as_far_as_they_pool() -> None:
    x, numbers = torch.cat([task(1, 150), task(2, 50)]), torch.Generator()
    own, half = (components_of(x, 2, share, numbers.manual_seed(0)) for share in (0.0, 0.5))
    within = (own[0].count * own[0].covariance + own[1].count * own[1].covariance) / 200
    for one, other in zip(own, half, strict=True):
        torch.testing.assert_close(other.covariance, (one.covariance + within) / 2)


def test_the_nearest_part_of_a_task_counts() -> None:
    first, second = task(1, 150), task(2, 150)
    both = torch.cat([first, second])
    as_one = distances_of(learnt([both], components=2, pooling=0.0), first)[0]
    apart = distances_of(learnt([first, second]), first)[0]
    torch.testing.assert_close(as_one[:, 0], apart.amin(1))


@pytest.mark.parametrize("count", [1, 2, 15, 25])
def test_few_samples_are_enough(count: int) -> None:
    model = learnt([task(1, count)], components=3)
    assert bool(distances_of(model, task(1, 5, seed=5)).isfinite().all())


def test_rules_in_cases_worked_out_by_hand() -> None:
    distances = torch.tensor([[4.0, 1.0, 9.0], [2.0, 8.0, float("inf")], [3.0, 3.0, 3.0]])
    values, tasks = two_nearest(distances)
    assert values.tolist() == [[1, 4], [2, 8], [3, 3]]
    assert tasks[:2].tolist() == [[2, 1], [1, 2]]
    expected = [2 * np.log(1) - np.log(4), 2 * np.log(2) - np.log(8), np.log(3)]
    np.testing.assert_allclose(log_margin(distances), expected, rtol=1e-6)
    np.testing.assert_allclose(log_margin(distances[:, :1]), np.log([4, 2, 3]), rtol=1e-6)
    assert two_nearest(distances[:, :1])[1].tolist() == [[1, 0], [1, 0], [1, 0]]
    reference = -2 * logsumexp(-distances.double().numpy() / 2, axis=1)
    np.testing.assert_allclose(softmin(distances), reference, rtol=1e-5)


def test_background_is_the_distance_from_all_tasks_as_one() -> None:
    tasks, x = [task(1), task(2, 90), task(1, seed=3)], task(3, 20)
    output = learnt(tasks, stored="float32").reconstruct(x[None])
    reference = ShrunkCovariance(shrinkage=0.1).fit(torch.cat(tasks).double().numpy())
    expected = reference.mahalanobis(x.double().numpy())
    np.testing.assert_allclose(output.background[0], expected, rtol=1e-3)


def test_few_axes_are_scikit_learns_probabilistic_components() -> None:
    x, new = task(1, 300, size=12).double(), task(2, 20, size=12).double()
    reference = PCA(5, svd_solver="full").fit(x.numpy())
    form = form_for(12, 5, "float32")
    own = moments_of(x)
    # scikit-learn divides by n − 1.
    found = form.covariance(form.keep(own.covariance)) * 300 / 299
    np.testing.assert_allclose(found, reference.get_covariance(), rtol=1e-4, atol=1e-4)
    distances = squared_distance(new, own.mean, whitening(found))
    away = new.numpy() - reference.mean_
    expected = np.einsum("ni,ij,nj->n", away, reference.get_precision(), away)
    np.testing.assert_allclose(distances, expected, rtol=1e-3)


def test_all_axes_are_a_triangle_and_few_take_fewer_bytes() -> None:
    tasks, x = [task(1, size=12), task(2, size=12)], task(1, 20, seed=5, size=12)
    whole, as_many, few = (learnt(tasks, rank=rank) for rank in (0, 12, 3))
    assert torch.equal(distances_of(whole, x), distances_of(as_many, x))
    assert few.concepts.bytes_kept(0) == 2 * (12 * 4 + 12 * 3 * 2 + 3 * 4 + 4 + 4 + 8) + 2 * 8
    state = {name: own.clone() for name, own in few.state_dict().items()}
    again = Gaussians((12,), [0], rank=3)
    again.load_state_dict(state)
    assert torch.equal(distances_of(again, x), distances_of(few, x))


def test_bytes_are_those_of_the_triangles() -> None:
    # Means and deviations, six correlations in float16, the count, and the task's number.
    each = 4 * 4 + 4 * 4 + 2 * 6 + 4 + 8
    for tasks in ([task(1)], [task(1), task(2)], [task(1), task(2), task(1, seed=1)]):
        model, kept = learnt(tasks, seeds=(0, 1)), min(len(tasks), 2)
        # And for each task the number of the one that it is kept as.
        own = kept * each + len(tasks) * 8
        assert [model.concepts.bytes_kept(replica) for replica in (0, 1)] == [own, own]
        stored = sum(b.numel() * b.element_size() for b in model.state_dict().values())
        assert stored == 2 * (own + 8)


@pytest.mark.parametrize(
    "option",
    [
        {"grid": 0},
        {"shrinkage": 0.0},
        {"merge": -1.0},
        {"components": 0},
        {"pooling": 2.0},
        {"rank": -1},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(option: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"Expected `{next(iter(option))}`"):
        Gaussians((8, 8), [0], **option)  # type: ignore[arg-type]


def test_what_has_learnt_nothing_says_so() -> None:
    with pytest.raises(InputError, match="to have learnt a task"):
        distances_of(Gaussians((8, 8), [0]), torch.rand(2, 8, 8))
