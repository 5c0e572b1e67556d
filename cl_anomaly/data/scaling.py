"""Scaling of values that do not lie in [0, 1] by nature, by the range of training data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError

# In widths of the range: what lies farther out is anomalous enough at this distance, and a single
# value of 1e20 does not turn a whole sample's score into infinity.
FURTHEST = 100.0


@dataclass(frozen=True, eq=False)
class Scaling:
    """The ranges that become [0, 1], one for each of R replicas.

    Attributes:
        low: (R, *features), or (R, 1...) if all features share one range.
        high: the same; if equal to `low`, values are only shifted.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, values: Tensor) -> "Scaling":
        """Take the range of each feature of vectors (n, d), or one range of images (n, ...)."""
        values = values.to(torch.float32)
        if values.dim() == 2:
            low, high = values.aminmax(dim=0)
        else:
            low, high = (bound.reshape([1] * (values.dim() - 1)) for bound in values.aminmax())
        return cls(low[None], high[None])

    @classmethod
    def side_by_side(cls, scalings: Sequence["Scaling | None"]) -> "Scaling | None":
        """Put the scalings of several replicas together; None if there are none."""
        given = [scaling for scaling in scalings if scaling is not None]
        if not given:
            return None
        return cls(torch.cat([s.low for s in given]), torch.cat([s.high for s in given]))

    @property
    def replicas(self) -> int:
        """R."""
        return len(self.low)

    def to(self, device: torch.device) -> "Scaling":
        """Move it to a device."""
        return replace(self, low=self.low.to(device), high=self.high.to(device))

    def part(self, start: int, end: int) -> "Scaling":
        """Return the scaling of some of the replicas."""
        return replace(self, low=self.low[start:end], high=self.high[start:end])

    def __call__(self, x: Tensor) -> Tensor:
        """Scale values: (x − low) / (high − low), up to 100 widths to either side.

        Args:
            x: (R, ..., *features), float32; for a single replica, (..., *features).

        Raises:
            InputError: the first axis is not R.
        """
        low, width = self.low, torch.where(self.high > self.low, self.high - self.low, 1.0)
        features = low.dim() - 1
        if self.replicas == 1:
            low, width = low[0], width[0]
        elif x.dim() > features + 1 and len(x) == self.replicas:
            between = [1] * (x.dim() - features - 1)
            low, width = (
                bound.reshape(len(bound), *between, *bound.shape[1:]) for bound in (low, width)
            )
        else:
            raise InputError(
                f"Expected places of samples for each of the {self.replicas} replicas, "
                f"({self.replicas}, ...), because each scales samples by its own first task, but "
                f"got samples {tuple(x.shape)}."
            )
        return ((x - low) / width).clamp(-FURTHEST, 1 + FURTHEST)

    def as_lists(self) -> dict[str, list]:
        """Return the ranges as lists, for JSON."""
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_lists(cls, ranges: dict[str, list]) -> "Scaling":
        """Restore what `as_lists` returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        low, high = (torch.tensor(ranges[name], dtype=torch.float32) for name in ("low", "high"))
        if low.shape != high.shape or low.dim() < 2:
            raise ValueError("its scaling has no range for each replica")
        return cls(low, high)
