"""Features that take the place of images before any detector sees them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d
from sklearn.metrics import roc_auc_score

from cl_anomaly.api import run
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import generator
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.models.shared.frozen_features import with_frozen_features
from cl_anomaly.plan.build import prepare
from cl_anomaly.settings.run_config import RunConfig


def histograms(image: np.ndarray) -> np.ndarray:
    """HOG by its formula with SciPy, for a grid of 5 and 16 directions."""
    t = np.arange(-3, 4)
    smooth = np.exp(-0.5 * t**2)
    smooth /= smooth.sum()

    def slid(taps: np.ndarray, other: np.ndarray) -> np.ndarray:
        return convolve1d(convolve1d(image, taps, 0, mode="constant"), other, 1, mode="constant")

    # convolve1d turns its weights around, so that +t makes a derivative.
    across, down = slid(smooth, t * smooth), slid(t * smooth, smooth)
    length = np.hypot(across, down) + 1e-3
    side = len(image)
    cell, sigma = side / 5, 3.2 / 5.6 * side / 5
    centres = cell * (np.arange(5) + 0.5) - 0.5
    pool = np.exp(-0.5 * ((np.arange(side) - centres[:, None]) / sigma) ** 2)
    pool /= sigma * np.sqrt(2 * np.pi)
    found = []
    for angle in 2 * np.pi * np.arange(16) / 16:
        own = np.maximum(across * np.cos(angle) + down * np.sin(angle), 0) ** 2 / length
        found.append((pool @ own @ pool.T).ravel())
    return np.concatenate(found) ** 0.35


def test_histograms_are_those_that_scipy_gives(digits: Dataset) -> None:
    own = with_frozen_features(digits, "hog")
    assert own.features == (400,)
    assert own.train.stored.dtype == torch.float32
    images = digits.test.batch(torch.arange(5)).double().numpy()
    expected = np.stack([histograms(image) for image in images])
    np.testing.assert_allclose(own.test.stored[:5], expected, atol=2e-4)


def test_random_convolutions_are_those_of_a_convolution(digits: Dataset) -> None:
    own = with_frozen_features(digits, "random")
    assert own.features == (600,)
    filters = torch.randn(24, 1, 5, 5, generator=generator(0, "features"))
    filters -= filters.mean((2, 3), keepdim=True)
    filters /= filters.square().sum((2, 3), keepdim=True).sqrt()
    image = torch.nn.functional.pad(digits.test.batch(torch.tensor([3]))[0], (2, 2, 2, 2))
    patches = image.unfold(0, 5, 1).unfold(1, 5, 1)
    maps = torch.einsum("hwij,fij->fhw", patches, filters[:, 0]).relu().double().numpy()
    side = 8
    cell, sigma = side / 5, 3.2 / 5.6 * side / 5
    centres = cell * (np.arange(5) + 0.5) - 0.5
    pool = np.exp(-0.5 * ((np.arange(side) - centres[:, None]) / sigma) ** 2)
    pool /= sigma * np.sqrt(2 * np.pi)
    expected = np.concatenate([(pool @ own @ pool.T).ravel() for own in maps]) ** 0.35
    np.testing.assert_allclose(own.test.stored[3], expected, atol=2e-4)


def test_gaussians_on_frozen_features_are_gaussians_with_these_features() -> None:
    asked = {"strategy": "lower", "model": "gaussians", "dataset": "digits", "anomaly_class": 4}
    scores = "least,log-margin"
    frozen = run(RunConfig(**asked, frozen_features="hog", score=scores)).headline
    inside = run(RunConfig(**asked, model_options={"features": "hog"}, score=scores)).headline
    # The features are scaled by task 1's range; the shrinkage sees that, and little else.
    np.testing.assert_allclose(frozen["least"], inside["least"], atol=0.03)


@pytest.mark.parametrize(("model", "strategy"), [("vae", "gr"), ("ae", "replay"), ("vae", "upper")])
def test_an_autoencoder_learns_features(model: str, strategy: str) -> None:
    config = RunConfig(
        strategy=strategy,
        model=model,
        dataset="digits",
        anomaly_class=0,
        task_order=[1, 2],
        frozen_features="hog",
        epochs=20,
        score="mse,nap,mahalanobis,mahalanobis-log-margin",
        device="cpu",
    )
    result = run(config)
    plan = prepare(config)
    assert plan.config.model_options["reconstruction"] == "mse"
    labels, values = result.test_labels, result.scores["mse"][0, -1]
    kept = np.isin(labels, [0, 1, 2])
    expected = roc_auc_score(labels[kept] == 0, values[kept])
    assert result.headline["mse"][0, -1] == pytest.approx(expected, abs=1e-6)
    losses = result.losses.groupby(["task", "epoch"])["loss"].mean()
    assert all(losses[task].iloc[-1] < 0.8 * losses[task].iloc[0] for task in (1, 2))


def test_vectors_have_no_such_features(tmp_path: object) -> None:
    np.savez(f"{tmp_path}/table.npz", X=np.arange(60.0).reshape(30, 2), y=np.repeat([0, 1], 15))
    config = RunConfig(
        strategy="lower", dataset=f"{tmp_path}/table.npz", anomaly_class=1, frozen_features="hog"
    )
    with pytest.raises(InputError, match=r"images that have sides of 4 .* shape \(2,\)"):
        prepare(config)
