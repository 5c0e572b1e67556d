"""Codes that are drawn from posteriors."""

import pytest
import torch

from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.base import Posterior
from cl_anomaly.strategies.shared.latent import posterior_codes

VARIANCES = torch.tensor([4.0, 0.25, 1e-4])


def _posterior(count: int) -> Posterior:
    """Of two replicas, three numbers a code, with means 10 and −10."""
    mean = torch.tensor([10.0, -10.0])[:, None, None].expand(2, count, 3)
    return Posterior(torch.zeros(2, count, 1), mean, VARIANCES.log().expand(2, count, 3))


def test_codes_have_the_posteriors_means_and_variances() -> None:
    codes = posterior_codes([_posterior(9000), _posterior(11000)], ReplicaRandom([3, 7], "codes"))
    assert codes.shape == (2, 20000, 3)
    for replica, mean in enumerate((10.0, -10.0)):
        own = codes[replica].double()
        assert own.mean(0).tolist() == pytest.approx([mean] * 3, abs=0.05)
        torch.testing.assert_close(own.var(0), VARIANCES.double(), rtol=0.05, atol=0)


def test_codes_are_the_same_beside_those_of_longer_tasks() -> None:
    short = posterior_codes([_posterior(5)], ReplicaRandom([3, 7], "codes"))
    long = posterior_codes([_posterior(1500)], ReplicaRandom([3, 7], "codes"))
    assert torch.equal(short, long[:, :5])
