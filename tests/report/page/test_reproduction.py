"""The command of a row makes just the run that it stands beside."""

import shlex
from typing import Any

import pytest

from cl_anomaly.cli.main import COMMANDS
from cl_anomaly.plan.specification import specify
from cl_anomaly.report.page.reproduction import command_of
from cl_anomaly.settings.run_config import RunConfig

RESOLVED: dict[str, Any] = {
    "dataset": "digits",
    "scenario": "class-stream",
    "anomaly_class": 0,
    "epochs": 60,
    "batch_size": 32,
    "score": "mse",
    "seeds": [0],
    "device": "cpu",
    "precision": "float32",
}


def config_of(command: str) -> dict[str, Any]:
    """What the command line makes of a command."""
    program, name, *arguments = shlex.split(command)
    assert program == "cl-anomaly"
    given = COMMANDS[name].make_context(name, arguments).obj
    settings: dict[str, Any] = dict(given.values)
    for owner in ("strategy", "model"):
        settings[f"{owner}_options"] = given.dotted.get(owner, {})
    return specify(RunConfig(**settings)).config.to_dict()


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"strategy": "ewc", "strategy_options": {"lam": 1e4}},
        {"strategy": "gr", "strategy_options": {"ratio": "proportional"}},
        {"strategy": "gr", "strategy_options": {"ratio": 0.5}},
        {"seeds": [7]},
        {"seeds": [0, 1, 2, 3]},
        {"seeds": [3, 7]},
        {"anomaly_class": [0, 4]},
        {"anomaly_class": "all"},
        {"task_order": [3, 1, 2]},
        {"score": ["mse", "recon", "sap"]},
        {"model_options": {"hidden_sizes": [64, 32], "latent_size": 3, "beta": 0.5}},
        {"learning_rate": 3e-4, "calibration": 0.05, "classes_per_task": 3, "blur": 0.1},
        {"scenario": "joint", "stream": "concept-agnostic"},
    ],
    ids=str,
)
def test_a_command_gives_its_configuration_back(own: dict[str, Any]) -> None:
    wanted = specify(RunConfig(**RESOLVED | own)).config.to_dict()
    assert config_of(command_of(wanted)) == wanted


def test_what_is_a_default_is_left_out() -> None:
    command = command_of(specify(RunConfig(**RESOLVED)).config.to_dict())
    assert command == (
        "cl-anomaly run --strategy gr --dataset digits --scenario class-stream --anomaly-class 0 "
        "--epochs 60 --batch-size 32 --score mse --seeds 1 --device cpu --precision float32"
    )


def test_what_a_shell_would_read_is_quoted() -> None:
    command = command_of({"strategy": "my strategies.py:Mine", "strategy_options": {"a": "$(b)"}})
    assert shlex.split(command)[2:] == [
        *("--strategy", "my strategies.py:Mine"),
        *("--strategy.a", "$(b)"),
    ]


def test_a_value_that_looks_like_a_flag_stands_beside_its_own() -> None:
    assert command_of({"strategy": "gr", "anomaly_class": "--x"}).endswith("--anomaly-class=--x")
