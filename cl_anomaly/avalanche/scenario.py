"""Our scenario as one of Avalanche's: experiences whose batches are whole tensors."""

from collections.abc import Callable
from typing import Any, cast

import torch
from avalanche.benchmarks import CLScenario, benchmark_from_datasets, with_classes_timeline
from avalanche.benchmarks.utils.classification_dataset import ClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from cl_anomaly.core.errors import RunError
from cl_anomaly.data.datasets import Samples
from cl_anomaly.scenarios.base import Scenario


class Rows(TorchDataset):
    """The samples of a whole stream, looked up by their places.

    Args:
        samples: N of them.
        labels: (N,), int64.
        targets_are_inputs: whether a target is the sample itself instead of its label. Some of
            Avalanche's plugins compute their losses from outputs and targets alone.

    Attributes:
        check: called with places that code other than our loader looks up; it may refuse them.
    """

    def __init__(self, samples: Samples, labels: Tensor, targets_are_inputs: bool) -> None:
        self.samples, self.labels = samples, labels.to(samples.stored.device)
        self._targets_are_inputs = targets_are_inputs
        self.check: Callable[[Tensor], None] = lambda places: None

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.samples)

    def batch(self, places: Tensor) -> list[Tensor]:
        """Look up samples (B, *features) and their targets, (B,) or the same samples."""
        x = self.samples.batch(places.to(self.labels.device))
        return [x, x if self._targets_are_inputs else self.labels[places.to(self.labels.device)]]

    def __getitem__(self, place: int) -> list[Any]:
        """Look up one sample, as Avalanche does unless it asks for batches."""
        self.check(places := torch.tensor([place]))
        x, y = self.batch(places)
        return [x[0], y[0] if self._targets_are_inputs else int(y[0])]


class Experience(ClassificationDataset):
    """Samples of an experience, of a buffer, or of several together: places in one `Rows`."""

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Look up a batch at once, for PyTorch's own loader."""
        rows, places = rows_and_places(self)
        rows.check(chosen := places[torch.tensor(indices)])
        x, y = rows.batch(chosen)
        return list(zip(x.unbind(), y.unbind(), strict=True))


def rows_and_places(data: Any) -> tuple[Rows, Tensor]:
    """Return the stream and the places, (n,), int64, of a dataset that Avalanche cut and joined.

    Raises:
        RunError: the samples are not all from one stream of ours.
    """
    if isinstance(data, Rows):
        return data, torch.arange(len(data))
    flat = getattr(data, "_flat_data", data)
    parts = [rows_and_places(part) for part in getattr(flat, "_datasets", ())]
    if not parts or any(rows is not parts[0][0] for rows, _ in parts):
        got = "samples of several streams" if parts else f"a {type(data).__qualname__}"
        raise RunError(f"Expected a dataset with samples of one stream, but got {got}.")
    places = torch.cat([part_places for _, part_places in parts])
    if flat._indices is not None:
        places = places[torch.tensor(list(flat._indices), dtype=torch.int64)]
    return parts[0][0], places


def to_avalanche(
    scenario: Scenario, device: torch.device | str = "cpu", targets_are_inputs: bool = False
) -> CLScenario:
    """Make an Avalanche benchmark from a scenario.

    Args:
        scenario: as `build_scenario` returns it.
        device: of the samples; a batch is looked up there.
        targets_are_inputs: whether batches are (x, x) instead of (x, label).

    Returns:
        With an experience for each task in `train_stream`, and in `test_stream` one for the classes
        of each task and, last, one for the anomaly class. Each knows its classes and those before.
    """
    data, place = scenario.dataset, torch.device(device)
    train = whole_stream(Rows(data.train.to(place), data.train_labels, targets_are_inputs))
    test = whole_stream(Rows(data.test.to(place), data.test_labels, targets_are_inputs))

    groups = [torch.cat([*task.group.normal.values()]) for task in scenario.tasks]
    groups.append(scenario.all_anomalies)
    return with_classes_timeline(  # type: ignore[return-value]
        benchmark_from_datasets(
            train=[train.subset(task.indices.tolist()) for task in scenario.tasks],
            test=[test.subset(places.sort().values.tolist()) for places in groups],
        )
    )


def whole_stream(rows: Rows) -> Experience:
    """Return one experience of all samples of a stream, from which others take their parts."""
    targets: Any = DataAttribute(cast(Any, rows.labels.tolist()), "targets")
    return Experience([rows], data_attributes=[targets])
