"""The terms of an autoencoder's loss, one number for each sample."""

from collections.abc import Callable

from torch import Tensor

from cl_anomaly.models.shared.logistic import cross_entropy_with_logits


def bernoulli_negative_log_likelihood(
    logits: Tensor, x: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Compute the binary cross-entropy over all features: −log p(x|z) of a Bernoulli decoder.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), appendix C.1, eq. 11.

    Args:
        logits: (R, B, *features), logits of the decoder's means.
        x: (R, B, *features), in [0, 1].
        weights: (*features), weight of each feature's term. Default: 1.

    Returns:
        (R, B), in nats.
    """
    return _summed(cross_entropy_with_logits(logits, x), weights)


def gaussian_negative_log_likelihood(
    means: Tensor, x: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Compute half the squared error over all features, ½ Σ (x − x̂)².

    This is −log p(x|z) of a Gaussian decoder with variance 1, without the constant ½ log 2π for
    each feature. Kingma & Welling (ICLR 2014), appendix C.2.

    Args:
        means: (R, B, *features), the decoder's means.
        x: (R, B, *features), unbounded.
        weights: (*features), weight of each feature's term. Default: 1.

    Returns:
        (R, B), in nats.
    """
    return 0.5 * _summed((x - means).square(), weights)


def laplace_negative_log_likelihood(
    means: Tensor, x: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Compute the absolute error over all features, Σ |x − x̂|.

    This is −log p(x|z) of a Laplace decoder with scale 1, without the constant log 2 for each
    feature.

    Args:
        means: (R, B, *features), the decoder's means.
        x: (R, B, *features), unbounded.
        weights: (*features), weight of each feature's term. Default: 1.

    Returns:
        (R, B), in nats.
    """
    return _summed((x - means).abs(), weights)


RECONSTRUCTION_LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "bce": bernoulli_negative_log_likelihood,
    "mse": gaussian_negative_log_likelihood,
    "l1": laplace_negative_log_likelihood,
}
"""Losses by the value of the option `reconstruction`."""


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Compute KL(N(mean, variance) ‖ N(0, I)) over all latent dimensions.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), appendix B.

    Args:
        mean: (R, B, latent).
        log_variance: (R, B, latent), log σ².

    Returns:
        (R, B), in nats.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def _summed(terms: Tensor, weights: Tensor | None) -> Tensor:
    return (terms if weights is None else terms * weights).flatten(2).sum(2)
