"""Scores that keep statistics of each task, against NumPy and scikit-learn."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.base import Reconstruction
from cl_anomaly.models.shared.layers import Linear
from cl_anomaly.models.vae import VAE
from cl_anomaly.scores import SCORES, Score
from cl_anomaly.scores.gaussian import shrunk_covariance

LEARNT = [name for name, score in SCORES.items() if score.learns() and score.needs <= VAE.abilities]
Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(5,))


def _samples(seed: int, count: int) -> Tensor:
    return torch.rand(2, count, 4, 4, generator=torch.Generator().manual_seed(seed))


def _first_layer(model: VAE) -> Linear:
    layer = model.encoder[0]
    assert isinstance(layer, Linear)
    return layer


def _batches(model: VAE, *parts: Tensor) -> Iterator[tuple[Reconstruction, Tensor]]:
    for x in parts:
        yield model.reconstruct(x), torch.ones(x.shape[:2], dtype=torch.bool)


def _learnt(name: str, model: VAE, *tasks: Tensor) -> Score:
    """The score after these tasks, each of which comes in two batches."""
    score = SCORES[name]()
    for x in tasks:
        score.learn(_batches(model, x[:, :7], x[:, 7:]))
    return score


@torch.no_grad()
def _scored(score: Score, model: VAE, x: Tensor) -> Array:
    return score(model.reconstruct(x)).double().numpy()


@torch.no_grad()
def _path(model: VAE, x: Tensor) -> Array:
    """The sample, what its ReLUs give, and its code, side by side: by NumPy, in float64."""
    layers = [
        [p.detach().double().numpy() for p in layer.parameters()] for layer in model.encoder[::2]
    ]
    flat = x.flatten(2).double().numpy()
    hidden = np.maximum(flat @ layers[0][0] + layers[0][1], 0)
    code = (hidden @ layers[1][0] + layers[1][1])[..., :3]
    return np.concatenate([flat, hidden, code], axis=2)


@torch.no_grad()
def _difference(model: VAE, x: Tensor) -> Array:
    return _path(model, x) - _path(model, model.reconstruct(x).means)


def test_sap_is_the_squared_distance_along_the_path(model: VAE) -> None:
    x = _samples(0, 6)
    expected = (_difference(model, x) ** 2).sum(2)
    np.testing.assert_allclose(_scored(SCORES["sap"](), model, x), expected, rtol=1e-4)


@pytest.mark.parametrize("lengths", [(60,), (60, 40), (30, 40, 30)], ids=str)
def test_nap_is_by_the_singular_values_of_all_tasks_together(
    model: VAE, lengths: tuple[int, ...]
) -> None:
    tasks, x = [_samples(1 + n, length) for n, length in enumerate(lengths)], _samples(0, 6)
    found = _scored(_learnt("nap", model, *tasks), model, x)
    for replica in range(2):
        known = _difference(model, torch.cat(tasks, dim=1))[replica]
        _, lengths_, axes = np.linalg.svd(known - known.mean(0), full_matrices=False)
        kept = lengths_ > lengths_[0] * known.shape[1] * np.finfo(np.float32).eps
        away = (_difference(model, x)[replica] - known.mean(0)) @ axes.T[:, kept]
        expected = len(known) * ((away / lengths_[kept]) ** 2).sum(1)
        np.testing.assert_allclose(found[replica], expected, rtol=1e-2)


def test_nap_leaves_out_directions_without_spread() -> None:
    # Two units are dead in training, and the code is linear in the others: in five of the 24
    # directions there is nothing but rounding to divide by.
    model = VAE((4, 4), [0], latent_size=3, hidden_sizes=(5,))
    _first_layer(model).bias.data[..., :2] = -100.0
    x = _samples(0, 40)[:1]
    found = _scored(_learnt("nap", model, x), model, x)
    # The squared Mahalanobis distances of n samples from their own mean sum to n times the rank.
    assert found.sum() == pytest.approx(40 * (16 + 3), rel=1e-3)


def test_nap_of_one_sample_alone_counts_no_direction(model: VAE) -> None:
    score = _learnt("nap", model, _samples(1, 1).repeat(1, 20, 1, 1))
    np.testing.assert_array_equal(_scored(score, model, _samples(0, 6)), np.zeros((2, 6)))


def test_mahalanobis_is_the_distance_from_the_nearest_task(model: VAE) -> None:
    tasks, x = [_samples(1, 25), _samples(2, 2).repeat(1, 4, 1, 1) ** 3], _samples(0, 6)
    found = _scored(_learnt("mahalanobis", model, *tasks), model, x)
    for replica in range(2):
        distances = []
        for task in tasks:
            reference = LedoitWolf().fit(_path(model, task)[replica, :, -3:])
            covariance = reference.covariance_ + 1e-6 * np.eye(3)
            away = _path(model, x)[replica, :, -3:] - reference.location_
            distances.append(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
        np.testing.assert_allclose(found[replica], np.min(distances, axis=0), rtol=1e-3)


@pytest.mark.parametrize("name", ["mahalanobis", "mahalanobis-log-margin"])
def test_the_code_is_what_the_last_layer_gives(name: str) -> None:
    model = VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(7, 6, 5))
    last = model.encoder[-1]
    assert isinstance(last, Linear)
    last.weight.data *= 100  # codes beside whose variances no floor counts
    task, x = _samples(1, 40), _samples(0, 6)
    found = _scored(_learnt(name, model, task), model, x)
    with torch.no_grad():
        known, codes = (model.encode(own)[0].double().numpy() for own in (task, x))
    for replica in range(2):
        expected = LedoitWolf().fit(known[replica]).mahalanobis(codes[replica])
        # Of one task, log-margin is log D₁.
        distance = found[replica] if name == "mahalanobis" else np.exp(found[replica])
        np.testing.assert_allclose(distance, expected, rtol=5e-3)


@pytest.mark.parametrize("count", [2, 5, 50])
def test_covariance_has_an_inverse_for_any_number_of_samples(count: int) -> None:
    x = torch.randn(count, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = shrunk_covariance(x)
    least = 1e-6 * np.cov(x.numpy().T, bias=True).trace() / 8
    expected = LedoitWolf().fit(x.numpy()).covariance_ + least * np.eye(8)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert bool(torch.linalg.inv(found).isfinite().all())


def test_covariance_of_one_sample_has_an_inverse() -> None:
    found = shrunk_covariance(torch.ones(1, 3, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), 1e-6 * np.eye(3))


@pytest.mark.parametrize("name", LEARNT)
def test_samples_that_fill_up_a_shorter_task_do_not_count(name: str, model: VAE) -> None:
    x, more = _samples(1, 30), _samples(2, 30)
    one, other = SCORES[name](), SCORES[name]()
    counts = torch.ones(2, 30, dtype=torch.bool)
    counts[1, 20:] = False
    one.learn([(model.reconstruct(x), counts)])
    x = torch.cat([x[:, :20], torch.stack([x[0, 20:], more[1, 20:]])], dim=1)
    other.learn([(model.reconstruct(x), counts)])
    test = _samples(0, 6)
    np.testing.assert_array_equal(_scored(one, model, test), _scored(other, model, test))


@pytest.mark.parametrize("name", LEARNT)
def test_a_replica_that_has_failed_does_not_disturb_the_others(name: str) -> None:
    models = [VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(5,)) for _ in range(2)]
    _first_layer(models[1]).weight.data[1] = float("nan")
    x, test = _samples(1, 30), _samples(0, 6)
    well, failed = (_scored(_learnt(name, m, x, x), m, test) for m in models)
    np.testing.assert_array_equal(well[0], failed[0])
    assert np.isnan(failed[1]).all()


@pytest.mark.parametrize("name", LEARNT)
def test_bytes_are_those_that_the_list_says(name: str, model: VAE) -> None:
    score = _learnt(name, model, _samples(1, 30), _samples(2, 30))
    # Both tasks are of the same kind: one concept, where concepts are kept.
    features, code, tasks, concepts = 16 + 5 + 3, 3, 2, 1
    each = {
        "mahalanobis": tasks * (code**2 + code),
        "nap": features**2 + 2 * features + 1,
        "mahalanobis-auto-margin": concepts * ((code**2 + 3 * code) // 2 + 3) + 3 * tasks,
    }.get(name, concepts * ((code**2 + 3 * code) // 2 + 3) + 2 * tasks)
    assert score.bytes_kept() == 2 * 4 * each
    assert all(own.is_contiguous() and len(own) == 2 for own in score.state_dict().values())


@pytest.mark.parametrize("name", LEARNT)
def test_a_score_that_has_learnt_nothing_says_so(name: str, model: VAE) -> None:
    with pytest.raises(InputError, match=f"{name} to have learnt a task"):
        SCORES[name]()(model.reconstruct(_samples(0, 2)))
