"""Streams that are cut into portions, wherever their tasks end."""

from dataclasses import replace

import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset, Samples
from cl_anomaly.scenarios.base import scaled
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scenarios.portions import (
    arrival_of,
    in_portions,
    rhythm,
    scaled_by_first_portion,
)
from tests.support.learning import small_dataset, small_scenario


def test_samples_arrive_task_after_task_in_an_order_that_the_seed_draws() -> None:
    scenario = small_scenario()
    arrival, start = arrival_of(scenario, 3), 0
    for task in scenario.tasks:
        own = arrival[start : start + len(task.indices)]
        assert own.tolist() != task.indices.tolist()
        assert own.sort().values.tolist() == task.indices.tolist()
        start += len(own)
    assert start == len(arrival)
    assert not torch.equal(arrival, arrival_of(scenario, 4))


def test_the_order_of_arrival_depends_on_no_label() -> None:
    dataset = small_dataset()
    other = torch.tensor([2, 0, 3, 1])  # what each class is called instead
    renamed = replace(dataset, train_labels=other[dataset.train_labels])
    one = arrival_of(build_scenario(dataset, 0, [1, 2, 3]), 5)
    two = arrival_of(build_scenario(renamed, 2, [0, 3, 1]), 5)
    assert torch.equal(one, two)


def test_portions_are_cut_across_boundaries() -> None:
    # Tasks of 3, 4 and 2 samples. Of nine, the ninth joins the last portion of two.
    scenario = build_scenario(small_dataset((5, 3, 4, 2)), 0)
    arrival = arrival_of(scenario, 0)
    found = in_portions(scenario, arrival, 2, 0)
    assert [len(own.indices) for own in found.portions] == [2, 2, 2, 3]
    assert torch.equal(torch.cat([own.indices for own in found.portions]), arrival)
    # The third sample is in portion 2, the seventh and the ninth are in the last.
    assert found.ends == (2, 4, 4)
    assert found.as_trained().tasks == found.portions
    assert in_portions(scenario, arrival, 100, 0).ends == (1, 1, 1)


def test_portions_name_no_concept() -> None:
    scenario = small_scenario()
    found = in_portions(scenario, arrival_of(scenario, 0), 8, 0)
    for number, portion in enumerate(found.portions, 1):
        assert (portion.number, portion.classes) == (number, ())
        assert (portion.group.normal, portion.group.anomalies) == ({}, None)


def test_what_is_kept_aside_is_a_share_of_each_portion() -> None:
    scenario = small_scenario()
    found = in_portions(scenario, arrival_of(scenario, 0), 10, 0, 0.25)
    # A quarter of ten, and of the fifteen of the last one, rounded up.
    assert [len(own.calibration) for own in found.portions] == [3, 3, 3, 3, 3, 3, 4]
    for own, other in ((found.portions, found.tasks), (found.tasks, found.portions)):
        trained = torch.cat([part.indices for part in own])
        aside = torch.cat([part.calibration for part in other])
        assert not torch.isin(trained, aside).any()
        assert len(trained) + len(aside) == 75
    with pytest.raises(InputError, match="leave samples of each portion .* 0.9 of 2 is all of"):
        in_portions(scenario, arrival_of(scenario, 0), 2, 0, 0.9)


def test_values_are_scaled_by_the_first_portion_alone() -> None:
    numbers = torch.Generator().manual_seed(0)
    labels = torch.tensor([0] * 5 + [1] * 20 + [2] * 20)
    values = torch.randn(45, 3, generator=numbers) + 10 * labels[:, None]
    samples = Samples(values, 1.0)
    dataset = Dataset("table", samples, labels, samples, labels, sha256="")
    scenario = build_scenario(dataset, 0)
    cut = in_portions(scenario, arrival_of(scenario, 0), 25, 0)
    found = scaled_by_first_portion(cut, dataset, scaled)
    first = values[cut.portions[0].indices]  # all of class 1, and five of class 2
    expected = (values - first.amin(0)) / (first.amax(0) - first.amin(0))
    places = torch.arange(45)
    torch.testing.assert_close(found.dataset.train.batch(places[None])[0], expected)
    assert not torch.allclose(scenario.dataset.train.batch(places[None])[0], expected)


def test_replicas_train_side_by_side_where_their_tasks_end_together() -> None:
    scenarios = [
        in_portions(own, arrival_of(own, seed), 8, seed)
        for order in ("ascending", [3, 1, 2])
        for seed in (0, 1)
        for own in [small_scenario(task_order=order)]
    ]
    own = [rhythm(scenario) for scenario in scenarios]
    assert own[0] == own[1] != own[2] == own[3]
    assert rhythm(small_scenario()) == rhythm(small_scenario(task_order=[3, 1, 2]))
