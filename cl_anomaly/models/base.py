"""The interface of models: all that the rest of the program knows of them."""

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
    GENERATE: "make samples of its own",
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
    """Samples (R, B, *features) after a pass through a model; nothing is drawn, all is float32.

    Subclasses compute each quantity when it is first asked for, and keep it: several scores need
    the same.
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

        Those after each hidden layer's activation function, and last the code, which is the mean of
        a posterior.
        """
        raise NotImplementedError

    @cached_property
    def hidden_of_means(self) -> list[Tensor]:
        """The same for `means` sent through the encoder."""
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
        """Compute it at codes z (R, B, code) in place of the posterior's mean: (R, B), in nats."""
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
        """Error of the predicted noise, (R, B); every sample meets the same noise."""
        raise NotImplementedError


class Distances(Reconstruction):
    """The output of a model with the ability `distances`."""

    @cached_property
    def distances(self) -> Tensor:
        """Squared distances from each of the T tasks learnt, (R, B, T).

        Infinite for a task that brought nothing new, and for all before the first is learnt.
        """
        raise NotImplementedError

    @property
    def left_out(self) -> Tensor:
        """Distances, (R, B, T), of samples that the last task was learnt from.

        If the model can tell, they are from the last task as if it had been learnt without them.
        """
        return self.distances

    @cached_property
    def background(self) -> Tensor:
        """Squared distances from all tasks as one, (R, B); the ability `background`."""
        raise NotImplementedError


class Generator(nn.Module):
    """The part of a model that makes samples: all that replay has to keep.

    Attributes:
        is_bounded: whether samples lie in [0, 1].
    """

    is_bounded: bool = True

    def generate(self, count: int, random: Draws) -> Tensor:
        """Make samples for each replica, (R, count, *features), float32, in [0, 1] if bounded."""
        raise NotImplementedError(f"{type(self).__name__} should make samples.")

    def from_codes(self, z: Tensor) -> Tensor:
        """Make the samples of codes (R, count, code); only of a model that has a `posterior`."""
        raise NotImplementedError(f"{type(self).__name__} should make samples of codes.")

    def cut(self, x: Tensor) -> Tensor:
        """Cut samples to the range that they lie in."""
        return x.clamp(0, 1) if self.is_bounded else x


class Model(nn.Module):
    """R replicas of a model, side by side. Subclass it in a file of its own.

    Its hyperparameters are the typed keyword arguments of `__init__` after these two, with
    defaults: the command line (`--model.NAME`) and the config file read them from there.

    Args:
        features: shape of one sample.
        seeds: one for each replica, from which its first weights are drawn.

    Attributes:
        name: what `--model` calls it.
        abilities: those of ABILITIES that it has.
        default_score: the score of its runs where `--score` names none.
        keeps_tasks_apart: whether nothing of what it has learnt of one task is changed by another,
            so that a strategy has nothing to hold.
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
        raise NotImplementedError(f"{type(self).__name__} should have a `loss`.")

    def begin_task(self, number: int) -> None:
        """Make room for a task, from 1, before it begins, in a model that grows with tasks."""

    def tasks_joined(self) -> list[list[int]]:
        """Return for each replica which task each was learnt as, in a model that compares tasks.

        That is the task itself if it was new, an earlier one if it returned, and 0 if nothing is
        kept of it by itself. Empty for other models.
        """
        return []

    def reconstruct(self, x: Tensor) -> Reconstruction:
        """Pass samples (R, B, *features) through the model, and draw nothing."""
        raise NotImplementedError(f"{type(self).__name__} should have a `reconstruct`.")

    def generator(self) -> Generator:
        """Return the part that makes samples, with the ability `generate`."""
        raise NotImplementedError(f"{type(self).__name__} makes no samples.")

    def training_bytes(self, batch_size: int) -> int:
        """Return how much memory each step of one replica's training reads and writes.

        Replicas train beside each other in groups for which a processor's cache is large enough.
        Here it is the weights: dense layers have few activations beside them.
        """
        return _BYTES_PER_WEIGHT * sum(p[0].numel() for p in self.parameters())


def check_abilities(model: type[Model], needs: frozenset[str], who: str) -> None:
    """Refuse a model that lacks an ability which `who` needs.

    Raises:
        InputError: always in this case.
    """
    for need in sorted(needs - model.abilities):
        raise InputError(
            f"Expected a model that can {ABILITIES.get(need, need)}, which {who} needs, but "
            f"{model.name} cannot."
        )
