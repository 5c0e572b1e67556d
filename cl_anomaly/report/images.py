"""Samples as images, if they are images."""

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError


def as_images(samples: NDArray[np.float32], leading: int, whose: str) -> NDArray[np.float32]:
    """Return samples as images that matplotlib shows.

    Args:
        samples: (..., *features), with images (H, W), (1, H, W), (3, H, W) or (H, W, 1 or 3).
        leading: number of axes before the features.
        whose: dataset or run, for the message.

    Returns:
        (..., H, W) or (..., H, W, 3).

    Raises:
        InputError: they are not images.
    """
    features = samples.shape[leading:]
    if len(features) == 2:
        return samples
    if len(features) == 3 and features[0] in (1, 3):
        samples, features = np.moveaxis(samples, leading, -1), (*features[1:], features[0])
    if len(features) == 3 and features[-1] in (1, 3):
        return samples if features[-1] == 3 else samples[..., 0]
    shape = " × ".join(map(str, features))
    raise InputError(
        f"Expected image samples, but those of {whose} have the shape {shape}. "
        f"`--kind scores`, `--kind roc` and `--kind latent` draw such a run."
    )
