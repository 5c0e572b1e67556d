"""Synaptic Intelligence."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import of_kind, prefixed, squared_distance, weights_now


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
        self.importance: dict[str, Tensor] = {}
        self.anchor: dict[str, Tensor] = {}
        self.path: dict[str, Tensor] = {}

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Begin a path at the weights as they are."""
        self.anchor = weights_now(self.model)
        self.path = {name: torch.zeros_like(own) for name, own in self.anchor.items()}

    @property
    def stepped(self) -> Sequence[Tensor]:
        """List the path integrals: they end where the replica's task does."""
        names = [name for name, _ in self.model.named_parameters()]
        return [self.path[name] for name in names if name in self.path]

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return c Σ_k Ω_k (θ_k − θ̃_k)² of each replica."""
        if not self.importance:
            return 0.0
        return self.c * squared_distance(self.model, self.anchor, self.importance)

    def after_backward(self) -> None:
        """Take note of where the step begins; g itself stays on the weights until the next."""
        self._start = weights_now(self.model)

    @torch.no_grad()
    def after_step(self) -> None:
        """Add −g dθ, with the penalty's part of the gradient taken out."""
        for name, weight in self.model.named_parameters():
            start, gradient = self._start[name], weight.grad
            if gradient is None:
                continue
            if self.importance:
                pull = 2 * self.c * self.importance[name] * (start - self.anchor[name])
                gradient = gradient - pull
            self.path[name].sub_(gradient * (weight - start))

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add what each weight has gained to its importance."""
        for name, weight in weights_now(self.model).items():
            moved = (weight - self.anchor[name]).square()
            gained = self.path[name].clamp(min=0) / (moved + self.damping)
            self.importance[name] = self.importance.get(name, 0) + gained
        self.path = {}

    def state_dict(self) -> dict[str, Tensor]:
        """Return the importance, the weights before the task, and the path through it."""
        return prefixed(importance=self.importance, anchor=self.anchor, path=self.path)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        for kind in ("importance", "anchor", "path"):
            setattr(self, kind, of_kind(state, kind))
