"""The Upper Bound."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy


class Upper(Strategy):
    """Upper Bound: train on all samples of all tasks so far, going on from the last weights.

    "Joint training" in Wiewel & Yang, "Continual Learning for Anomaly Detection with Variational
    Autoencoder" (ICASSP 2019): what could be reached if nothing had to be forgotten.
    """

    name = "upper"

    def training_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        """See every task so far."""
        return torch.cat([past.indices for past in seen])

    def calibration_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        """Use what every task so far has kept aside."""
        return torch.cat([past.calibration for past in seen])
