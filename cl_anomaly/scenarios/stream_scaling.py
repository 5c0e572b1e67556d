"""Values that do not lie in [0, 1] by nature, scaled by what a scenario's first task shows."""

from dataclasses import replace

from cl_anomaly.data.scaling import Scaling
from cl_anomaly.scenarios.base import Scenario


def scaled(scenario: Scenario) -> Scenario:
    """Scale a scenario's samples, where its training set has values outside [0, 1].

    The range of the first task's training samples becomes [0, 1]: of each feature of vectors, one
    for all of an image. Later tasks and the test set may lie outside. Nothing else is looked at,
    neither what is kept aside nor what has not arrived. Samples that are scaled already stay so.
    """
    dataset = scenario.dataset
    if dataset.train.scaling is not None or dataset.train.is_bounded:
        return scenario
    scaling = Scaling.of(dataset.train.stored[scenario.tasks[0].indices])
    train, test = dataset.train.scaled_by(scaling), dataset.test.scaled_by(scaling)
    return replace(scenario, dataset=replace(dataset, train=train, test=test))
