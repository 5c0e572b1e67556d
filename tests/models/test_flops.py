"""Operations of a model's loss, counted by hand from its layers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cl_anomaly.models import Model
from cl_anomaly.models.conv_ae import ConvAE
from cl_anomaly.models.gaussians import Gaussians
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.models.shared.flops import forward_flops, products_of, training_flops
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


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: torch.mm(x[0, 0], x[1, 0]),
        lambda x: torch.addmm(x[0, 1], x[0, 0], x[1, 0]),
        lambda x: torch.baddbmm(x[1], x[0], x[1]),
        lambda x: x[0] @ x[1],
        lambda x: torch.einsum("abij,abjk->abik", x, x),
        lambda x: functional.conv2d(x, x[:, :, :3, :2], stride=2, padding=1),
        lambda x: functional.conv2d(x, x[:, :1, :3, :3], groups=2),
        lambda x: functional.conv_transpose2d(x, x[:, :, :3, :2], stride=2),
        lambda x: functional.conv1d(x[:, :, 0], x[:, :, 0, :3]),
        lambda x: torch.ops.aten.convolution_backward(
            x[:, :, :6, :6], x, x[:, :, :3, :3], None,
            [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, False],
        ),
        lambda x: functional.scaled_dot_product_attention(x, x, x),
        lambda x: torch.exp(x) * x + x.mean(),
    ],
)  # fmt: skip
def test_each_product_is_counted_as_pytorch_counts_it(
    compute: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    x = torch.rand(2, 2, 8, 8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        compute(x)
    assert products_of(lambda: compute(x)) == counter.get_total_flops()


def test_features_of_gaussians_are_counted_by_their_products() -> None:
    # Two slopes of 8×8 pixels, each two products of 8×8 matrices; 16 directions pooled to 5×5.
    features = 2 * 2 * (2 * 8**3) + 16 * 2 * (8 * 8 * 5 + 5 * 8 * 5)
    model = Gaussians((8, 8), [0, 1])
    assert forward_flops(model, 3) == features + 3 * 2 * 400**2


@pytest.mark.parametrize("replicas", [1, 2])
def test_learning_of_gaussians_is_counted_by_hand(replicas: int) -> None:
    model = Gaussians((3,), list(range(replicas)))
    # 2·3² for each sample; 3³/3 + 3³ for each Gaussian.
    assert training_flops(model, [10, 20], replicas) == 30 * 18 + replicas * 2 * 36
    assert forward_flops(model, 2) == 2 * 18
    axes = Gaussians((6,), list(range(replicas)), rank=3)
    # 9·6³ for all axes, and 4·3² (6 − 1) for three of them to be straight.
    assert training_flops(axes, [10], replicas) == 10 * 72 + replicas * (1944 + 180)
    assert forward_flops(axes, 1) == 2 * 6 * 3


@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("features", ["random", "pixels"])
def test_what_gaussians_multiply_is_what_is_counted(rank: int, features: Any) -> None:
    model = Gaussians((9,), [0], features=features, width=12, merge=0.0, rank=rank)
    size, x = model.map.size, torch.rand(1, 50, 9)
    learnt = [model.features_of(own, 0) for own in (x[0], 1 - x[0])]
    of_features = products_of(lambda: model.features_of(x[0], 0))
    assert of_features == 50 * 2 * 9 * size * (features == "random")
    of_covariances = sum(
        products_of(lambda own=own: model.learn(0, [own], False)) for own in learnt
    )
    keep, prepare, distance = model.concepts._form.operations()
    said = model.learning_flops([50, 50], 1)
    assert said == 2 * of_features + of_covariances + 2 * (keep + prepare)
    assert model.reconstruct(x).distances.shape == (1, 50, 2)  # factorised now
    scored = products_of(lambda: model.reconstruct(x).distances)
    assert scored == 50 * model.scoring_flops(2) == of_features + 2 * 50 * distance


def test_a_closed_form_model_from_outside_may_say_nothing() -> None:
    class Own(ClosedForm):
        name = "own"

    assert forward_flops(Own((3,), [0]), 1) is None
    assert training_flops(Own((3,), [0]), [5], 1) is None


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
