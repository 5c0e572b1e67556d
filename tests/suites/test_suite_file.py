"""Suites with a grid, and with options to choose."""

from pathlib import Path

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.plan.build import check_together, prepare
from cl_anomaly.suites.outlines import check_settings
from cl_anomaly.suites.suite import check_flags
from cl_anomaly.suites.suite_file import read_suite_file
from tests.support.places import ROOT

TOML = """
title = "Two orders"
dataset = "digits"
anomaly_class = [1, 2]
epochs = 1

[runs.ewc]
strategy = "ewc"
strategy_options = { decay = 0.5 }

[runs.lower]
strategy = "lower"

[each]
task_order = ["ascending", "random"]

[tune]
anomaly_class = 0

[tune.grid.ewc]
lam = [1.0, 10.0]
"""


def write(path: Path, text: str) -> Path:
    (path / "suite.toml").write_text(text, encoding="utf-8")
    return path / "suite.toml"


def test_every_run_takes_each_value(tmp_path: Path) -> None:
    suite = read_suite_file(write(tmp_path, TOML))
    members = suite.members({"seeds": 2}, {"ewc": {"lam": 10.0}})
    assert list(members) == [
        "ewc · ascending",
        "lower · ascending",
        "ewc · random",
        "lower · random",
    ]
    ewc, lower = members["ewc · random"], members["lower · random"]
    assert (ewc.run, ewc.method) == ("ewc", "ewc · random")
    assert (ewc.config.task_order, ewc.config.seed_list) == ("random", [0, 1])
    assert ewc.config.strategy_options == {"decay": 0.5, "lam": 10.0}
    assert lower.config.strategy_options == {}


def test_pairs_are_of_the_methods_that_each_makes(tmp_path: Path) -> None:
    paired = TOML.replace("epochs = 1\n", 'epochs = 1\npairs = [["ewc", "lower"]]\n')
    both = paired.replace("[each]", "[each]\nseeds = [[0], [1]]")
    suite = read_suite_file(write(tmp_path, both))
    assert suite.pairs == (("ewc", "lower"),)
    assert suite.named_pairs() == (
        ("ewc · ascending", "lower · ascending"),
        ("ewc · random", "lower · random"),
    )
    assert {name for pair in suite.named_pairs() for name in pair} == {
        own.method for own in suite.members({}, {}).values()
    }
    assert read_suite_file(write(tmp_path, TOML)).named_pairs() == ()


def test_runs_with_other_replicas_are_of_one_method(tmp_path: Path) -> None:
    each = "[each]\nseeds = [[0, 1], [3], [5, 7]]\nanomaly_class = [1, 2]"
    text = TOML.replace("anomaly_class = [1, 2]\n", "").replace("[each]", each)
    members = read_suite_file(write(tmp_path, text)).members({}, {})
    assert len(members) == 2 * 3 * 2 * 2
    assert {own.method for own in members.values()} == {
        f"{run} · {order}" for run in ("ewc", "lower") for order in ("ascending", "random")
    }
    assert "ewc · seeds 0–1 · 1 · random" in members
    assert members["ewc · seed 3 · 2 · ascending"].config.seed_list == [3]
    assert members["lower · seeds 5, 7 · 2 · random"].config.seed_list == [5, 7]


def test_a_flag_that_each_would_hide_is_refused(tmp_path: Path) -> None:
    suite = read_suite_file(write(tmp_path, TOML))
    check_flags(suite, {"seeds": 5})
    with pytest.raises(InputError, match=r"\[each\] of .* sets `task_order`"):
        check_flags(suite, {"task_order": "random"})


def test_runs_are_parted_by_their_seeds(tmp_path: Path) -> None:
    suite = read_suite_file(write(tmp_path, TOML))
    parts = suite.parted({"seeds": 5}, 2)
    members = parts.members({"seeds": 5}, {})
    names = [name for name in members if name.startswith("ewc · random")]
    assert names == [f"ewc · random · seed{own}" for own in ("s 0–1", "s 2–3", " 4")]
    seeds = [tuple(own.config.seed_list) for own in members.values()]
    assert sorted(seeds) == [(0, 1)] * 4 + [(2, 3)] * 4 + [(4,)] * 4
    # Options are still chosen with all seeds that they were chosen with before.
    assert parts.candidates({"seeds": 5}) == suite.candidates({"seeds": 5})
    assert suite.parted({}, 10) is suite
    with pytest.raises(InputError, match=r"\[each\] of .* has seeds"):
        parts.parted({}, 1)


def test_candidates_are_all_combinations_on_other_data(tmp_path: Path) -> None:
    text = TOML + "decay = [0.1, 0.2, 0.3]\n"
    suite = read_suite_file(write(tmp_path, text.replace("{ decay = 0.5 }", "{}")))
    found = suite.candidates({})["ewc"]
    assert list(found)[:2] == ["lam=1.0 decay=0.1", "lam=1.0 decay=0.2"]
    assert len(found) == 6
    assert {own.config.anomaly_class for own in found.values()} == {0}
    # On a held-out part of the training set, unless the runs that are reported say so, too.
    assert {own.config.held_out for own in found.values()} == {0.2}
    assert {own.config.held_out for own in suite.members({}, {}).values()} == {0.0}
    assert found["lam=10.0 decay=0.3"].config.strategy_options == {"lam": 10.0, "decay": 0.3}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('task_order = ["ascending", "random"]', "task_order = 3", "but `each.task_order` is 3"),
        ('task_order = ["ascending", "random"]', "taskorder = [1]", "settings of a run"),
        ('task_order = ["ascending", "random"]', "epochs = [1, 2]", "`epochs` in one place"),
        ("[tune.grid.ewc]", "[tune.grid.gr]", "to be of a run, ewc, lower"),
        ("lam = [1.0, 10.0]", "lam = 1.0", "but `tune.grid.ewc.lam` is 1.0"),
        ("lam = [1.0, 10.0]", "decay = [1.0]", "either fixed or in"),
        ("anomaly_class = 0", "anomaly_class = 0\nheld_out = 0", "`held_out` under"),
        ("[tune.grid.ewc]\nlam = [1.0, 10.0]", "", "a grid for one run or more"),
        ('title = "Two orders"', "title = 3", "`title`"),
        ("epochs = 1\n", "pairs = 3\n", "list of pairs of runs, such as .*, but `pairs` is 3"),
        ("epochs = 1\n", 'pairs = [["ewc"]]\n', r"but `pairs.0` is \['ewc'\]"),
        ("epochs = 1\n", 'pairs = ["ewc"]\n', "but `pairs.0` is 'ewc'"),
        ("epochs = 1\n", 'pairs = [["ewc", 3]]\n', "but `pairs.0.1` is 3"),
        (
            "epochs = 1\n",
            'pairs = [["ewc", "lowe"]]\n',
            "`pairs` to name runs, ewc, lower, but got 'lowe'.*'lower'",
        ),
        ("epochs = 1\n", 'pairs = [["ewc", "ewc"]]\n', "two different runs, each pair once"),
        (
            "epochs = 1\n",
            'pairs = [["ewc", "lower"], ["lower", "ewc"]]\n',
            "two different runs, each pair once",
        ),
    ],
)
def test_a_suite_that_is_wrong(tmp_path: Path, before: str, after: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_suite_file(write(tmp_path, TOML.replace(before, after)))


def test_an_option_of_the_grid_that_there_is_not(tmp_path: Path) -> None:
    suite = read_suite_file(write(tmp_path, TOML.replace("lam = [", "lambda = [")))
    with pytest.raises(InputError, match="`lambda`"):
        check_settings(suite, suite.candidates({})["ewc"].values())


@pytest.mark.parametrize("path", sorted(ROOT.glob("benchmarks/*.toml")), ids=lambda path: path.name)
def test_every_suite_that_is_there_is_right(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # Files of data that only a folder of datasets has are not looked for.
    monkeypatch.setattr("cl_anomaly.plan.check.check_own", lambda *_: None)
    suite = read_suite_file(path)
    assert suite.specifications({})
    for by_name in suite.candidates({}).values():
        check_settings(suite, by_name.values())


def test_every_cell_of_features_and_scores_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    suite = read_suite_file(ROOT / "benchmarks" / "features-and-scores.toml")
    members = suite.members({"dataset": "digits"}, {})
    # Three features; two autoencoders with four scores, and Gaussians with two.
    assert len(members) == 3 * (2 * 4 + 2)
    assert len({own.method for own in members.values()}) == len(members)
    sizes = {"pixels": (8, 8), "hog": (400,), "random": (600,)}
    for own in members.values():
        plan = prepare(own.config)
        check_together(plan)
        assert plan.dataset.features == sizes[own.config.frozen_features]
        # What the Gaussians see is what the autoencoders see, and nothing made of it.
        assert own.config.model_options.get("features", "pixels") == "pixels"
