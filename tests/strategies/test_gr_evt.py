from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import weibull_min

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.strategies.gr_evt import GREvt
from cl_anomaly.strategies.shared.weibull import fit_weibull, tail_of, weibull_cdf
from tests.support.learning import learn, prepare, small_scenario, vae_of

SEEDS = [3, 7]


def _after(tasks: int, **options: Any) -> GREvt:
    scenario, strategy = small_scenario(), GREvt(**options)
    prepare(strategy, scenario, SEEDS)
    for number in range(1, tasks + 1):
        learn(strategy, [scenario] * 2, SEEDS, number)
    strategy.task_number = tasks + 1
    return strategy


@pytest.mark.parametrize(("shape", "scale"), [(0.7, 3.0), (2.0, 1e-3), (25.0, 4.0)])
def test_fit_is_scipys(shape: float, scale: float) -> None:
    values = scale * np.random.default_rng(0).weibull(shape, (2, 300))
    counted = torch.ones(2, 300, dtype=torch.bool)
    counted[1, 200:] = False
    fitted = fit_weibull(torch.from_numpy(values), counted)
    for row, own in ((0, values[0]), (1, values[1, :200])):
        expected_shape, _, expected_scale = weibull_min.fit(own, floc=0)
        np.testing.assert_allclose(
            fitted[row], np.array([expected_shape, expected_scale], float), rtol=1e-3
        )


def test_fit_of_values_that_are_all_the_same_is_finite() -> None:
    fitted = fit_weibull(torch.full((1, 5), 2.0), torch.ones(1, 5, dtype=torch.bool))
    assert fitted.isfinite().all() and fitted[0, 1] == 2


def test_a_distance_of_0_counts_as_the_smallest_that_is_told_apart() -> None:
    values = np.array([[0.0, 0.4, 0.9, 1.3]])
    fitted = fit_weibull(torch.from_numpy(values), torch.ones(1, 4, dtype=torch.bool))
    shape, _, scale = weibull_min.fit(values[0].clip(min=1e-12), floc=0)
    np.testing.assert_allclose(fitted[0], np.array([shape, scale], float), rtol=1e-3)


def test_distribution_is_scipys() -> None:
    x = torch.linspace(0.1, 5, 20)
    given = weibull_cdf(x, torch.tensor(3.0), torch.tensor(2.0))
    np.testing.assert_allclose(given, weibull_min.cdf(x, 3.0, scale=2.0), rtol=1e-5)


def test_tail_is_fitted_to_the_largest_distances_alone() -> None:
    numbers = np.random.default_rng(1)
    codes = numbers.normal(size=(1, 400, 3))
    counted = np.arange(400) < 300
    mean, tail = tail_of(torch.from_numpy(codes), torch.from_numpy(counted)[None], 0.1)
    own = codes[0, :300]
    distances = np.sort(np.linalg.norm(own - own.mean(0), axis=1))[-30:]
    shape, _, scale = weibull_min.fit(distances, floc=0)
    np.testing.assert_allclose(mean[0], own.mean(0), rtol=1e-6)
    np.testing.assert_allclose(tail[0], np.array([shape, scale], float), rtol=1e-3)


def test_codes_are_taken_in_order_and_outlying_ones_left_out() -> None:
    strategy = _after(2)
    strategy.random = ReplicaRandom(SEEDS, "codes")
    given, nearest = strategy._accepted(50)
    drawn = ReplicaRandom(SEEDS, "codes").normal(200, 2)
    left_out = 0
    for replica in range(2):
        expected = []
        for z in drawn[replica]:
            outlying = [
                weibull_min.cdf(
                    float((z - strategy.kept["centres"][replica, t]).norm()), k, scale=s
                )
                for t, (k, s) in enumerate(strategy.kept["tails"][replica].tolist())
            ]
            expected.append((z, min(outlying), int(np.argmin(outlying))))
        accepted = [own for own in expected if own[1] <= 0.5]
        rest = sorted((own for own in expected if own[1] > 0.5), key=lambda own: own[1])
        taken = (accepted + rest)[:50]
        left_out += len(rest)
        assert torch.equal(given[replica], torch.stack([own[0] for own in taken]))
        assert nearest[replica].tolist() == [own[2] for own in taken]
    assert left_out > 10


def test_a_code_on_the_bound_is_accepted() -> None:
    # Ω = 1 rejects nothing: not even codes that are outliers with the probability 1.
    strategy = GREvt(reject=1.0)
    strategy.kept["centres"], strategy.kept["tails"] = (
        torch.zeros(2, 1, 2),
        torch.tensor([[[6.0, 1.0]]] * 2),
    )
    strategy.random = ReplicaRandom(SEEDS, "codes")
    given, _ = strategy._accepted(50)
    drawn = ReplicaRandom(SEEDS, "codes").normal(200, 2)[:, :50]
    far = weibull_min.cdf(drawn.norm(dim=2), 6.0).astype(np.float32) == 1
    assert 0 < far.sum() < far.size
    assert torch.equal(given, drawn)


def test_replay_is_what_the_decoder_makes_of_them() -> None:
    strategy = _after(1)
    strategy.random = ReplicaRandom(SEEDS, "codes")
    replayed = strategy.extend(torch.rand(2, 8, 3, 3))[:, 8:]
    strategy.random = ReplicaRandom(SEEDS, "codes")
    codes = strategy._accepted(8)[0]
    torch.testing.assert_close(replayed, vae_of(strategy).decoder.means(codes).detach())


def test_a_past_task_is_refreshed_from_a_thousand_accepted_samples() -> None:
    scenario, strategy = small_scenario(), _after(1)
    decoder, centres, tails = (
        strategy.previous,
        strategy.kept["centres"][:, 0],
        strategy.kept["tails"][:, 0],
    )
    learn(strategy, [scenario] * 2, SEEDS, 2)
    random = ReplicaRandom(SEEDS, "after task", 2)
    drawn, noise = random.normal(4000, 2), random.normal(1024, 2)[:, :1000]
    assert decoder is not None
    taken = []
    for replica in range(2):
        distances = (drawn[replica] - centres[replica]).norm(dim=1).double().numpy()
        shape, scale = tails[replica].tolist()
        outlying = weibull_min.cdf(distances, shape, scale=scale)
        accepted, rest = np.flatnonzero(outlying <= 0.5), np.flatnonzero(outlying > 0.5)
        order = [*accepted, *rest[np.argsort(outlying[rest], kind="stable")]]
        taken.append(drawn[replica, torch.tensor(order[:1000])])
    mean, log_variance = vae_of(strategy).encode(decoder.from_codes(torch.stack(taken)))
    codes = (mean + log_variance.exp().sqrt() * noise).detach()
    torch.testing.assert_close(strategy.kept["centres"][:, 0], codes.mean(1), rtol=1e-4, atol=1e-4)
    for replica in range(2):
        own = codes[replica].double()
        largest = np.sort((own - own.mean(0)).norm(dim=1).numpy())[-100:]
        shape, _, scale = weibull_min.fit(largest, floc=0)
        found = strategy.kept["tails"][replica, 0]
        np.testing.assert_allclose(found, np.array([shape, scale], float), rtol=2e-3)


def test_past_tasks_are_refreshed_and_one_that_got_nothing_stays() -> None:
    scenario, strategy = small_scenario(), _after(1)
    before = strategy.kept["centres"].clone()
    learn(strategy, [scenario] * 2, SEEDS, 2)
    assert strategy.kept["centres"].shape == (2, 2, 2)
    assert not torch.allclose(strategy.kept["centres"][:, 0], before[:, 0], rtol=1e-3)
    # Far from all codes: nothing is accepted as nearest to it.
    strategy.kept["centres"][0, 0] = 1e3
    strategy.random = ReplicaRandom(SEEDS, "refresh")
    assert strategy.previous is not None
    with torch.no_grad():
        refreshed = strategy._refreshed(strategy.previous)
    assert (refreshed[0][0][0] == 1e3).all()
    assert torch.equal(refreshed[0][1][0], strategy.kept["tails"][0, 0])
    assert not torch.equal(refreshed[1][0][0], strategy.kept["centres"][0, 1])


@pytest.mark.parametrize("options", [{"reject": 0.0}, {"tail": 1.5}, {"ratio": 0.0}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        GREvt(**options)
