import json
import re
from pathlib import Path
from typing import Any

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.suites.suite import Suite, check_flags, suite_from, suite_of
from cl_anomaly.suites.suite_file import read_suite_file
from tests.support.helpers import configs_of

TOML = """
dataset = "digits"
seeds = 2

[runs.gr]
strategy = "gr"
strategy_options = { ratio = 1.0 }

[runs."EWC, λ = 10"]
strategy = "ewc"
epochs = 3
task_order = [3, 1, 2]
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_suite_in_toml(tmp_path: Path) -> None:
    suite = read_suite_file(write(tmp_path / "suite.toml", TOML))
    assert suite.shared == {"dataset": "digits", "seeds": 2}
    assert suite.runs == {
        "gr": {"strategy": "gr", "strategy_options": {"ratio": 1.0}},
        "EWC, λ = 10": {"strategy": "ewc", "epochs": 3, "task_order": [3, 1, 2]},
    }
    # The longest runs are named first, and are started first.
    assert list(suite.runs) == ["gr", "EWC, λ = 10"]


DIFFERING = ["dataset", "seeds", "task_order", "strategy", "epochs", "strategy_options"]


def test_the_configuration_of_a_comparison_is_a_suite(tmp_path: Path) -> None:
    configs = {
        "gr": RunConfig(dataset="digits", seeds="3,7", task_order="3,1,2"),
        "mine": RunConfig(strategy="ewc", epochs=3, strategy_options={"lam": 2.0}),
    }
    suite = read_suite_file(
        write(tmp_path / "config.json", json.dumps(suite_from(configs).content()))
    )
    assert suite.shared.keys() == RunConfig().to_dict().keys() - set(DIFFERING)
    assert suite.runs["gr"].keys() == suite.runs["mine"].keys() == set(DIFFERING)
    assert configs_of(suite, {}) == configs
    # What the runs share, a flag changes in all of them; what is a run's own, in none.
    changed = configs_of(suite, {"batch_size": 3, "epochs": 7})
    assert [config.batch_size for config in changed.values()] == [3, 3]
    assert [config.epochs for config in changed.values()] == [None, 3]


def test_strategies_by_name() -> None:
    suite = suite_of(["upper", "mine/file.py:Mine"])
    assert suite.shared == {}
    assert suite.runs == {"upper": {"strategy": "upper"}, "Mine": {"strategy": "mine/file.py:Mine"}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("suite.toml", "dataset = "),
        ("suite.toml", '{"runs": {"gr": {}}}'),
        ("config.json", "[runs.gr]"),
        ("config.json", '{"runs": '),
        ("suite.toml", ""),
        ("suite.toml", 'strategy = "gr"'),
        ("suite.toml", "[runs]"),
        ("suite.toml", "runs = 3"),
        ("suite.toml", 'runs = ["gr", "ewc"]'),
        ("suite.toml", '[runs]\ngr = "gr"'),
        ("config.json", "[]"),
        ("config.json", '{"strategy": "gr"}'),
        ("config.json", '{"runs": {"gr": {}, "ewc": null}}'),
    ],
)
def test_what_is_no_suite_is_named(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_suite_file(path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_suite_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "gone.toml"))):
        read_suite_file(tmp_path / "gone.toml")


def test_what_runs_do_not_say_they_share() -> None:
    suite = Suite({}, {"one": {"strategy": "ewc"}, "two": {"epochs": 9, "seeds": [4]}})
    shared = {"epochs": 3, "seeds": "2", "dataset": "digits"}
    assert configs_of(suite, shared) == {
        "one": RunConfig(strategy="ewc", epochs=3, seeds=2, dataset="digits"),
        "two": RunConfig(epochs=9, seeds=[4], dataset="digits"),
    }
    # Neither is changed by it.
    assert shared == {"epochs": 3, "seeds": "2", "dataset": "digits"}
    assert suite.runs["two"] == {"epochs": 9, "seeds": [4]}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"epochz": 3}, "epochz"),
        ({"epochs": "many"}, "epochs.*many"),
        ({"epochs": 2.5}, "epochs.*2.5"),
        ({"learning_rate": "fast"}, "learning_rate.*fast"),
        ({"score": "best"}, "score.*recon.*best"),
        ({"device": "tpu"}, "device.*tpu"),
        ({"strategy_options": 3}, "strategy_options.*3"),
        # Of the right type, but out of range.
        ({"epochs": 0}, "`epochs`.*0"),
        ({"seeds": "3,3"}, "`seeds`.*'3,3'"),
        ({"task_order": "1,1"}, "`task_order`.*'1,1'"),
    ],
    ids=repr,
)
def test_a_setting_at_fault_is_named_with_its_run(own: dict[str, Any], said: str) -> None:
    suite = Suite({}, {"fine": {}, "at fault": own})
    with pytest.raises(InputError, match=f"(?s)^Run 'at fault': .*{said}"):
        configs_of(suite, {})


def test_a_shared_setting_at_fault() -> None:
    with pytest.raises(InputError, match="epochz"):
        configs_of(Suite({}, {"gr": {}}), {"epochz": 3})


@pytest.mark.parametrize("names", [["gr", "gr"], ["a.py:Mine", "b.py:Mine"]])
def test_runs_of_the_same_name_are_refused(names: list[str]) -> None:
    with pytest.raises(InputError, match=", ".join(names)):
        suite_of(names)


def test_settings_change_what_is_shared_and_not_what_is_a_runs_own() -> None:
    suite = Suite({"epochs": 3, "batch_size": 2}, {"gr": {}, "own": {"epochs": 9}})
    configs = configs_of(suite, {"epochs": 5})
    assert {name: config.epochs for name, config in configs.items()} == {"gr": 5, "own": 9}
    assert configs["gr"].batch_size == 2


OWN = Suite(
    {"epochs": 3},
    {"gr": {}, "long": {"epochs": 9, "anomaly_class": 3, "model_options": {"beta": 2.0}}},
    Path("s.toml"),
)


@pytest.mark.parametrize("name", ["anomaly_class", "epochs", "model_options"])
def test_a_flag_that_a_run_would_not_obey_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"s.toml share, but run 'long' sets `{name}`"):
        check_flags(OWN, {"seeds", name})


def test_strategies_beside_a_suite_are_refused() -> None:
    with pytest.raises(InputError, match="either `--suite` or `--strategies`.*gr, long"):
        check_flags(OWN, {"strategies"})


def test_flags_that_are_obeyed_pass() -> None:
    check_flags(OWN, {"seeds", "model", "batch_size"})


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"strategy": "ewc", "strategy_options": {"lamb": 3}}, "got `lamb`. Did you mean `lam`?"),
        ({"strategy": "nosuch"}, "`strategy` to be one of agem, "),
        ({"epochs": "x"}, "`epochs` to be a whole number, 1 or more, but got 'x'."),
        ({"epochz": 3}, "got `epochz`. Did you mean `epochs`?"),
    ],
)
def test_what_is_at_fault_is_named_with_its_file_and_run(own: dict[str, Any], said: str) -> None:
    suite = Suite({}, {"fine": {}, "at fault": own}, Path("s.toml"))
    with pytest.raises(InputError) as refused:
        configs_of(suite, {})
    assert str(refused.value).startswith("s.toml, run 'at fault': Expected ")
    assert said in str(refused.value)
