import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from cl_anomaly.models.shared.losses import bernoulli_negative_log_likelihood, kl_to_standard_normal


def test_kl_is_the_closed_form_of_torch_distributions() -> None:
    mean, log_variance = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    posterior = Normal(mean, log_variance.exp().sqrt())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)


def test_kl_by_hand() -> None:
    # mean 1, variance e: ½ (1 + e − 1 − 1) = ½ (e − 1); and 0 for N(0, 1) itself.
    mean, log_variance = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[1.0], [0.0]]])
    expected = torch.tensor([[(torch.e - 1) / 2, 0.0]])
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)


def test_bernoulli_is_the_likelihood_of_torch_distributions() -> None:
    logits, x = torch.randn(2, 5, 4, 4) * 5, torch.randint(0, 2, (2, 5, 4, 4)).float()
    expected = -Bernoulli(logits=logits).log_prob(x).sum((2, 3))
    torch.testing.assert_close(bernoulli_negative_log_likelihood(logits, x), expected)


def test_bernoulli_takes_grey_pixels_and_extreme_logits() -> None:
    # BCE at x = ¼ and logit 0 is ln 2; at logit ±200 it is 200 times the wrong side's share.
    logits = torch.tensor([[[0.0], [200.0], [-200.0]]])
    x = torch.tensor([[[0.25], [0.25], [0.25]]])
    expected = torch.tensor([[0.693147, 150.0, 50.0]])
    torch.testing.assert_close(bernoulli_negative_log_likelihood(logits, x), expected)
