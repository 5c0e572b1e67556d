"""Check settings against the tasks that they come to, and note what is too small."""

from collections.abc import Sequence

import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scenarios.portions import Portioned, as_trained
from cl_anomaly.scenarios.tasks import known_labels, places_of
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.statistics.thresholds import TARGET_RATES, samples_needed


def about_thresholds(scenarios: Sequence[Scenario]) -> str | None:
    """Return a note if a task has too few samples kept aside for a rate; None if all have enough.

    Args:
        scenarios: one for each replica; of a stream without boundaries, its portions count.
    """
    tasks = [task for scenario in as_trained(scenarios) for task in scenario.tasks]
    what = "Portion" if isinstance(scenarios[0], Portioned) else "Task"
    smallest = min(tasks, key=lambda task: len(task.calibration))
    count = len(smallest.calibration)
    needed = {rate: samples_needed(rate) for rate in TARGET_RATES if count < samples_needed(rate)}
    if not count or not needed:
        return None
    counts = " and ".join(f"{own} for a rate of {100 * rate:g} %" for rate, own in needed.items())
    return (
        f"{what} {smallest.number} has {count} samples kept aside, but a threshold needs {counts}. "
        f"With fewer, the largest score is the threshold, whatever the rate. A larger "
        f"`calibration` keeps more aside."
    )


def check_weights(config: RunConfig, dataset: Dataset, scenarios: Sequence[Scenario]) -> None:
    """Refuse the weight of a class that no replica trains on, such as the only anomaly class.

    Args:
        config: with its weights.
        dataset: as it was loaded.
        scenarios: one for each replica.

    Raises:
        InputError: there is one, or the dataset has no such class.
    """
    for label in known_labels(dataset, list(config.class_weights), "class_weights"):
        places = places_of(dataset, dataset.train_labels, [label])
        trained = (task.indices for own in scenarios for task in own.tasks)
        if not any(torch.isin(places, indices).any() for indices in trained):
            anomalous = any(own.is_anomalous(label) for own in scenarios)
            why = "it is the anomaly class" if anomalous else "it has no training samples in a task"
            raise InputError(
                setting="class_weights",
                expected="of classes that are trained on",
                got=f"{label}: its weight does nothing because {why}",
            )
