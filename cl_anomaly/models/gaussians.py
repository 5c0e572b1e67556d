"""A Gaussian for each task, over features that are never trained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import generator
from cl_anomaly.models.base import BACKGROUND, DISTANCES, Distances
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.models.shared.components import components_of, shares_of
from cl_anomaly.models.shared.covariances import together
from cl_anomaly.models.shared.feature_maps import FeatureMap, Histograms, Pixels, is_image
from cl_anomaly.models.shared.flops import products_of
from cl_anomaly.models.shared.gaussian_concepts import GaussianConcepts
from cl_anomaly.models.shared.random_maps import RandomConvolutions, RandomUnits
from cl_anomaly.models.shared.stored_covariances import form_for


class FromGaussians(Distances):
    """Distances of samples from each task's Gaussians."""

    def __init__(self, model: Gaussians, x: Tensor) -> None:
        super().__init__(x)
        self._model = model

    @cached_property
    def _features(self) -> list[Tensor]:
        return self._model.features_of_all(self.x)

    @cached_property
    def distances(self) -> Tensor:
        """Squared Mahalanobis distances, (R, B, T)."""
        concepts, tasks = self._model.concepts, self._tasks
        return torch.stack([concepts.distances(f, r, tasks) for r, f in enumerate(self._features)])

    @property
    def left_out(self) -> Tensor:
        """The same, with each sample left out of the Gaussian that learnt it."""
        concepts, tasks = self._model.concepts, self._tasks
        each = [concepts.distances_left_out(f, r, tasks) for r, f in enumerate(self._features)]
        return torch.stack(each)

    @property
    def _tasks(self) -> int:
        tasks = int(self._model.learnt.max())
        if not tasks:
            raise InputError(f"Expected {self._model.name} to have learnt a task, but it has none.")
        return tasks

    @cached_property
    def background(self) -> Tensor:
        """Squared Mahalanobis distance from one Gaussian of all tasks, (R, B)."""
        concepts = self._model.concepts
        return torch.stack([concepts.background(f, r) for r, f in enumerate(self._features)])


class Gaussians(ClosedForm):
    """A Gaussian for each task, learnt in closed form over features that are never trained.

    The squared distance from task t's is (f − μₜ)ᵀ Σₜ⁻¹ (f − μₜ), where f are the features,
    μₜ and Cₜ the mean and covariance of the task's own samples, and
    Σₜ = (1 − s) Cₜ + s (tr Cₜ / F) I: Lee et al., "A Simple Unified Framework for Detecting
    Out-of-Distribution Samples and Adversarial Attacks" (NeurIPS 2018), eq. 2, with a covariance
    for each task and without the logarithm of its determinant. No task changes another's
    Gaussians: nothing is forgotten, and the order of tasks does not matter.

    Args:
        features: "hog" (histograms of gradient directions, of images), "random" (random
            convolutions of images, random units of vectors) or "pixels" (the samples as they are);
            "auto" is hog for images with sides of 4 pixels or more, and pixels otherwise.
        grid: places in each direction where features of images are pooled.
        directions: number of gradient directions, for hog.
        curvatures: directions of second derivatives, for hog; each adds 2 · grid² features.
        width: number of random features.
        shrinkage: s, from 0 to 1.
        components: greatest number of Gaussians for each task, found by k-means.
        pooling: share of a common covariance in these, from 0 to 1.
        merge: how much farther a task's samples may be from an earlier Gaussian than from their
            own, as a share, for both to become one; 0 keeps every task apart.
        rank: number of axes with the largest variances to keep of each covariance; 0 keeps the
            whole covariance, as a triangle.
        stored: number type of triangles or axes.
    """

    name = "gaussians"
    abilities = frozenset({DISTANCES, BACKGROUND})
    default_score: ClassVar[str] = "auto-margin"
    learnt: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        seeds: Sequence[int],
        /,
        features: Literal["auto", "hog", "random", "pixels"] = "auto",
        grid: int = 5,
        directions: int = 16,
        curvatures: int = 0,
        width: int = 600,
        shrinkage: float = 0.1,
        components: int = 1,
        pooling: float = 0.5,
        merge: float = 0.5,
        rank: int = 0,
        stored: Literal["float16", "float32"] = "float16",
    ) -> None:
        super().__init__(shape, seeds)
        counts = {"grid": grid, "directions": directions, "width": width, "components": components}
        for name, count in counts.items():
            if count < 1:
                raise InputError(setting=name, expected="to be 1 or more", got=count)
        if not 0 < shrinkage <= 1:
            raise InputError(setting="shrinkage", expected="above 0, at most 1", got=shrinkage)
        if rank < 0:
            raise InputError(setting="rank", expected="to be 0 or more", got=rank)
        if not 0 <= pooling <= 1:
            raise InputError(setting="pooling", expected="from 0 to 1", got=pooling)
        if not 0 <= merge < float("inf"):
            raise InputError(setting="merge", expected="to be 0 or more", got=merge)
        self._seeds, self._components, self._pooling = seeds, components, pooling
        if curvatures < 0:
            raise InputError(setting="curvatures", expected="to be 0 or more", got=curvatures)
        self.map = _made(features, shape, seeds, grid, (directions, curvatures), width)
        self._form = form_for(self.map.size, rank, stored)
        self.concepts = GaussianConcepts(
            len(seeds), self.map.size, shrinkage, merge, self._form, pooling
        )
        self.register_buffer("learnt", torch.zeros(len(seeds), dtype=torch.int64))

    def features_of(self, x: Tensor, replica: int) -> Tensor:
        """Return features (n, F) of a replica's samples (n, *features)."""
        return self.map(x, replica)

    def features_of_all(self, x: Tensor) -> list[Tensor]:
        """Return features of samples (R, B, *features): (B, F) for each replica."""
        if x.stride(0) == 0 and not self.map.is_drawn:  # all replicas have the same samples
            return [self.map(x[0], 0)] * len(x)
        return [self.map(samples, replica) for replica, samples in enumerate(x)]

    def learn(self, replica: int, features: Sequence[Tensor], anew: bool) -> None:
        """Add the Gaussians of a replica's next task, see `ClosedForm.learn`."""
        if anew:
            self.concepts.clear(replica)
        self.learnt[replica] += 1
        task, x, concepts = int(self.learnt[replica]), torch.cat(list(features)), self.concepts
        # The same random numbers for each task, so that the order of tasks does not matter.
        numbers = generator(self._seeds[replica], "components")
        parts = components_of(x, self._components, self._pooling, numbers)
        if not (first := concepts.returned(replica, reduce(together, parts))):
            concepts.add(replica, task, parts)
        elif (
            len(centres := concepts.means[replica, concepts.places(replica, first)])
            == len(parts)
            == 1
        ):
            concepts.join(replica, task, first, parts)
        else:
            concepts.join(replica, task, first, shares_of(x, centres, self._pooling))

    def tasks_joined(self) -> list[list[int]]:
        """Return for each replica the task that each task was learnt as, see `Model`."""
        return [self.concepts.tasks_joined(replica) for replica in range(self.replicas)]

    def scoring_flops(self, tasks: int) -> int:
        """Count f + T K d for a sample, as if no Gaussian had joined another.

        f is the number of operations for its features, T that of tasks, K that of Gaussians for
        each, and d that of operations for one distance: 2 F², or 2 F r with r axes.
        """
        return self._of_features() + tasks * self._components * self._form.operations().distance

    def learning_flops(self, samples: Sequence[int], replicas: int) -> int:
        """Count Σₜ nₜ (f + 2 F²) + R T K (k + p) for R replicas and T tasks of nₜ samples in all.

        f counts the operations for a sample's features, 2 F² those for its part in a covariance,
        k and p those to store a covariance and to prepare it, see `stored_covariances.Operations`.
        K-means and the comparison with earlier Gaussians depend on the data, and are not counted.
        """
        of_sample = self._of_features() + 2 * self.map.size**2
        keep, prepare, _ = self._form.operations()
        gaussians = replicas * len(samples) * self._components
        return sum(samples) * of_sample + gaussians * (keep + prepare)

    def _of_features(self) -> int:
        two = torch.zeros(2, *self.features, device=self.learnt.device)
        return products_of(lambda: self.map(two, 0)) // 2

    def reconstruct(self, x: Tensor) -> FromGaussians:
        """Return the distances of samples (R, B, *features)."""
        return FromGaussians(self, x)


def _made(
    kind: str,
    shape: tuple[int, ...],
    seeds: Sequence[int],
    grid: int,
    directions: tuple[int, int],
    width: int,
) -> FeatureMap:
    if kind == "auto":
        kind = "hog" if is_image(shape) else "pixels"
    if kind == "hog":
        return Histograms(shape, grid, *directions)
    if kind == "random" and is_image(shape):
        return RandomConvolutions(shape, grid, width, seeds)
    return RandomUnits(shape, width, seeds) if kind == "random" else Pixels(shape)
