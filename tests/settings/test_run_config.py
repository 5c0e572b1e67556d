import dataclasses
import json
import re
from typing import Any

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label, parse_task_order
from cl_anomaly.settings.field_types import parse_seeds
from cl_anomaly.settings.run_config import ResolvedConfig, RunConfig

CHANGED: dict[str, Any] = {
    "strategy": "ewc",
    "strategy_options": {"strength": 10.0},
    "dataset": "digits",
    "data_root": "/elsewhere",
    "image_size": "32x48",
    "label_column": "label",
    "split_column": "split",
    "scenario": "one-class",
    "normal_class": "good",
    "anomaly_class": 4,
    "task_order": [3, 1, 2],
    "classes_per_task": 2,
    "model": "other",
    "model_options": {"hidden": 8},
    "concepts": 3,
    "blur": 0.1,
    "cluster_scaling": "all",
    "cluster_anomalies": "own",
    "held_out": 0.2,
    "frozen_features": "hog",
    "stream": "concept-agnostic",
    "portion": 50,
    "calibration": 0.05,
    "epochs": 3,
    "batch_size": 7,
    "learning_rate": 0.01,
    "class_weights": {"3": 2.0},
    "score": "mse",
    "seeds": [3, 7],
    "device": "cpu",
    "precision": "float32",
}
# In place of epochs, with which it is refused.
STEPS = {"steps": 9}


@pytest.mark.parametrize(
    ("value", "seeds"),
    [
        (1, [0]),
        (5, [0, 1, 2, 3, 4]),
        ("5", [0, 1, 2, 3, 4]),
        ("3,7", [3, 7]),
        ("7,3", [7, 3]),
        (" 3 , 7 ", [3, 7]),
        ("[3, 7]", [3, 7]),
        ("7,", [7]),
        ("0,", [0]),
        ([7], [7]),
        ([9, 0], [9, 0]),
    ],
)
def test_seeds(value: int | str | list[int], seeds: list[int]) -> None:
    assert parse_seeds(value) == seeds
    assert RunConfig(seeds=value).seed_list == seeds


@pytest.mark.parametrize(
    "value",
    [0, -1, "0", "-1", "", [], "3,-7", [-1], "3,3", [1, 1], "1.5", "3,,7", "many", [2.7], None],
    ids=repr,
)
def test_seeds_that_are_none(value: Any) -> None:
    with pytest.raises(InputError, match="`seeds`") as caught:
        RunConfig(seeds=value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("value", "order"),
    [
        ("ascending", "ascending"),
        ("random", "random"),
        ("3,1,2", [3, 1, 2]),
        ("[3, 1, 2]", [3, 1, 2]),
        ("3", [3]),
        ([3, 1, 2], [3, 1, 2]),
        ("cat, a dog", ["cat", "a dog"]),
        (["cat", 3], ["cat", 3]),
        ("07", ["07"]),
    ],
)
def test_task_order(value: str | list[Label], order: str | list[Label]) -> None:
    assert parse_task_order(value) == order
    assert RunConfig(task_order=value).task_order == order


@pytest.mark.parametrize(
    "value", ["all", "1,,2", "", [], "1,1", [2, 1, 2], "a\nb", [1.5], [""], 3, None], ids=repr
)
def test_task_order_that_is_none(value: Any) -> None:
    with pytest.raises(InputError, match="`task_order`") as caught:
        RunConfig(task_order=value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("name", ["classes_per_task", "epochs", "steps", "batch_size"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True, "4"])
def test_counts_are_whole_and_positive(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"`{name}`.*{re.escape(repr(value))}"):
        RunConfig(**{name: value})


@pytest.mark.parametrize("name", ["classes_per_task", "epochs", "steps", "batch_size"])
def test_a_count_of_one_is_enough(name: str) -> None:
    settings: dict[str, Any] = {name: 1}
    assert getattr(RunConfig(**settings), name) == 1


@pytest.mark.parametrize("value", [0.0, -1e-3, float("inf"), float("nan")])
def test_learning_rate_is_positive_and_finite(value: float) -> None:
    with pytest.raises(InputError, match=f"`learning_rate`.*{value}"):
        RunConfig(learning_rate=value)


@pytest.mark.parametrize("name", ["scenario", "device", "precision"])
@pytest.mark.parametrize("value", ["best", "", 3])
def test_a_choice_is_one_of_those_there_are(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"`{name}`.*{value!r}"):
        RunConfig(**{name: value})


@pytest.mark.parametrize(
    ("given", "expected", "names"),
    [
        (None, None, []),
        ("mse", "mse", ["mse"]),
        (["sap"], "sap", ["sap"]),
        ("mse,", "mse", ["mse"]),
        ("mse, sap,nap", ["mse", "sap", "nap"], ["mse", "sap", "nap"]),
        (("nap", "mse"), ["nap", "mse"], ["nap", "mse"]),
    ],
)
def test_scores(given: Any, expected: Any, names: list[str]) -> None:
    config = RunConfig(score=given)
    assert (config.score, config.scores) == (expected, names)
    assert RunConfig(**json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("wrong", ["best", "", [], "mse,best", "mse,mse", 3, ["mse", None]])
def test_what_is_no_score(wrong: Any) -> None:
    with pytest.raises(InputError, match="`score` to be one of recon, mse,") as caught:
        RunConfig(score=wrong)
    assert repr(wrong) in str(caught.value)


def test_the_defaults_are_the_documented_ones() -> None:
    config = RunConfig()
    assert (config.strategy, config.model) == ("gr", "vae")
    # These follow the data.
    assert (config.scenario, config.normal_class, config.anomaly_class) == (None, None, None)
    assert (config.epochs, config.batch_size, config.dataset) == (None, None, None)
    assert (config.learning_rate, config.score, config.seed_list) == (1e-3, None, [0])


def test_dictionaries_are_not_shared_between_configurations() -> None:
    RunConfig().strategy_options["ratio"] = 2.0
    assert RunConfig().strategy_options == {}


@pytest.mark.parametrize("settings", [{}, CHANGED, STEPS], ids=["defaults", "all changed", "steps"])
def test_a_configuration_survives_json(settings: dict[str, Any]) -> None:
    config = RunConfig(**settings)
    assert RunConfig(**json.loads(json.dumps(config.to_dict()))) == config


def test_the_dictionary_holds_every_setting() -> None:
    # Guards the tests that use CHANGED, too: a new setting must be added to it.
    names = {field.name for field in dataclasses.fields(RunConfig)}
    assert set(RunConfig().to_dict()) == names == {*CHANGED, *STEPS}


def test_a_resolved_configuration_can_be_run_again() -> None:
    config = ResolvedConfig(dataset="digits", epochs=3, batch_size=8, dataset_note="no MNIST")
    again = RunConfig(**config.to_dict())
    assert (again.dataset, again.epochs, again.batch_size) == ("digits", 3, 8)
    assert again.fingerprint() == config.fingerprint()


def test_the_fingerprint_is_the_same_for_the_same_settings() -> None:
    assert re.fullmatch("[0-9a-f]{8}", RunConfig().fingerprint())
    assert RunConfig(seeds=3).fingerprint() == RunConfig(seeds="0,1,2").fingerprint()
    assert RunConfig(task_order="3,1").fingerprint() == RunConfig(task_order=[3, 1]).fingerprint()
    one, other = {"ratio": 1.0, "seed": 2}, {"seed": 2, "ratio": 1.0}
    assert (
        RunConfig(strategy_options=one).fingerprint()
        == RunConfig(strategy_options=other).fingerprint()
    )


@pytest.mark.parametrize("name", [*CHANGED, *STEPS])
def test_the_fingerprint_tells_settings_apart(name: str) -> None:
    own: dict[str, Any] = {name: (CHANGED | STEPS)[name]}
    changed = RunConfig(**own)
    # The same data elsewhere is the same configuration.
    assert (changed.fingerprint() == RunConfig().fingerprint()) == (name == "data_root")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (4, 4),
        ("4", 4),
        ([4], 4),
        ("7,", 7),
        ("0,4", [0, 4]),
        ([4, 0], [4, 0]),
        ("all", "all"),
        ("cat", "cat"),
        ("cat, dog", ["cat", "dog"]),
        ([0, "x"], [0, "x"]),
        (-1, -1),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["anomaly_class", "normal_class"])
def test_classes(name: str, given: Any, expected: Any) -> None:
    assert getattr(RunConfig(**{name: given}), name) == expected


@pytest.mark.parametrize("wrong", ["", [], True, 1.5, "0,0", "a,,b", ["all", 3], [None]])
def test_what_is_no_anomaly_class(wrong: Any) -> None:
    with pytest.raises(InputError, match="`anomaly_class`"):
        RunConfig(anomaly_class=wrong)


@pytest.mark.parametrize(
    ("given", "size"), [(32, "32x32"), ("32", "32x32"), ("32x48", "32x48"), (None, None)]
)
def test_image_sizes(given: Any, size: str | None) -> None:
    assert RunConfig(image_size=given).image_size == size


@pytest.mark.parametrize("wrong", ["", "0", "32x", "x32", "32x32x3", "3.5", 0, -3, 3.5, True, [32]])
def test_what_is_no_image_size(wrong: Any) -> None:
    with pytest.raises(InputError, match="`image_size`.*HEIGHTxWIDTH"):
        RunConfig(image_size=wrong)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochz": 3}, "Expected settings of a run, but got `epochz`. Did you mean `epochs`?"),
        ({"": 3}, "Expected settings of a run, but got ``. There are strategy, "),
        ({"learning_rate": 10**400}, "`learning_rate` to be a number above 0, but got 1000"),
        ({"held_out": 1.0}, "`held_out` to be a share, 0 or more and below 1, but got 1.0."),
        ({"dataset": "a\0"}, "Expected `dataset` to be a name or a path, but got 'a\\x00'."),
        ({"model_options": {1: 2}}, "`model_options` to be values by name, but got {1: 2}."),
    ],
)
def test_a_wrong_setting_is_told_in_our_words(settings: dict[str, Any], said: str) -> None:
    for make in (
        lambda: RunConfig(**settings),
        lambda: dataclasses.replace(RunConfig(), **settings),
    ):
        with pytest.raises(InputError) as refused:
            make()
        assert said in str(refused.value)
        assert "pydantic" not in str(refused.value)


def test_a_setting_goes_by_its_name() -> None:
    with pytest.raises(InputError, match="settings of a run"):
        RunConfig("gr")  # type: ignore[misc]
