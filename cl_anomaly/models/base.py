"""The interface of models to the rest of the program."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from torch import Tensor, nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.shared.losses import kl_to_standard_normal

RECONSTRUCT = "reconstruct"
GENERATE = "generate"
HIDDEN = "hidden"
LIKELIHOOD = "likelihood"
POSTERIOR = "posterior"
DENSITY = "density"
NOISE = "noise"
DISTANCES = "distances"
BACKGROUND = "background"
ABILITIES = {
    RECONSTRUCT: "reconstruct samples",
    GENERATE: "generate samples",
    HIDDEN: "show the activations of its encoder's layers",
    LIKELIHOOD: "give the likelihood of samples",
    POSTERIOR: "give a posterior over codes",
    DENSITY: "give the exact likelihood of samples",
    NOISE: "tell noise from data",
    DISTANCES: "say how far samples are from each task",
    BACKGROUND: "say how far samples are from all tasks as one",
}
"""Abilities of models, in words for messages."""

# A weight, its gradient, and Adam's two moments of it, in float32.
_BYTES_PER_WEIGHT = 16


class Reconstruction:
    """Output of a model for samples (R, B, *features), in float32 and without randomness.

    Subclasses compute each quantity when it is first used and cache it for other scores.
    """

    def __init__(self, x: Tensor) -> None:
        self.x = x

    @cached_property
    def means(self) -> Tensor:
        """The reconstructed samples, (R, B, *features); the ability `reconstruct`."""
        raise NotImplementedError

    @cached_property
    def hidden(self) -> list[Tensor]:
        """Activations of the encoder's layers, (R, B, units) each; the ability `hidden`.

        They are taken after each activation function; the code, or a posterior's mean, comes last.
        """
        raise NotImplementedError

    @cached_property
    def hidden_of_means(self) -> list[Tensor]:
        """The same for `means` passed through the encoder."""
        raise NotImplementedError


class Likelihood(Reconstruction):
    """The reconstruction of a model with the ability `likelihood`."""

    @cached_property
    def negative_log_likelihood(self) -> Tensor:
        """−log p(x) under the reconstruction, (R, B), in nats."""
        raise NotImplementedError


class Posterior(Likelihood):
    """The reconstruction of a model with the ability `posterior`.

    Args:
        x: (R, B, *features).
        mean: (R, B, code), of the posterior q(z|x).
        log_variance: (R, B, code), log σ² of the posterior.
    """

    def __init__(self, x: Tensor, mean: Tensor, log_variance: Tensor) -> None:
        super().__init__(x)
        self.mean, self.log_variance = mean, log_variance

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(z|x) ‖ N(0, I)), (R, B), in nats."""
        return kl_to_standard_normal(self.mean, self.log_variance)

    @property
    def loss(self) -> Tensor:
        """The model's loss at the posterior's mean, (R, B), in nats."""
        raise NotImplementedError

    def negative_log_likelihood_at(self, z: Tensor) -> Tensor:
        """Compute −log p(x|z) at codes z (R, B, code): (R, B), in nats."""
        raise NotImplementedError


class Density(Reconstruction):
    """The output of a model with the ability `density`."""

    @cached_property
    def negative_log_likelihood(self) -> Tensor:
        """−log p(x), exact, (R, B), in nats."""
        raise NotImplementedError


class NoisePrediction(Reconstruction):
    """The output of a model with the ability `noise`."""

    @cached_property
    def noise_error(self) -> Tensor:
        """Error of the predicted noise, (R, B); all samples get the same noise."""
        raise NotImplementedError


class Distances(Reconstruction):
    """The output of a model with the ability `distances`."""

    @cached_property
    def distances(self) -> Tensor:
        """Squared distances from each of the T tasks learnt, (R, B, T).

        Infinite for tasks that brought nothing new, and for all tasks before the first is learnt.
        """
        raise NotImplementedError

    @property
    def left_out(self) -> Tensor:
        """Distances, (R, B, T), of samples that the last task was learnt from.

        If the model can tell, the last task's are as if it had been learnt without the sample.
        """
        return self.distances

    @cached_property
    def background(self) -> Tensor:
        """Squared distances from all tasks as one, (R, B); the ability `background`."""
        raise NotImplementedError


class Generator(nn.Module):
    """The part of a model that generates samples, which is all that replay needs to keep.

    Attributes:
        is_bounded: whether samples lie in [0, 1].
    """

    is_bounded: bool = True

    def generate(self, count: int, random: Draws) -> Tensor:
        """Generate samples, (R, count, *features), float32, in [0, 1] if bounded."""
        raise NotImplementedError(f"{type(self).__name__} should define `generate`.")

    def from_codes(self, z: Tensor) -> Tensor:
        """Decode codes (R, count, code); only for models with the ability `posterior`."""
        raise NotImplementedError(f"{type(self).__name__} should define `from_codes`.")

    def cut(self, x: Tensor) -> Tensor:
        """Clip samples to [0, 1] if bounded."""
        return x.clamp(0, 1) if self.is_bounded else x


class Model(nn.Module):
    """R replicas of a model, side by side. Each subclass has its own file.

    Its hyperparameters are the typed keyword arguments of `__init__` after these two, with
    defaults: the command line (`--model.NAME`) and the config file read them from there.

    Args:
        features: shape of one sample.
        seeds: one for each replica, which draws its initial weights.

    Attributes:
        name: its name for `--model`.
        abilities: its abilities, of ABILITIES.
        default_score: score of its runs without `--score`.
        keeps_tasks_apart: whether learning a task never changes what was learnt of another, so that
            no strategy is needed against forgetting.
    """

    name: ClassVar[str]
    abilities: ClassVar[frozenset[str]] = frozenset({RECONSTRUCT})
    default_score: ClassVar[str] = "recon"
    keeps_tasks_apart: ClassVar[bool] = False

    def __init__(self, features: tuple[int, ...], seeds: Sequence[int]) -> None:
        super().__init__()
        self.features, self.replicas = features, len(seeds)

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return the training loss, (R, B), float32, of samples (R, B, *features) in [0, 1]."""
        raise NotImplementedError(f"{type(self).__name__} should define `loss`.")

    def begin_task(self, number: int) -> None:
        """Make room for a task, from 1, before it begins, if the model grows with tasks."""

    def tasks_joined(self) -> list[list[int]]:
        """Return by replica the task that each task was learnt as, if the model compares tasks.

        A new task is learnt as itself, a returning one as the earlier one; 0 if the task is not
        kept separately. Empty for other models.
        """
        return []

    def reconstruct(self, x: Tensor) -> Reconstruction:
        """Pass samples (R, B, *features) through the model, without randomness."""
        raise NotImplementedError(f"{type(self).__name__} should define `reconstruct`.")

    def generator(self) -> Generator:
        """Return the part that generates samples, with the ability `generate`."""
        raise NotImplementedError(f"{type(self).__name__} cannot generate samples.")

    def training_bytes(self, batch_size: int) -> int:
        """Return the bytes that a training step of one replica reads and writes.

        Replicas train together in groups that fit into a CPU's cache. By default the weights alone
        count, because dense layers have few activations in comparison.
        """
        return _BYTES_PER_WEIGHT * sum(p[0].numel() for p in self.parameters())


def check_abilities(model: type[Model], needs: frozenset[str], who: str) -> None:
    """Raise InputError if a model lacks an ability that `who` needs."""
    for need in sorted(needs - model.abilities):
        raise InputError(
            f"Expected a model that can {ABILITIES.get(need, need)}, which {who} needs, but "
            f"{model.name} cannot."
        )
