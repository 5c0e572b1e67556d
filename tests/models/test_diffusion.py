import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.diffusion import Denoiser, Diffusion, cosine_schedule, time_embedding
from tests.support.learning import Drawn


def _model(**options: int) -> Diffusion:
    return Diffusion((2, 3), [0, 1], hidden_sizes=(8,), **options)


def _says(model: Diffusion, value: float) -> Diffusion:
    """Let the network give one number, whatever it is shown."""
    for name, parameter in model.named_parameters():
        last = name.startswith(f"denoiser.network.{len(model.denoiser.network) - 1}.bias")
        nn.init.constant_(parameter, value if last else 0.0)
    return model


@pytest.mark.parametrize("steps", [50, 1000])
def test_schedule_is_the_product_of_its_steps_betas(steps: int) -> None:
    # Nichol & Dhariwal, eq. 17: β_t = 1 − ᾱ_t / ᾱ_{t−1}, from f(t) = cos²((t/T + s)/(1 + s) · π/2).
    def f(t: int) -> float:
        return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    product, expected = 1.0, []
    for t in range(1, steps + 1):
        product *= 1 - min(1 - f(t) / f(t - 1), 0.99999)
        expected.append(min(max(product, 1e-4), 1 - 1e-4))
    found = cosine_schedule(steps)
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-5)
    # What a thousand steps begin with, 4e-5, is less than what is always left.
    assert float(1 - found[0]) == pytest.approx(1 - expected[0], rel=0.01)


def test_every_step_has_an_embedding_of_its_own() -> None:
    times = time_embedding(100)
    assert times.shape == (100, 32)
    assert (torch.cdist(times, times) + 10 * torch.eye(100) > 0.1).all()
    assert times[24, [0, 16]].tolist() == pytest.approx([math.sin(250), math.cos(250)], abs=1e-3)


def test_embedding_is_the_papers_with_the_base_1000() -> None:
    # Vaswani et al., section 3.5: sin and cos of p / 1000^(2i/d), d = 32, at p = 1000 t/T.
    places = 1000 * np.arange(1, 41)[:, None] / 40
    angles = places / 1000 ** (2 * np.arange(16) / 32)
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    np.testing.assert_allclose(time_embedding(40), expected, atol=1e-3)


def test_noise_joins_a_sample_and_is_found_again() -> None:
    denoiser = _model().denoiser
    samples, noise, step = torch.rand(2, 5, 6), torch.randn(2, 5, 6), torch.randint(100, (2, 5))
    noisy = denoiser.noisy(samples, step, noise)
    share = cosine_schedule(100)[step[1, 3]]
    by_hand = share**0.5 * samples[1, 3] + (1 - share) ** 0.5 * noise[1, 3]
    torch.testing.assert_close(noisy[1, 3], by_hand)
    found = denoiser.noise_in(noisy, step, samples)
    torch.testing.assert_close(found, noise, rtol=1e-3, atol=1e-3)


def test_loss_is_the_squared_error_of_what_the_network_says() -> None:
    model, x, noise = _model(), torch.rand(2, 5, 2, 3), torch.randn(2, 5, 6)
    step = torch.randint(100, (2, 5))
    share = cosine_schedule(100)[step][..., None]
    samples = (x.reshape(2, 5, 6) - 0.5) * 2
    noisy = share.sqrt() * samples + (1 - share).sqrt() * noise
    said = model.denoiser.network(torch.cat([noisy, time_embedding(100)[step]], 2))
    expected = nn.functional.mse_loss(said, samples, reduction="none").sum(2) / 2
    torch.testing.assert_close(model.loss(x, Drawn(noise, step)), expected)


def test_error_in_the_noise_by_hand() -> None:
    # ε − ε̂ = √(ᾱ / (1 − ᾱ)) (x̂ − x), whatever ε is; here x̂ = 0.25 for every feature.
    model, x = _says(_model(), 0.25), torch.rand(2, 5, 2, 3)
    share = cosine_schedule(100)[[20, 30, 40, 50, 60]]
    ratio = (share / (1 - share)).mean()
    expected = ratio * (0.25 - (2 * x - 1)).square().mean((2, 3))
    found = model.reconstruct(x).noise_error
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_all_samples_meet_the_same_noise() -> None:
    model, x = _model(), torch.rand(2, 5, 2, 3)
    among, alone = model.noise_error(x), model.noise_error(x[:, 3:4])
    torch.testing.assert_close(among[:, 3:4], alone)
    same = model.noise_error(x[:, :1].expand(2, 4, 2, 3))
    torch.testing.assert_close(same, same[:, :1].expand(2, 4))


def test_sampling_ends_with_what_the_network_says() -> None:
    for value, expected in ((0.5, 0.75), (-3.0, 0.0)):
        samples = _says(_model(), value).generator().generate(4, ReplicaRandom([0, 1], "replay"))
        torch.testing.assert_close(samples, torch.full((2, 4, 2, 3), expected))


@pytest.mark.parametrize("spread", [0.2, 0.3])
def test_sampling_gives_the_distribution_that_the_network_knows(
    spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of samples from N(0, s²), the best guess is x̂ = √ᾱ s² / (ᾱ s² + 1 − ᾱ) · x_t.
    def best(self: Denoiser, noisy: Tensor, step: Tensor) -> Tensor:
        share = self.shares[step][..., None]
        return share.sqrt() * spread**2 / (share * spread**2 + 1 - share) * noisy

    monkeypatch.setattr(Denoiser, "forward", best)
    model = _model(steps=200, sampling_steps=100)
    samples = 2 * model.generator().generate(3000, ReplicaRandom([0, 1], "replay")) - 1
    assert float(samples.mean()) == pytest.approx(0, abs=0.01)
    assert float(samples.std()) == pytest.approx(spread, rel=0.06)


def test_fewest_steps_are_two_of_noise_and_one_of_sampling() -> None:
    model = _says(_model(steps=2, sampling_steps=1), 0.5)
    samples = model.generator().generate(4, ReplicaRandom([0, 1], "replay"))
    torch.testing.assert_close(samples, torch.full((2, 4, 2, 3), 0.75))


def test_steps_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="`sampling_steps` to be from 1"):
        _model(sampling_steps=0)
    with pytest.raises(InputError, match="`steps` to be 2 or more, but got 1"):
        _model(steps=1)
    with pytest.raises(
        InputError, match="`sampling_steps` to be from 1 to `steps`, 10, but got 20"
    ):
        _model(steps=10)
