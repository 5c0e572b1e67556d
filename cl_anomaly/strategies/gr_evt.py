"""Generative Replay that rejects outlying samples."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.base import GENERATE, POSTERIOR, Generator
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.gr import GenerativeReplay
from cl_anomaly.strategies.shared.latent import posterior_codes, posterior_of, posteriors
from cl_anomaly.strategies.shared.weibull import tail_of, weibull_cdf

# Replayed samples of each past task, on average, that what is kept of it is refreshed from; below
# so many that fell to it, it stays as it was.
_REFRESHED, _FEWEST = 1000, 20
# Codes that are drawn for each sample that is replayed: the best of them are taken.
_DRAWN = 4


class GREvt(GenerativeReplay):
    """Generative Replay with extreme-value rejection: leave out codes that are far from all tasks.

    Belham et al., "Deep Evolving Semi-Supervised Anomaly Detection" (2024, arXiv 2412.00860), after
    Mundt et al., "Unified Probabilistic Deep Continual Learning through Generative Replay and Open
    Set Recognition" (Journal of Imaging 2022): a Weibull distribution of the largest
    distances ‖z − m_t‖ of task t's codes z ~ q(z|x) from their mean m_t; z ~ N(0, I) is rejected if
    min_t Weibull_t(‖z − m_t‖) > Ω. Here Weibulls begin at 0, classes are tasks, and past
    tasks are fitted anew to accepted samples, each of its nearest task, as the new encoder sees
    them. Of four codes for each sample the first that are accepted are taken, then the least
    outlying.

    Args:
        ratio: replayed samples for each new one. "proportional" replays one for each past task.
        reject: Ω, the probability of being an outlier above which a code is rejected.
        tail: share of each task's largest distances, which the Weibull distribution is fitted to.
    """

    name = "gr-evt"
    needs = frozenset({GENERATE, POSTERIOR})

    def __init__(
        self,
        ratio: float | Literal["proportional"] = "proportional",
        reject: float = 0.5,
        tail: float = 0.1,
    ) -> None:
        super().__init__(ratio)
        for name, share in (("reject", reject), ("tail", tail)):
            if not 0 < share <= 1:
                raise InputError(setting=name, expected="to be above 0, at most 1", got=share)
        self.reject, self.tail = reject, tail

    @torch.no_grad()
    def _replayed(self, count: int, previous: Generator) -> Tensor:
        """Return what the previous decoder makes of accepted codes."""
        return previous.from_codes(self._accepted(count)[0])

    def _accepted(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw codes, (R, count, code), with the task that each is nearest to, (R, count)."""
        centres, tails = self.kept["centres"], self.kept["tails"]
        z = self.random.normal(_DRAWN * count, centres.shape[2])
        distances = (z[:, :, None] - centres[:, None]).norm(dim=3)
        outlying, nearest = weibull_cdf(distances, *tails[:, None].unbind(3)).min(dim=2)
        rejected = torch.where(outlying <= self.reject, 0.0, outlying)
        taken = rejected.argsort(dim=1, stable=True)[:, :count]
        return z.take_along_dim(taken[..., None], dim=1), nearest.gather(1, taken)

    @torch.no_grad()
    def after_task(self, tasks: Sequence[Task]) -> None:
        """Keep the decoder, and each task's mean and tail."""
        previous = self.previous
        fitted = [] if previous is None else self._refreshed(previous)
        own = list(posteriors(self.model, self.samples, [task.indices for task in tasks]))
        codes = posterior_codes([output for output, _ in own], self.random)
        fitted.append(tail_of(codes, torch.cat([real for _, real in own], dim=1), self.tail))
        centres, tails = (torch.stack(of, dim=1) for of in zip(*fitted, strict=True))
        # (R, tasks, code), and shape and scale, (R, tasks, 2).
        self.kept["centres"], self.kept["tails"] = centres, tails
        super().after_task(tasks)

    def _refreshed(self, previous: Generator) -> list[tuple[Tensor, Tensor]]:
        """Fit past tasks to what the new encoder makes of their samples."""
        past, fitted = self.kept["centres"].shape[1], []
        z, nearest = self._accepted(_REFRESHED * past)
        output = posterior_of(self.model.reconstruct(previous.from_codes(z)))
        codes = posterior_codes([output], self.random)
        for task in range(past):
            counted = nearest == task
            enough = counted.sum(1, keepdim=True) >= _FEWEST
            before = self.kept["centres"][:, task], self.kept["tails"][:, task]
            # One that counts nothing would be fitted to nothing.
            new = tail_of(codes, counted | ~enough, self.tail)
            fitted.append(
                tuple(torch.where(enough, a, b) for a, b in zip(new, before, strict=True))
            )
        return fitted
