"""Runs are called by what tells them apart, and what is not comparable is said."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cl_anomaly.report.run_names import labelled, panels_of
from cl_anomaly.results.reading import each_once, read_results
from cl_anomaly.results.run_folder import RunFolder
from tests.support.made_up import made_up_comparison, made_up_run


def read(*folders: Path) -> list[RunFolder]:
    return each_once(own for folder in folders for own in read_results(folder).lines)


def names(*folders: Path) -> list[str]:
    return labelled(read(*folders))[0]["run"].unique().tolist()


def remarks(*folders: Path) -> list[str]:
    return labelled(read(*folders))[1]


def test_comparable_runs_are_called_by_their_strategies(tmp_path: Path) -> None:
    folders = [made_up_run(tmp_path, name) for name in ("gr", "lower")]
    assert names(*folders) == ["gr", "lower"]
    assert not remarks(*folders)


@pytest.mark.parametrize(
    ("settings", "first", "second"),
    [
        ({"epochs": 5}, "epochs 2", "epochs 5"),
        ({"batch_size": 64}, "batch size 32", "batch size 64"),
        ({"task_order": [3, 1, 2]}, "task order ascending", "task order 3,1,2"),
        ({"classes_per_task": 3}, "classes per task 1", "classes per task 3"),
        ({"learning_rate": 1e-4}, "learning rate 0.001", "learning rate 0.0001"),
        ({"precision": "bfloat16"}, "precision float32", "precision bfloat16"),
        ({"model": "mine"}, "model vae", "model mine"),
        (
            {"model_options": {"hidden_sizes": [8], "beta": 1.0}},
            "hidden sizes 400,400",
            "hidden sizes 8",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_runs_that_are_not_comparable_are_called_by_what_differs(
    tmp_path: Path, settings: dict[str, Any], first: str, second: str
) -> None:
    folders = made_up_run(tmp_path, "gr"), made_up_run(tmp_path, "lower", **settings)
    assert names(*folders) == [f"gr, {first}", f"lower, {second}"]
    (remark,) = remarks(*folders)
    setting, value = first.rsplit(" ", 1)
    assert remark == (
        f"These runs differ in {setting} ({value}, {second.rsplit(' ', 1)[1]}): the legend says "
        f"which is which."
    )


def test_all_that_differs_is_said(tmp_path: Path) -> None:
    folders = made_up_run(tmp_path, "gr"), made_up_run(tmp_path, "gr", epochs=5, batch_size=64)
    assert names(*folders) == ["gr, epochs 2, batch size 32", "gr, epochs 5, batch size 64"]
    assert "in epochs (2, 5) and batch size (32, 64):" in remarks(*folders)[0]


def test_options_are_said_of_runs_of_one_strategy_alone(tmp_path: Path) -> None:
    folders = [
        made_up_run(tmp_path, "ewc", strategy_options={"lam": 1000.0, "decay": 1.0}),
        made_up_run(tmp_path, "ewc", strategy_options={"lam": 0.5, "decay": 1.0}),
        made_up_run(tmp_path, "gr", strategy_options={"ratio": "proportional"}),
    ]
    assert names(*folders) == ["ewc, lam 1000", "ewc, lam 0.5", "gr"]
    assert not remarks(*folders)


def test_other_seeds_tell_runs_apart_that_nothing_else_does(tmp_path: Path) -> None:
    folders = made_up_run(tmp_path, "gr"), made_up_run(tmp_path, "gr", seeds=[3, 7])
    assert names(*folders) == ["gr, seeds 0,1", "gr, seeds 3,7"]


def test_anomaly_classes_and_datasets_are_panels_and_no_part_of_the_name(tmp_path: Path) -> None:
    folders = [
        made_up_run(tmp_path, "gr"),
        made_up_run(tmp_path, "gr", anomaly_class=3),
        made_up_run(tmp_path, "gr", {"data_sha256": "1" * 64}, dataset="some/mine.npz"),
    ]
    assert names(*folders) == ["gr"]
    table, said = labelled(read(*folders))
    titles = [title for title, _ in panels_of(table)]
    assert titles == [
        "digits, anomaly class 0",
        "digits, anomaly class 3",
        "mine, anomaly class 0",
    ]
    assert said == [
        "These runs have different datasets (digits, mine) and anomaly classes (0, 3): each "
        "has its own panel."
    ]


def test_a_dataset_is_its_data_whatever_its_path(tmp_path: Path) -> None:
    here = made_up_run(tmp_path, "gr", {"data_sha256": "ab" * 32}, dataset="here/mine.npz")
    there = made_up_run(tmp_path, "lower", {"data_sha256": "ab" * 32}, dataset="/there/mine.npz")
    other = made_up_run(tmp_path, "lower", {"data_sha256": "cd" * 32}, dataset="here/mine.npz")
    assert len(panels_of(labelled(read(here, there))[0])) == 1
    titles = [title for title, _ in panels_of(labelled(read(here, other))[0])]
    assert titles == ["mine (data abababab)", "mine (data cdcdcdcd)"]


def code(digest: str, **files: str) -> dict[str, Any]:
    return {"code": {"sha256": digest * 64, "files": files, "packages": {}}}


def test_other_code_is_said(tmp_path: Path) -> None:
    one = made_up_run(tmp_path, "gr", code("a", step="1", gr="1"))
    two = made_up_run(tmp_path, "gr", code("b", step="2", gr="1"))
    assert names(one, two) == ["gr, code aaaaaaaa", "gr, code bbbbbbbb"]
    assert "differ in code (aaaaaaaa, bbbbbbbb)" in remarks(one, two)[0]


def test_the_files_of_two_strategies_are_not_other_code(tmp_path: Path) -> None:
    own = {"strategy.py": "1"}
    one = made_up_run(tmp_path, "gr", code("a", step="1", gr="1", **own))
    two = made_up_run(tmp_path, "lower", code("b", step="1", lower="2", **{"strategy.py": "2"}))
    assert names(one, two) == ["gr", "lower"]
    changed = made_up_run(tmp_path, "lower", code("c", step="1", **{"strategy.py": "3"}))
    # Only those that contradict each other.
    assert names(one, two, changed) == ["gr", "lower, code bbbbbbbb", "lower, code cccccccc"]
    assert "differ in code (bbbbbbbb, cccccccc)" in remarks(one, two, changed)[0]


def test_code_that_was_not_recorded_is_not_taken_for_the_same(tmp_path: Path) -> None:
    unknown = {"code": None}
    old, new = (made_up_run(tmp_path, "gr", own) for own in (unknown, code("a", step="1")))
    assert names(old, new)[0] == "gr, code not recorded"
    assert names(old, made_up_run(tmp_path, "lower", unknown)) == ["gr", "lower"], "neither was"


def test_a_changed_file_of_ones_own_is_other_code_in_older_runs_too(tmp_path: Path) -> None:
    older = [{"code": None, "strategy_sha256": digit * 64} for digit in "ab"]
    one, two = (made_up_run(tmp_path, "Mine", own) for own in older)
    assert names(one, two) == ["Mine, code aaaaaaaa", "Mine, code bbbbbbbb"]


def test_a_comparison_and_its_members_are_drawn_once(tmp_path: Path) -> None:
    members = {name: made_up_run(tmp_path, name) for name in ("gr", "lower")}
    comparison = made_up_comparison(tmp_path, members)
    assert names(comparison, *members.values()) == ["gr", "lower"]
    assert names(members["lower"], comparison) == ["lower", "gr"]
    assert len(read(comparison, members["gr"], comparison)) == 2
    other = made_up_run(tmp_path, "gr")
    assert names(comparison, other) == [
        f"gr, {members['gr'].name}",
        "lower",
        f"gr, {other.name}",
    ]


def test_the_name_in_a_comparison_says_more(tmp_path: Path) -> None:
    half = made_up_run(tmp_path, "gr", strategy_options={"ratio": 0.5})
    comparison = made_up_comparison(tmp_path, {"half": half})
    assert names(comparison) == names(half, comparison) == ["half"]


def test_what_a_name_says_already_is_not_said_twice(tmp_path: Path) -> None:
    members = {
        "gr, 5 epochs": made_up_run(tmp_path, "gr", epochs=5),
        "short": made_up_run(tmp_path, "gr"),
    }
    comparison = made_up_comparison(tmp_path, members)
    assert names(comparison) == ["gr, 5 epochs", "short, epochs 2"]


def test_a_folder_by_two_paths_is_one(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path, "gr", folder="mine")
    (tmp_path / "link").symlink_to(folder)
    assert names(folder, tmp_path / "link", tmp_path / "." / "mine" / ".." / "mine") == ["gr"]


@pytest.mark.parametrize("name", ["1", "NA", "nan", "_x"])
def test_any_name_of_a_run_is_kept(tmp_path: Path, name: str) -> None:
    comparison = made_up_comparison(tmp_path, {name: made_up_run(tmp_path, "gr", folder="a")})
    assert names(comparison) == [name]


def test_several_anomaly_classes_are_one_panel(tmp_path: Path) -> None:
    folders = [made_up_run(tmp_path, name) for name in ("gr", "lower")]
    results = []
    for own in read(*folders):
        # Class 4 beside class 0, in a run of both.
        other = own.metrics.assign(anomaly_class=4, value=own.metrics["value"] - 0.1)
        results.append(own.but(metrics=pd.concat([own.metrics, other])))
    assert results[0].anomaly_classes == (0, 4)
    table, said = labelled(results)
    assert not said
    ((title, rows),) = panels_of(table)
    assert title == ""
    assert set(rows["anomaly_class"]) == {"mean of anomaly classes 0, 4"}
    last = rows.query("task == 2 and score == 'recon' and run == 'gr'")
    # Of seeds 0 and 1: 0.70 and 0.69 for class 0.
    assert dict(zip(last["seed"], last["value"], strict=True)) == pytest.approx(
        {0: 0.695, 4: 0.595}
    )
