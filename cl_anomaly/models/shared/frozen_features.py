"""Replace images by fixed features, before any detector sees them."""

import hashlib
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.models.shared.feature_maps import FeatureMap, Histograms, is_image
from cl_anomaly.models.shared.random_maps import RandomConvolutions

# The defaults of the model `gaussians`.
_GRID, _DIRECTIONS, _WIDTH = 5, 16, 600
_AT_A_TIME = 1_000


@lru_cache(maxsize=2)
def with_frozen_features(dataset: Dataset, kind: str) -> Dataset:
    """Replace images by features, so that all models and strategies see vectors.

    Args:
        dataset: images (H, W) or (C, H, W).
        kind: "hog", 400 histograms of gradient directions, or "random", 600 random convolutions,
            drawn once, as seed 0 draws them.

    Returns:
        The same dataset with vectors as samples, float32, at least 0.

    Raises:
        InputError: the samples are not images.
    """
    if not is_image(dataset.features):
        raise InputError(
            setting="frozen_features",
            expected="with images that have sides of 4 pixels or more",
            but=f"samples of {dataset.name} have the shape {dataset.features}",
        )
    feature_map: FeatureMap = (
        Histograms(dataset.features, _GRID, _DIRECTIONS)
        if kind == "hog"
        else RandomConvolutions(dataset.features, _GRID, _WIDTH, [0])
    )
    train, test = (Samples(_mapped(feature_map, x), 1.0) for x in (dataset.train, dataset.test))
    sha256 = hashlib.sha256(f"{dataset.sha256} {kind}".encode()).hexdigest()
    return replace(dataset, train=train, test=test, sha256=sha256)


@torch.no_grad()
def _mapped(feature_map: FeatureMap, samples: Samples) -> Tensor:
    places = torch.arange(len(samples)).split(_AT_A_TIME)
    return torch.cat([feature_map(samples.batch(some), 0) for some in places])
