"""Synaptic Intelligence."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import squared_distance, weights_now


class SI(Strategy):
    """Synaptic Intelligence: hold each weight as firmly as it has lowered the loss on its way.

    Zenke, Poole & Ganguli, "Continual Learning Through Synaptic Intelligence" (ICML 2017), eq. 3 to
    5: ω_k = −∫ g_k dθ_k along the task's steps, with g the gradient of the task's own loss; Ω_k
    gains ω_k / (Δ_k² + ξ), with Δ_k what the task has moved θ_k by; the penalty is
    c Σ_k Ω_k (θ_k − θ̃_k)², with θ̃ the weights before the task. The noise of Adam's steps makes some
    ω_k negative; they count as 0, for such a term would drive its weight away.

    Args:
        c: the weight of the penalty.
        damping: ξ, which bounds what a weight gains that has hardly moved.
    """

    name = "si"

    def __init__(self, c: float = 100.0, damping: float = 0.1) -> None:
        check_weight("c", c)
        if not 0 < damping < float("inf"):
            raise InputError(setting="damping", expected="to be above 0", got=damping)
        self.c, self.damping = c, damping

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Begin a path at the weights as they are."""
        anchor = self.kept["anchor"] = weights_now(self.model)
        self.kept["path"] = {name: torch.zeros_like(own) for name, own in anchor.items()}

    @property
    def stepped(self) -> Sequence[Tensor]:
        """List the path integrals: they end where the replica's task does."""
        path = self.kept.get("path", {})
        return [path[name] for name, _ in self.model.named_parameters() if name in path]

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return c Σ_k Ω_k (θ_k − θ̃_k)² of each replica."""
        if "importance" not in self.kept:
            return 0.0
        anchor, importance = self.kept["anchor"], self.kept["importance"]
        return self.c * squared_distance(self.model, anchor, importance)

    def after_backward(self) -> None:
        """Take note of where the step begins; g itself stays on the weights until the next."""
        self._start = weights_now(self.model)

    @torch.no_grad()
    def after_step(self) -> None:
        """Add −g dθ, with the penalty's part of the gradient taken out."""
        importance = self.kept.get("importance")
        for name, weight in self.model.named_parameters():
            start, gradient = self._start[name], weight.grad
            if gradient is None:
                continue
            if importance:
                pull = 2 * self.c * importance[name] * (start - self.kept["anchor"][name])
                gradient = gradient - pull
            self.kept["path"][name].sub_(gradient * (weight - start))

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add what each weight has gained to its importance."""
        importance = self.kept.setdefault("importance", {})
        for name, weight in weights_now(self.model).items():
            moved = (weight - self.kept["anchor"][name]).square()
            gained = self.kept["path"][name].clamp(min=0) / (moved + self.damping)
            importance[name] = importance.get(name, 0) + gained
        self.kept["path"] = {}
