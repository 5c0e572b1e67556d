"""A dataset as it is sent to other machines, as arrays that its processes share."""

from dataclasses import dataclass, fields
from typing import Any

from cl_anomaly.data.dataset_names import Reading
from cl_anomaly.settings.run_config import RunConfig


@dataclass(frozen=True)
class SentData:
    """A dataset, its tensors as NumPy arrays.

    Attributes:
        name: `dataset` in the configuration.
        samples: for training and testing: stored values, (N, *features), and their scale.
    """

    name: str
    reading: Reading
    content: dict[str, Any]
    samples: dict[str, tuple[Any, float]]


def packed(config: RunConfig) -> SentData:
    """Load the dataset of a resolved configuration, and return it to be sent."""
    from torch import Tensor

    from cl_anomaly.data.datasets import Samples, load_dataset
    from cl_anomaly.plan.check import reading_of

    name, reading = str(config.dataset), reading_of(config)
    dataset = load_dataset(name, config.data_root, reading)
    content, samples = {}, {}
    for field in fields(dataset):
        value = getattr(dataset, field.name)
        if isinstance(value, Samples):
            samples[field.name] = value.stored.numpy(), value.scale
        else:
            content[field.name] = value.numpy() if isinstance(value, Tensor) else value
    return SentData(name, reading, content, samples)


def take_in(sent: SentData) -> None:
    """Let this process load the sent dataset by its name."""
    import numpy as np
    import torch

    from cl_anomaly.data.datasets import Dataset, Samples, give_dataset, given_dataset

    known = given_dataset(sent.name, sent.reading)
    if known is not None and known.sha256 == sent.content["sha256"]:
        return
    # Copies: the arrays are shared with other processes, and PyTorch may write.
    whole: dict[str, Any] = {
        name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
        for name, value in sent.content.items()
    }
    samples: dict[str, Any] = {
        name: Samples(torch.from_numpy(stored.copy()), scale)
        for name, (stored, scale) in sent.samples.items()
    }
    give_dataset(sent.name, sent.reading, Dataset(**whole, **samples))


def key_of(config: RunConfig) -> tuple[Any, ...]:
    """Return a key of the dataset of a resolved configuration."""
    return (
        config.dataset,
        config.data_root,
        config.image_size,
        config.label_column,
        config.split_column,
    )
