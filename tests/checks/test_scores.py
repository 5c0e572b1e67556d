"""What every score must do; a new one is found here by itself."""

import pytest
import torch

from cl_anomaly.evaluation.scores import SCORES
from cl_anomaly.models.vae import VAE


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(8,))


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.rand(2, 6, 4, 4, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def _score(name: str, model: VAE, x: torch.Tensor) -> torch.Tensor:
    return SCORES[name]()(model.reconstruct(x))


@pytest.mark.parametrize("name", SCORES)
class TestEveryScore:
    def test_gives_one_float32_for_each_sample_that_varies(
        self, name: str, model: VAE, x: torch.Tensor
    ) -> None:
        scores = _score(name, model, x)
        assert scores.shape == (2, 6)
        assert scores.dtype == torch.float32
        assert scores.isfinite().all()
        assert len(scores.unique()) == 12

    def test_is_the_same_twice(self, name: str, model: VAE, x: torch.Tensor) -> None:
        assert torch.equal(_score(name, model, x), _score(name, model, x))

    def test_does_not_depend_on_the_other_samples(
        self, name: str, model: VAE, x: torch.Tensor
    ) -> None:
        torch.testing.assert_close(_score(name, model, x[:, 2:3]), _score(name, model, x)[:, 2:3])

    def test_says_what_it_is(self, name: str, model: VAE, x: torch.Tensor) -> None:
        assert (SCORES[name].__doc__ or "").strip()
