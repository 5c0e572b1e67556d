"""Generative Replay from a latent Gaussian of each task."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.models.base import GENERATE, POSTERIOR, Generator
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.gr import GenerativeReplay
from cl_anomaly.strategies.shared.latent import aggregate_posterior, posterior_of, posteriors

# Replayed samples of each past task that its Gaussian is refreshed from: about sixty for each
# dimension of a code.
_REFRESHED = 1000


class GRConditional(GenerativeReplay):
    """Generative Replay with a latent Gaussian for each task in place of N(0, I).

    Replay conditional on the task, as in van de Ven, Siegelmann & Tolias, "Brain-inspired replay
    for continual learning with artificial neural networks" (Nature Communications 2020). There the
    Gaussians are a prior of each class and are learnt; here they are fitted when a task ends, to
    its aggregate posterior 1/N Σ_n q(z|x_n): the mean of the codes, and their full covariance.
    Those of earlier tasks are fitted anew to what the previous decoder makes of them, as the new
    encoder sees it. So they always belong to the decoder that is kept. Each replayed sample draws
    its task.

    Args:
        ratio: replayed samples for each new one. "proportional" replays one for each past task,
            so that every past task weighs what the new one does.
    """

    name = "gr-conditional"
    needs = frozenset({GENERATE, POSTERIOR})

    @torch.no_grad()
    def _replayed(self, count: int, previous: Generator) -> Tensor:
        """Return what the previous decoder makes of codes of all past tasks."""
        tasks = self.random.integers(self.kept["means"].shape[1], count)
        return previous.from_codes(self._codes(tasks))

    def _codes(self, tasks: Tensor) -> Tensor:
        """Draw codes of these tasks, (R, count), from 0: m + L ε, (R, count, code)."""
        replicas = torch.arange(len(tasks), device=tasks.device)[:, None]
        mean, factor = (self.kept[name][replicas, tasks] for name in ("means", "factors"))
        noise = self.random.normal(tasks.shape[1], mean.shape[2])
        return mean + (factor * noise[:, :, None]).sum(3)

    @torch.no_grad()
    def after_task(self, tasks: Sequence[Task]) -> None:
        """Keep the decoder, a Gaussian of the task's codes, and refreshed ones of all before."""
        previous = self.previous
        fitted = [] if previous is None else self._refreshed(previous)
        indices = [task.indices for task in tasks]
        fitted.append(aggregate_posterior(posteriors(self.model, self.samples, indices)))
        means, covariances = (torch.stack(own, dim=1) for own in zip(*fitted, strict=True))
        # Not `cholesky`: a replica whose numbers are not finite ends alone. In the order of memory
        # that it has when it is loaded: sums are rounded by it.
        factors = torch.linalg.cholesky_ex(covariances).L.float().contiguous()
        # (R, tasks, code), and lower triangles, (R, tasks, code, code).
        self.kept["means"], self.kept["factors"] = means.float(), factors
        super().after_task(tasks)

    def _refreshed(self, previous: Generator) -> list[tuple[Tensor, Tensor]]:
        """Fit the Gaussians of earlier tasks to what the new encoder makes of their samples."""
        result, means = [], self.kept["means"]
        for task in range(means.shape[1]):
            places = torch.full((len(means), _REFRESHED), task, device=means.device)
            output = posterior_of(self.model.reconstruct(previous.from_codes(self._codes(places))))
            counted = torch.ones_like(places, dtype=torch.bool)
            result.append(aggregate_posterior([(output, counted)]))
        return result
