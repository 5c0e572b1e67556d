"""The denoising diffusion model."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws, generator
from cl_anomaly.models.base import GENERATE, NOISE, Generator, Model, NoisePrediction
from cl_anomaly.models.shared.autoencoder import check_sizes
from cl_anomaly.models.shared.layers import mlp

_TIME_NUMBERS = 32
# Shares of the schedule at which samples are scored, and draws of noise at each.
_SCORED_AT, _SCORED_DRAWS = (0.2, 0.3, 0.4, 0.5, 0.6), 4


def cosine_schedule(steps: int) -> Tensor:
    """Return ᾱ, (steps,): the share of a sample's variance that remains after each noise step.

    Nichol & Dhariwal, "Improved Denoising Diffusion Probabilistic Models" (ICML 2021), eq. 17.
    """
    offset = 0.008
    places = (torch.arange(steps + 1) / steps + offset) / (1 + offset)
    shares = torch.cos(places * math.pi / 2).square()
    # At 0 nothing of the sample would be left, at 1 there would be no noise to predict.
    return (shares[1:] / shares[0]).clamp(1e-4, 1 - 1e-4)


def time_embedding(steps: int) -> Tensor:
    """Return the embedding of each step as sines and cosines, (steps, 32).

    Vaswani et al., "Attention Is All You Need" (NeurIPS 2017), section 3.5.
    """
    half = _TIME_NUMBERS // 2
    frequencies = 1000 ** (1 - torch.arange(half) / half)
    angles = (torch.arange(steps)[:, None] + 1) / steps * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Denoiser(Generator):
    """A network that recovers a sample, flat and in [-1, 1], from its noisy form.

    Args:
        steps: noise steps, from hardly any noise to pure noise.
        sampling_steps: steps to generate a sample.
        hidden_sizes: features of the hidden layers.
        generators: one for each replica, which draw its initial weights.
    """

    shares: Tensor
    times: Tensor

    def __init__(
        self,
        features: tuple[int, ...],
        steps: int,
        sampling_steps: int,
        hidden_sizes: tuple[int, ...],
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.steps, self._features, self._size = steps, features, math.prod(features)
        places = torch.linspace(steps - 1, 0, sampling_steps)
        self._sampled_at: list[int] = [round(place) for place in places.tolist()]
        self.register_buffer("shares", cosine_schedule(steps), persistent=False)
        self.register_buffer("times", time_embedding(steps), persistent=False)
        sizes = (self._size + _TIME_NUMBERS, *hidden_sizes, self._size)
        self.network = mlp(sizes, generators)

    def noisy(self, samples: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Return √ᾱ x + √(1 − ᾱ) ε, (R, B, D).

        Ho et al., "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), eq. 4.

        Args:
            samples: x, (R, B, D).
            step: (R, B), int64, from 0.
            noise: ε, (R, B, D), or one for all.
        """
        share = self.shares[step][..., None]
        return share.sqrt() * samples + (1 - share).sqrt() * noise

    def forward(self, noisy: Tensor, step: Tensor) -> Tensor:
        """Recover samples (R, B, D), float32, from their noisy form after step (R, B)."""
        return self.network(torch.cat([noisy, self.times[step]], dim=2)).float()

    def noise_in(self, noisy: Tensor, step: Tensor, samples: Tensor) -> Tensor:
        """Compute the noise (R, B, D) between samples and their noisy form: eq. 4 of Ho et al."""
        share = self.shares[step][..., None]
        return (noisy - share.sqrt() * samples) / (1 - share).sqrt()

    def generate(self, count: int, random: Draws) -> Tensor:
        """Generate samples from noise in a few steps, (R, count, *features), float32, see `cut`.

        Song, Meng & Ermon, "Denoising Diffusion Implicit Models" (ICLR 2021), eq. 12 with σ = 0:
        only the initial noise is random.
        """
        x = random.normal(count, self._size)
        sample = x
        for place, following in zip(self._sampled_at, [*self._sampled_at[1:], None], strict=True):
            step = torch.full(x.shape[:2], place, device=x.device)
            sample = _centred(self.cut(0.5 * (self(x, step) + 1)))
            if following is not None:
                noise = self.noise_in(x, step, sample)
                x = self.noisy(sample, torch.full_like(step, following), noise)
        return (0.5 * (sample + 1)).unflatten(2, self._features)


class DiffusionNoise(NoisePrediction):
    """A diffusion model's prediction of the noise in samples (R, B, *features)."""

    def __init__(self, model: "Diffusion", x: Tensor) -> None:
        super().__init__(x)
        self._model = model

    @cached_property
    def noise_error(self) -> Tensor:
        """Mean of (ε − ε̂)² over features, steps and draws, (R, B)."""
        return self._model.noise_error(self.x)


class Diffusion(Model):
    """Denoising diffusion model with a dense network.

    Ho et al., "Denoising Diffusion Probabilistic Models" (NeurIPS 2020). Its network predicts the
    sample x̂, and thus the noise ε̂ (Salimans & Ho, "Progressive Distillation", ICLR 2022, section
    4): dense layers learn a sample more easily than noise, which has no structure. The loss is
    ½ Σ (x − x̂)², for x in [-1, 1], at a random step for each sample.

    Args:
        steps: noise steps, from hardly any noise to pure noise.
        sampling_steps: steps to generate a sample, by DDIM.
        hidden_sizes: features of the network's hidden layers.

    Raises:
        InputError: a size is below 1, or there are more sampling steps than steps.
    """

    name: ClassVar[str] = "diffusion"
    abilities = frozenset({NOISE, GENERATE})
    default_score: ClassVar[str] = "noise-error"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        steps: int = 100,
        sampling_steps: int = 20,
        hidden_sizes: tuple[int, ...] = (400, 400, 400),
    ) -> None:
        super().__init__(features, seeds)
        if steps < 2:
            raise InputError(setting="steps", expected="to be 2 or more", got=steps)
        if not 1 <= sampling_steps <= steps:
            raise InputError(
                setting="sampling_steps",
                expected=f"to be from 1 to `steps`, {steps}",
                got=sampling_steps,
            )
        check_sizes("hidden_sizes", hidden_sizes)
        generators = [generator(seed, "model") for seed in seeds]
        self.denoiser = Denoiser(features, steps, sampling_steps, hidden_sizes, generators)

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return ½ Σ (x − x̂)² of each sample at a random step, (R, B), in nats.

        Args:
            x: (R, B, *features), in [0, 1].
            random: draws the step, (R, B), and ε, (R, B, D), standard normal.
        """
        samples = _centred(x)
        step = random.integers(self.denoiser.steps, x.shape[1])
        noise = random.normal(*samples.shape[1:])
        given = self.denoiser(self.denoiser.noisy(samples, step, noise), step)
        return 0.5 * (samples - given).square().sum(2)

    def noise_error(self, x: Tensor) -> Tensor:
        """Return the mean of (ε − ε̂)² of samples (R, B, *features): (R, B), in 20 forward passes.

        They are five steps of the schedule with four draws of ε each, the same for all samples.
        """
        samples = _centred(x)
        total = torch.zeros_like(samples[..., 0])
        for place, noise in self._scored(samples.shape[2]):
            step = torch.full(samples.shape[:2], place, device=x.device)
            true = noise.to(x.device)
            noisy = self.denoiser.noisy(samples, step, true)
            predicted = self.denoiser.noise_in(noisy, step, self.denoiser(noisy, step))
            total += (true - predicted).square().mean(2)
        return total / (len(_SCORED_AT) * _SCORED_DRAWS)

    def _scored(self, size: int) -> Iterator[tuple[int, Tensor]]:
        """Yield the steps at which samples are scored, with the noise (D,) of each pass."""
        numbers = generator(0, "noise-error")
        for share in _SCORED_AT:
            for _ in range(_SCORED_DRAWS):
                yield int(share * self.denoiser.steps), torch.randn(size, generator=numbers)

    def reconstruct(self, x: Tensor) -> DiffusionNoise:
        """Return the noise prediction for samples (R, B, *features), with fixed draws."""
        return DiffusionNoise(self, x)

    def generator(self) -> Denoiser:
        """Return the network, which also generates samples."""
        return self.denoiser


def _centred(x: Tensor) -> Tensor:
    """Flatten samples (R, B, *features) in [0, 1], and map them to [-1, 1]."""
    return 2 * x.flatten(2) - 1
