"""What autoencoders of all kinds lose, from PyTorch's own distributions and layers."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Laplace, Normal, kl_divergence

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.ae import AE
from cl_anomaly.models.base import Generator
from cl_anomaly.models.conv_ae import ConvAE
from cl_anomaly.models.conv_vae import ConvVAE
from cl_anomaly.models.denoising_ae import DenoisingAE
from cl_anomaly.models.shared.autoencoder import Autoencoder
from cl_anomaly.models.sparse_ae import SparseAE
from cl_anomaly.models.vae import VAE
from tests.support.learning import Drawn

SMALL: dict[str, Any] = {"latent_size": 2, "hidden_sizes": (6,)}
NOTHING = Drawn(torch.empty(0, 0, 0))


def _samples(*size: int) -> Tensor:
    return torch.rand(2, 4, *size)


@pytest.mark.parametrize("reconstruction", ["bce", "mse", "l1"])
def test_loss_is_that_of_the_decoders_distribution(reconstruction: Any) -> None:
    model = VAE((3, 3), [0, 1], **SMALL, beta=0.5, reconstruction=reconstruction)
    x, noise = torch.randint(0, 2, (2, 4, 3, 3)).float(), torch.randn(2, 4, 2)
    mean, log_variance = model.encode(x)
    posterior = Normal(mean, (log_variance / 2).exp())
    output = model.decoder(posterior.loc + posterior.scale * noise)
    # What a Gaussian's and a Laplace's density have beside the error: ½ log 2π and log 2.
    likelihood = {
        "bce": Bernoulli(logits=output).log_prob(x),
        "mse": Normal(output, 1.0).log_prob(x) + 0.5 * torch.log(torch.tensor(2 * torch.pi)),
        "l1": Laplace(output, 1.0).log_prob(x) + torch.log(torch.tensor(2.0)),
    }[reconstruction]
    expected = -likelihood.sum((2, 3)) + 0.5 * kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(model.loss(x, Drawn(noise)), expected)


@pytest.mark.parametrize("reconstruction", ["mse", "l1"])
def test_a_decoder_of_any_numbers_generates_samples_within_the_data(reconstruction: Any) -> None:
    model = VAE((3, 3), [0, 1], **SMALL, reconstruction=reconstruction)
    nn.init.constant_(model.decoder.layers[-1].bias, 1.2)  # type: ignore[arg-type]
    means = model.reconstruct(_samples(3, 3)).means
    samples = model.generator().generate(20, ReplicaRandom([0, 1], "replay"))
    assert means.max() > 1
    assert samples.min() >= 0 and samples.max() == 1


def test_pixel_weights_multiply_each_pixels_term() -> None:
    weights = (0.0, 2.0, 1.0, 0.5)
    for reconstruction, by_hand in (
        ("mse", lambda output, x: 0.5 * (x - output).square()),
        ("l1", lambda output, x: (x - output).abs()),
        ("bce", lambda output, x: -Bernoulli(logits=output, validate_args=False).log_prob(x)),
    ):
        options: Any = {"reconstruction": reconstruction, "pixel_weights": weights}
        model, x = AE((2, 2), [0, 1], **SMALL, **options), _samples(2, 2)
        terms = by_hand(model.decoder(model.encode(x)), x)
        expected = (terms.flatten(2) * torch.tensor(weights)).sum(2)
        torch.testing.assert_close(model.loss(x, NOTHING), expected)


def test_pixel_weights_stay_out_of_the_state_and_are_checked() -> None:
    model = AE((2, 2), [0], **SMALL, pixel_weights=(1.0, 2.0, 3.0, 4.0))
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
    with pytest.raises(InputError, match="for each of the 4 features, but got 3"):
        AE((2, 2), [0], pixel_weights=(1.0, 2.0, 3.0))
    with pytest.raises(InputError, match="`pixel_weights` to be 0 or more, but got -1"):
        AE((2, 2), [0], pixel_weights=(1.0, -1.0, 1.0, 1.0))


def test_denoising_takes_noise_in_and_wants_the_clean_sample_out() -> None:
    model, x = DenoisingAE((2, 2), [0, 1], **SMALL, noise=0.7), _samples(2, 2)
    noise = torch.randn(2, 4, 2, 2)
    logits = model.decoder(model.encode(x + 0.7 * noise))
    expected = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    torch.testing.assert_close(model.loss(x, Drawn(noise)), expected.sum((2, 3)))
    # Scores pass samples as they are.
    output = model.reconstruct(x)
    torch.testing.assert_close(output.means, model.decoder(model.encode(x)).sigmoid())


def test_sparse_code_pays_for_its_activations() -> None:
    plain, sparse = AE((2, 2), [0, 1], **SMALL), SparseAE((2, 2), [0, 1], **SMALL, sparsity=0.7)
    x = _samples(2, 2)
    penalty = 0.7 * torch.linalg.vector_norm(sparse.encode(x), ord=1, dim=2)
    torch.testing.assert_close(sparse.loss(x, NOTHING), plain.loss(x, NOTHING) + penalty)


@pytest.mark.parametrize("features", [(4, 4), (8, 8), (28, 28), (3, 32, 32), (5, 7), (2, 6, 9)])
def test_convolutional_models_follow_the_size_of_the_data(features: tuple[int, ...]) -> None:
    for make in (ConvVAE, ConvAE):
        model, x = make(features, [0, 1], latent_size=3), _samples(*features)
        output = model.reconstruct(x)
        assert output.means.shape == x.shape
        assert output.hidden[-1].shape == (2, 4, 3)
        assert [layer.dim() for layer in output.hidden] == [3, 3, 3]


def test_convolutional_sizes_of_mnist() -> None:
    model = ConvVAE((28, 28), [0])
    shapes = {name: tuple(p.shape[1:]) for name, p in model.named_parameters() if "weight" in name}
    assert list(shapes.values()) == [
        *[(32, 1, 3, 3), (64, 32, 3, 3), (64 * 7 * 7, 2 * 16)],
        *[(16, 64 * 7 * 7), (64, 32, 3, 3), (32, 1, 3, 3)],
    ]


def _chain(model: ConvAE, replica: int) -> nn.Sequential:
    """The same network of PyTorch's own layers, with one replica's weights."""
    own = [
        *[nn.Conv2d(1, 3, 3, 2, 1), nn.ReLU(), nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU()],
        *[nn.Flatten(), nn.Linear(4 * 2 * 2, 5), nn.Linear(5, 4 * 2 * 2)],
        *[nn.Unflatten(1, (4, 2, 2)), nn.ReLU(), nn.ConvTranspose2d(4, 3, 3, 2, 1, 1), nn.ReLU()],
        *[nn.ConvTranspose2d(3, 1, 3, 2, 1, 1), nn.Sigmoid()],
    ]
    with torch.no_grad():
        targets = [p for layer in own for p in layer.parameters()]
        for target, source in zip(targets, model.parameters(), strict=True):
            values = source[replica]
            is_dense = target.dim() == 2
            target.copy_(values.T if is_dense else values.view_as(target))
    return nn.Sequential(*own)


def test_a_convolutional_autoencoder_is_pytorchs_for_each_replica() -> None:
    model, x = ConvAE((8, 8), [0, 1], latent_size=5, channels=(3, 4)), _samples(8, 8)
    means = model.reconstruct(x).means
    for replica in range(2):
        expected = _chain(model, replica)(x[replica, :, None])[:, 0]
        torch.testing.assert_close(means[replica], expected)


@pytest.mark.parametrize("features", [(64,), (8, 8, 3), (3, 8), (2, 3, 8, 8)])
def test_convolutions_of_what_is_no_image_are_refused(features: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="Expected images for convolutions.*--model vae"):
        ConvVAE(features, [0])


def test_sizes_and_weights_out_of_range_are_refused() -> None:
    cases: list[tuple[type[Autoencoder], dict[str, Any], str]] = [
        (AE, {"latent_size": 0}, "latent_size"),
        (VAE, {"hidden_sizes": (3, 0)}, "hidden_sizes"),
        (VAE, {"beta": -1.0}, "beta"),
        (DenoisingAE, {"noise": float("inf")}, "noise"),
        (SparseAE, {"sparsity": -0.1}, "sparsity"),
        (ConvAE, {"channels": (0,)}, "channels"),
    ]
    for make, options, name in cases:
        with pytest.raises(InputError, match=f"Expected `{name}`"):
            make((8, 8), [0], **options)


def test_smallest_sizes_and_weights_are_allowed() -> None:
    cases: list[tuple[type[Autoencoder], dict[str, Any]]] = [
        (VAE, {"latent_size": 1, "hidden_sizes": (1,), "beta": 0.0}),
        (DenoisingAE, {"latent_size": 1, "hidden_sizes": (1,), "noise": 0.0}),
        (SparseAE, {"latent_size": 1, "hidden_sizes": (), "sparsity": 0.0}),
        (ConvAE, {"latent_size": 1, "channels": (1,), "pixel_weights": (0.0,) * 16}),
    ]
    for make, options in cases:
        assert make((4, 4), [0], **options).reconstruct(_samples(4, 4)[:1]).hidden[-1].shape[2] == 1


def test_activations_of_convolutions_count_as_memory() -> None:
    model = ConvAE((28, 28), [0, 1])
    weights = 16 * sum(p[0].numel() for p in model.parameters())
    one, many = model.training_bytes(1), model.training_bytes(64)
    # 28 · 28 pixels, 14 · 14 places of 32 channels and 7 · 7 of 64, there and back.
    assert one - weights == 16 * 2 * (28 * 28 + 14 * 14 * 32 + 7 * 7 * 64)
    assert many - weights == 64 * (one - weights)
    dense = AE((28, 28), [0, 1])
    assert dense.training_bytes(64) == 16 * sum(p[0].numel() for p in dense.parameters())


def test_an_autoencoder_has_nothing_to_generate_from() -> None:
    with pytest.raises(NotImplementedError, match="AE cannot generate samples"):
        AE((2, 2), [0]).generator()
    assert isinstance(ConvVAE((4, 4), [0]).generator(), Generator)
