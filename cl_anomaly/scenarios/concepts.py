"""A stream of concepts, each of which brings its own labelled anomalies."""

from collections.abc import Sequence
from dataclasses import replace

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import ANOMALOUS, NORMAL, OWN, Label, anomalies_of
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Scenario, TestGroup, scaled
from cl_anomaly.scenarios.blur import blurred
from cl_anomaly.scenarios.tasks import check_share, make_task, ordered_classes, places_of


def is_of_concepts(dataset: Dataset) -> bool:
    """Return whether each of a dataset's classes brings its own anomalies."""
    names = [str(name) for name in dataset.trained_classes]
    return all(name.startswith(NORMAL) and anomalies_of(name) in dataset.classes for name in names)


def build_concepts(
    dataset: Dataset,
    task_order: str | Sequence[Label] = "ascending",
    seed: int = 0,
    calibration: float = 0.0,
    blur: float = 0.0,
) -> Scenario:
    """Make a task from each concept.

    A task's test group is its concept's normal test samples, judged by the anomalies of the same
    concept. The headline AUROC takes all anomalies against the normal samples so far.

    Args:
        dataset: with classes concept0, anomaly0, concept1, …, see `data.concept_file`.
        task_order: "ascending"; "random", drawn from `seed`; or the concepts in order. A concept
            left out is neither trained nor tested on.
        seed: of a random order, and of what is kept aside.
        calibration: share of each concept's training samples that is kept aside, in [0, 1).
        blur: share of each concept's training samples that arrives with the one before.

    Raises:
        InputError: the dataset has no concepts, or there is none of that name.
    """
    check_share(calibration)
    if not is_of_concepts(dataset):
        raise InputError(
            f"Expected a dataset whose concepts bring their own anomalies, `--dataset "
            f"concepts:FILE.npz`, for the scenario concepts, but got {dataset.name}."
        )
    concepts = [name for name in dataset.classes if not str(name).startswith(ANOMALOUS)]
    order = ordered_classes(concepts, task_order, seed)
    tasks = []
    for number, concept in enumerate(order, 1):
        task = make_task(dataset, number, [concept], seed, calibration)
        anomalies = places_of(dataset, dataset.test_labels, [anomalies_of(str(concept))])
        tasks.append(replace(task, group=TestGroup(task.group.normal, anomalies)))
    tested = [*order, *(anomalies_of(str(concept)) for concept in order)]
    places = places_of(dataset, dataset.test_labels, tested)
    return scaled(Scenario(dataset, OWN, blurred(tasks, blur, seed), places, None))
