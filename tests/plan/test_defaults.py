"""Defaults that depend on the data, where a user leaves them open."""

from typing import Any

import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.models import MODELS
from cl_anomaly.plan.defaults import (
    batch_sizes,
    fitting_defaults,
    with_batch_size,
    with_classes,
    with_fitting_defaults,
)
from cl_anomaly.plan.replicas import make_scenarios
from cl_anomaly.plan.specification import FITTED_TO_DATA, specify
from cl_anomaly.scenarios.by_replica import make_replicas
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.options import options_of
from cl_anomaly.settings.run_config import RunConfig
from tests.support.helpers import labelled


def dataset_of(stored: torch.Tensor) -> Dataset:
    labels = torch.arange(len(stored)) % 3
    return Dataset("x", Samples(stored, 1.0), labels, Samples(stored, 1.0), labels, "")


IMAGES = torch.rand(6, 4, 4, generator=torch.Generator().manual_seed(0))
BERNOULLI = {
    "bytes": (IMAGES * 255).to(torch.uint8),
    "vectors of bytes": (IMAGES * 255).to(torch.uint8).flatten(1),
    "images in [0, 1]": IMAGES,
}
GAUSSIAN = {
    "a table in [0, 1]": IMAGES.flatten(1),
    "a table of any range": IMAGES.flatten(1) * 9 - 3,
    "images of any range": IMAGES * 9 - 3,
}


@pytest.mark.parametrize("stored", BERNOULLI.values(), ids=BERNOULLI.keys())
def test_pixels_keep_the_bernoulli_decoder(stored: torch.Tensor) -> None:
    assert fitting_defaults(dataset_of(stored), MODELS["vae"]) == {
        "score": MODELS["vae"].default_score
    }


@pytest.mark.parametrize("stored", GAUSSIAN.values(), ids=GAUSSIAN.keys())
def test_other_values_get_squared_distances(stored: torch.Tensor) -> None:
    expected = {"score": "mse", "reconstruction": "mse"}
    assert fitting_defaults(dataset_of(stored), MODELS["vae"]) == expected


@pytest.mark.parametrize("stored", [IMAGES, IMAGES.flatten(1) * 9], ids=["images", "a table"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_default_that_it_can_do(name: str, stored: torch.Tensor) -> None:
    model = MODELS[name]
    defaults = fitting_defaults(dataset_of(stored), model)
    squares = stored.dim() == 2 and SCORES["mse"].needs <= model.abilities
    assert defaults["score"] == ("mse" if squares else model.default_score)
    assert SCORES[defaults.pop("score")].needs <= model.abilities
    assert defaults.keys() <= {option.name for option in options_of(model, FITTED_TO_DATA)} | (
        FITTED_TO_DATA
    )


def test_what_is_given_stays_and_nothing_is_said_of_it() -> None:
    given: dict[str, Any] = {"score": "recon", "model_options": {"reconstruction": "l1"}}
    table, vae = dataset_of(GAUSSIAN["a table in [0, 1]"]), MODELS["vae"]
    config, notes = with_fitting_defaults(specify(RunConfig(**given)).config, table, vae)
    assert (config.score, config.model_options["reconstruction"], notes) == ("recon", "l1", [])
    config, notes = with_fitting_defaults(specify(RunConfig()).config, table, vae)
    assert (config.score, config.model_options["reconstruction"]) == ("mse", "mse")
    assert notes == ["Default for such data: reconstruction mse."]
    # All options stand in the configuration, and mean the same when it is read again.
    assert with_fitting_defaults(specify(config).config, table, vae)[0] == config


def test_what_the_range_is_of_is_said() -> None:
    _, notes = with_fitting_defaults(
        RunConfig(), dataset_of(GAUSSIAN["images of any range"]), MODELS["vae"]
    )
    assert "outside [0, 1]: all pixels together are scaled" in notes[0]


def test_a_small_task_has_small_batches_and_the_others_do_not() -> None:
    small = labelled([0] * 50 + [1] * 40 + [2] * 9, [0, 1, 2])
    scenarios = [build_scenario(small, 0), build_scenario(small, 1)]
    assert [batch_sizes(32, own) for own in scenarios] == [(32, 9), (32, 9)]
    for given in (RunConfig(), RunConfig(batch_size=32)):
        config, note = with_batch_size(given, 32, scenarios)
        assert config.batch_size == 32
        assert (
            note == "Batches hold 32 samples, and all samples of tasks that have fewer: task 2 (9)."
        )
    _, note = with_batch_size(RunConfig(batch_size=60), 32, scenarios)
    assert "task 1 (40 to 50), task 2 (9)." in str(note)
    for size in (8, 9):
        assert with_batch_size(RunConfig(), size, scenarios) == (RunConfig(batch_size=size), None)


def test_a_note_names_no_more_than_five_tasks() -> None:
    many = labelled([label for label in range(9) for _ in range(3)], list(range(9)))
    _, note = with_batch_size(RunConfig(), 4, [build_scenario(many, 0)])
    assert "task 4 (3), task 5 (3) and 3 more." in str(note)


def test_one_class_to_train_on_is_one_class() -> None:
    config = with_classes(RunConfig(), labelled([1, 1], [0, 1, 2]))
    assert (config.scenario, config.normal_class, config.anomaly_class) == ("one-class", 1, "all")
    named = with_classes(RunConfig(anomaly_class=2), labelled([1, 1], [0, 1, 2]))
    (replica,) = make_replicas(named)
    assert (replica.anomaly_class, replica.anomalies) == (2, (2,))
    # A stream of one task has the same samples.
    stream = RunConfig(anomaly_class=2, scenario="class-stream", task_order=[1])
    data = labelled([1, 1], [0, 1, 2])
    first, second = (
        make_scenarios(own, data, make_replicas(own))[0]
        for own in (named, with_classes(stream, data))
    )
    assert first.tasks[0].indices.equal(second.tasks[0].indices)
    assert first.test_indices.equal(second.test_indices)


def test_class_0_is_the_anomaly_where_there_is_one() -> None:
    config = with_classes(RunConfig(), labelled([0, 1, 2], [0, 1, 2]))
    assert (config.scenario, config.anomaly_class, config.normal_class) == ("class-stream", 0, None)
    with pytest.raises(InputError, match=r"`anomaly_class`, a class of made-up \(1, 2\)"):
        with_classes(RunConfig(), labelled([1, 2], [1, 2]))


def test_settings_of_another_scenario_are_refused_once_it_is_known() -> None:
    with pytest.raises(InputError, match="`classes_per_task`.*one-class"):
        with_classes(RunConfig(classes_per_task=2), labelled([1, 1], [0, 1, 2]))
