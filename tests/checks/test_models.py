"""What every model must do; a new one is found here by itself."""

import pytest
import torch

from cl_anomaly.models import MODELS

SEEDS = [3, 7]


@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_loss_is_one_number_for_each_sample(self, name: str) -> None:
        model = MODELS[name]((4, 4), SEEDS, latent_size=3)
        loss = model.loss(torch.rand(2, 5, 4, 4), torch.randn(2, 5, model.latent_size))
        assert loss.shape == (2, 5)
        assert loss.isfinite().all()

    def test_replicas_do_not_touch_each_other(self, name: str) -> None:
        model = MODELS[name]((4, 4), SEEDS, latent_size=3)
        noise = torch.randn(2, 5, model.latent_size)
        model.loss(torch.rand(2, 5, 4, 4), noise)[0].sum().backward()
        for parameter in model.parameters():
            assert parameter.grad is not None
            assert parameter.grad[0].any()
            assert not parameter.grad[1].any()

    def test_seed_starts_the_same_alone_or_among_others(self, name: str) -> None:
        among = MODELS[name]((4, 4), SEEDS, latent_size=3)
        alone = MODELS[name]((4, 4), SEEDS[1:], latent_size=3)
        for one, other in zip(among.parameters(), alone.parameters(), strict=True):
            assert torch.equal(one[1:], other)

    def test_decoder_means_lie_between_0_and_1(self, name: str) -> None:
        model = MODELS[name]((4, 4), SEEDS, latent_size=3)
        means = model.decoder.means(10 * torch.randn(2, 50, model.latent_size))
        assert means.shape == (2, 50, 4, 4)
        assert 0 <= means.min() < means.max() <= 1

    def test_reconstruct_draws_nothing(self, name: str) -> None:
        model, x = MODELS[name]((4, 4), SEEDS, latent_size=3), torch.rand(2, 5, 4, 4)
        assert torch.equal(model.reconstruct(x).logits, model.reconstruct(x).logits)
