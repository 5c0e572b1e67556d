"""A planned run: what will be done, with its data and classes found."""

from dataclasses import dataclass
from typing import Any

import torch

from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.plan.check import reading_of
from cl_anomaly.plan.classes import Parts
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.store.folder_names import folder_name


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is put together: all that identifies it, its data and classes, no weights.

    Attributes:
        config: with every default filled in.
        parts: the classes of its strategy and its model.
        dataset: loaded.
        replicas: R of them, class after class.
        scenarios: one for each replica.
        device: that it trains on.
        precision: of training.
        strategy_source: the strategy's file, as it was when it was loaded, where it is one.
        environment: the machine, versions, data, and the code that makes the numbers.
    """

    config: ResolvedConfig
    parts: Parts
    dataset: Dataset
    replicas: list[Replica]
    scenarios: list[Scenario]
    device: torch.device
    precision: torch.dtype
    strategy_source: str | None
    environment: dict[str, Any]

    @property
    def strategy_name(self) -> str:
        """What the strategy is called in results."""
        return self.parts.strategy.name

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return folder_name(self.config, self.environment, self.strategy_name)

    @property
    def read_sha256(self) -> str:
        """The SHA-256 of its data as it was read, before anything was held out of it."""
        config = self.config
        return load_dataset(config.dataset, config.data_root, reading_of(config)).sha256
