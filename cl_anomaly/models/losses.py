"""The terms of a variational autoencoder's loss, one number for each sample."""

import torch.nn.functional as F
from torch import Tensor


def bernoulli_negative_log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """Binary cross-entropy summed over the features, −log p(x|z) of a Bernoulli decoder.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), appendix C.1, eq. 11.

    Args:
        logits: (R, B, *features), of the decoder's means.
        x: (R, B, *features), in [0, 1].

    Returns:
        (R, B), in nats.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(2).sum(2)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) ‖ N(0, I)), summed over the latent dimensions.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), appendix B.

    Args:
        mean: (R, B, latent).
        log_variance: (R, B, latent), log σ².

    Returns:
        (R, B), in nats.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
