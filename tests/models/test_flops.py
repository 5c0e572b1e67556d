"""Operations of a model's loss, counted by hand from its layers."""

from collections.abc import Callable

import pytest

from cl_anomaly.models import Model
from cl_anomaly.models.conv_ae import ConvAE
from cl_anomaly.models.flops import forward_flops
from cl_anomaly.models.vae import VAE


@pytest.mark.parametrize("replicas", [1, 3])
def test_of_dense_layers_it_is_two_for_each_weight(replicas: int) -> None:
    model = VAE((8, 8), list(range(replicas)), latent_size=5, hidden_sizes=(20, 10))
    # In: 64 → 20 → 10 → mean and log σ² of 5. Out: 5 → 10 → 20 → 64.
    weights = 64 * 20 + 20 * 10 + 10 * 10 + 5 * 10 + 10 * 20 + 20 * 64
    assert forward_flops(model) == 2 * weights


@pytest.mark.parametrize("replicas", [1, 3])
def test_of_convolutions_it_is_two_for_each_product(replicas: int) -> None:
    model = ConvAE((8, 8), list(range(replicas)), latent_size=5, channels=(4, 6))
    # 3×3 with stride 2: 8×8 → 4×4 of 4 channels → 2×2 of 6, then 24 → 5 → 24 and back.
    # A transposed convolution makes as many products as the convolution that it undoes.
    there = 9 * (1 * 4 * 16 + 4 * 6 * 4)
    assert forward_flops(model) == 2 * (2 * there + 2 * 24 * 5)


def test_a_model_that_cannot_be_counted_fails_nothing(
    own_loss: Callable[[Exception], Model],
) -> None:
    assert forward_flops(own_loss(ValueError("no zeros"))) is None


@pytest.fixture
def own_loss() -> Callable[[Exception], Model]:
    class Refuses(Model):
        def __init__(self, error: Exception) -> None:
            super().__init__((3,), [0])
            self.error = error

        def loss(self, x: object, random: object) -> object:  # type: ignore[override]
            raise self.error

    return Refuses
