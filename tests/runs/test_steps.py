"""Training by a fixed number of steps, whoever sees how much."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cl_anomaly import RunConfig, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.plan.build import prepare
from cl_anomaly.results.cost import COST_COLUMNS
from cl_anomaly.runs.measured_cost import new_samples
from cl_anomaly.settings.run_config import merged
from cl_anomaly.statistics.bounds import gaps_closed, kind_of
from cl_anomaly.suites.shipped import suite_file
from cl_anomaly.suites.suite_file import read_suite_file
from tests.support.command import cli, plain
from tests.support.helpers import configs_of

SMALL: dict[str, Any] = {"dataset": "digits", "device": "cpu", "task_order": [1, 2, 3]}
MODEL: dict[str, Any] = {"model_options": {"hidden_sizes": [12], "latent_size": 2}}


def steps_of(**settings: Any) -> Any:
    return run(RunConfig(**SMALL | MODEL | settings)).cost


@pytest.mark.parametrize("strategy", ["lower", "upper", "joint", "replay", "gr"])
def test_all_make_as_many_steps(strategy: str) -> None:
    cost = steps_of(strategy=strategy, steps=7)
    assert cost["steps"] == 21 and [task["steps"] for task in cost["tasks"]] == [7, 7, 7]
    assert isinstance(cost["steps"], int)
    # 32 new samples a step; gr adds 32 for each past task, replay as many as are new in all.
    if strategy in ("lower", "upper", "joint"):
        assert cost["samples"] == 21 * 32


def test_steps_of_epochs_are_those_of_what_is_seen() -> None:
    counts = [len(task.indices) for task in prepare(RunConfig(**SMALL)).scenarios[0].tasks]
    lower, upper = (steps_of(strategy=name, epochs=2)["steps"] for name in ("lower", "upper"))
    assert lower == sum(math.ceil(2 * count / 32) for count in counts)
    assert upper == sum(math.ceil(2 * sum(counts[: n + 1]) / 32) for n in range(3))


def test_steps_are_of_one_replica_and_their_mean() -> None:
    # The orders of two seeds have tasks of other lengths for a task, and the same ones in all.
    one = steps_of(strategy="lower", epochs=2, seeds=1)
    three = steps_of(strategy="lower", epochs=2, seeds=3)
    assert one["steps"] == three["steps"]
    assert one["forward_flops"] == three["forward_flops"]
    # A weight is a multiplication and an addition: 64-12-(2 and 2)-... and back.
    assert one["forward_flops"] == 2 * (64 * 12 + 12 * 4 + 2 * 12 + 12 * 64)
    classes = [
        steps_of(strategy="lower", epochs=2, task_order="ascending", anomaly_class=own)["steps"]
        for own in (0, 1)
    ]
    both = steps_of(strategy="lower", epochs=2, task_order="ascending", anomaly_class=[0, 1])
    assert both["steps"] == sum(classes) / 2 and "steps" in COST_COLUMNS


def test_losses_are_means_of_ten_parts() -> None:
    result = run(RunConfig(**SMALL | MODEL, strategy="lower", steps=25))
    losses = result.losses
    assert losses.groupby("task")["epoch"].max().tolist() == [10, 10, 10]
    assert losses["loss"].notna().all()
    few = run(RunConfig(**SMALL | MODEL, strategy="lower", steps=3)).losses
    assert few.groupby("task")["epoch"].max().tolist() == [3, 3, 3]


def test_what_learns_in_closed_form_makes_none_and_says_so() -> None:
    result = run(RunConfig(**SMALL, strategy="lower", model="gaussians", steps=9))
    assert result.cost["steps"] == 0
    assert (result.config.epochs, result.config.steps) == (1, None)
    assert "epochs, steps, batch size" in str(result.config.dataset_note)


def test_epochs_and_steps_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`epochs` or `steps`, but got both: 2 epochs and 5 steps"):
        RunConfig(epochs=2, steps=5)
    done = cli("run", "--dataset", "digits", "--epochs", "2", "--steps", "5", "--out", tmp_path)
    assert done.code == 2 and "got both" in plain(done.err)
    assert not list(tmp_path.iterdir())
    assert cli("run", "--dataset", "digits", "--steps", "0", "--out", tmp_path).code == 2


def test_the_command_line_takes_steps(tmp_path: Path) -> None:
    small = "--dataset digits --task-order 1,2 --device cpu --seeds 1 --quiet".split()
    folders = []
    for steps in ("3", "4"):
        done = cli("run", *small, "--strategy", "upper", "--steps", steps, "--out", tmp_path)
        assert done.code == 0, done.err
        folders.append(done.last_line)
    assert folders[0] != folders[1], "they are different runs"
    config = json.loads((folders[0] / "config.json").read_text())
    assert (config["epochs"], config["steps"]) == (None, 3)
    assert json.loads((folders[0] / "cost.json").read_text())["steps"] == 6
    assert len(pd.read_csv(folders[0] / "losses.csv")) == 2 * 3


def test_bounds_have_as_many_steps() -> None:
    kinds = {
        f"{name} {steps}": kind_of(name, {"steps": steps}, "mse")
        for name in ("lower", "upper", "gr")
        for steps in (5, 50)
    }
    means = {name: 0.6 if "lower" in name else 0.9 for name in kinds} | {"gr 5": 0.75, "gr 50": 0.6}
    del means["upper 50"]
    gaps = gaps_closed(means, kinds)
    assert gaps["gr 5"] == pytest.approx(0.5)
    assert math.isnan(gaps["gr 50"]), "the bound with 5 steps is none of its own"


def test_new_samples_are_those_of_the_steps() -> None:
    own = prepare(RunConfig(**SMALL | MODEL, strategy="upper", steps=7, seeds=2))
    assert new_samples(own) == 2 * 3 * 7 * 32
    epochs = prepare(RunConfig(**SMALL | MODEL, strategy="upper", epochs=2))
    assert new_samples(epochs) == 2 * sum(len(t.indices) for t in epochs.scenarios[0].tasks)


def test_a_flag_of_the_one_takes_the_place_of_the_other(tmp_path: Path) -> None:
    assert merged({"epochs": 2, "seeds": 3}, {"steps": 5}) == {"seeds": 3, "steps": 5}
    assert merged({"epochs": None, "steps": 5}, {"epochs": 2}) == {"epochs": 2}
    suite = read_suite_file(suite_file(Path("digits")))
    assert {own.steps for own in configs_of(suite, {"steps": 9}).values()} == {9}
    equal = read_suite_file(suite_file(Path("equal-steps")))
    assert {(own.steps, own.epochs) for own in configs_of(equal, {}).values()} == {(500, None)}
