"""Variational Continual Learning."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import GENERATE
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import loss_with


class VCL(Strategy):
    """Variational Continual Learning: the decoder's weights have a posterior, the next one's prior.

    Nguyen et al., "Variational Continual Learning" (ICLR 2018), eq. 4 and section 4: the loss is
    E_q[the samples' own loss] + λ KL(q_t(θ) ‖ q_{t−1}(θ)) / N_t, with λ = 1, N_t samples in task t,
    q_t(θ) = N(μ, σ²) of each weight of the part that generates, and q_0 = N(0, 1). Every step draws
    one θ = μ + σ ε. The model's own weights are μ, and scores use them. σ begins at a small value.
    In the paper each task has an encoder of its own, and the test says which; here all share
    one, which nothing holds. λ below 1 is Loo et al.'s, "Generalized VCL" (ICLR 2021).

    Args:
        lam: λ, the weight of the divergence.
        sigma: σ of all weights at first.
    """

    name = "vcl"
    needs = frozenset({GENERATE})

    def __init__(self, lam: float = 0.01, sigma: float = 0.01) -> None:
        check_weight("lam", lam)
        if not 0 < sigma < math.inf:
            raise InputError(setting="sigma", expected="to be above 0", got=sigma)
        self.lam, self.sigma = lam, sigma

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Begin with σ, and the prior N(0, 1), before the first task."""
        if "log_sigma" not in self.kept:
            decoder, first = self._decoder(), math.log(self.sigma)
            self.kept["log_sigma"] = {k: torch.full_like(own, first) for k, own in decoder.items()}
            for prior in ("prior_mean", "prior_log_sigma"):
                self.kept[prior] = {k: torch.zeros_like(own) for k, own in decoder.items()}
        sizes, device = [float(len(task.indices)) for task in tasks], self.samples.stored.device
        self.kept["size"] = torch.tensor(sizes, device=device)

    def _decoder(self) -> dict[str, Tensor]:
        own = {id(weight) for weight in self.model.generator().parameters()}
        named = self.model.named_parameters()
        return {name: weight.detach() for name, weight in named if id(weight) in own}

    @property
    def stepped(self) -> Sequence[Tensor]:
        """List log σ, which is trained with the weights."""
        return list(self._log_sigma().values())

    def _log_sigma(self) -> dict[str, Tensor]:
        """Return log σ in the decoder's order, in which noise is drawn; files have their own."""
        return {name: self.kept["log_sigma"][name].requires_grad_() for name in self._decoder()}

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return each sample's loss with weights that are drawn once for all of them."""
        drawn = {}
        for name, log_sigma in self._log_sigma().items():
            noise = self.random.normal(*log_sigma.shape[1:])
            drawn[name] = self.model.get_parameter(name) + log_sigma.exp() * noise
        return loss_with(self.model, drawn, x, random)

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return λ KL(q_t ‖ q_{t−1}) / N_t of each replica."""
        terms = []
        for name, log_sigma in self._log_sigma().items():
            mean, before = self.kept["prior_mean"][name], self.kept["prior_log_sigma"][name]
            moved = (self.model.get_parameter(name) - mean).square()
            ratio = ((2 * log_sigma).exp() + moved) * (-2 * before).exp()
            terms.append((before - log_sigma + 0.5 * (ratio - 1)).flatten(1).sum(1))
        return self.lam * torch.stack(terms, dim=1).sum(1) / self.kept["size"]

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Make the posterior the next task's prior."""
        log_sigma = {name: own.detach() for name, own in self._log_sigma().items()}
        for prior, values in (("prior_mean", self._decoder()), ("prior_log_sigma", log_sigma)):
            self.kept[prior] = {name: own.clone() for name, own in values.items()}
