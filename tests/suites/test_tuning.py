"""Options that are chosen: on which data, by which rule, and how far a grid reaches."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.plan.outline import Outline, outline_of
from cl_anomaly.report.suite_table import about_edge
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.suites import tuning
from cl_anomaly.suites.suite_file import read_suite_file
from cl_anomaly.suites.tuning import beyond, check_apart, chosen
from tests.suites.test_suite_file import TOML, write


def planned(folder: Path, text: str) -> tuple[dict[str, Outline], dict[str, Outline]]:
    suite = read_suite_file(write(folder, text))
    reported = {name: outline_of(own.config) for name, own in suite.members({}, {}).items()}
    tuned = {own.name: outline_of(own.config) for own in suite.candidates({})["ewc"].values()}
    return tuned, reported


@pytest.mark.parametrize(
    ("anomaly_class", "named"), [("2", 2), ('"all"', 1), ("[0, 1]", 1), ("[2, 1]", 2)]
)
def test_nothing_is_chosen_on_what_is_reported(
    tmp_path: Path, anomaly_class: str, named: int
) -> None:
    changed = TOML.replace("[tune]\nanomaly_class = 0", f"[tune]\nanomaly_class = {anomaly_class}")
    with pytest.raises(InputError, match=f"on digits with anomaly class {named}, which the suite"):
        check_apart(*planned(tmp_path, changed))


def test_clusters_with_the_same_anomalies_are_the_same_data(tmp_path: Path) -> None:
    changed = TOML.replace('dataset = "digits"', 'dataset = "digits"\nscenario = "clusters"')
    changed = changed.replace("[tune]\nanomaly_class = 0", "[tune]\nanomaly_class = [0, 2]")
    changed = changed.replace('[each]\ntask_order = ["ascending", "random"]', "")
    with pytest.raises(InputError, match="on digits with anomaly class 2, which the suite"):
        check_apart(*planned(tmp_path, changed))


def test_candidates_look_at_no_test_sample_of_what_is_reported(tmp_path: Path) -> None:
    tuned, reported = planned(tmp_path, TOML)
    check_apart(tuned, reported)
    (whole,) = {id(own.plan.dataset): own.plan.dataset for own in reported.values()}.values()
    tested = {row.tobytes() for row in whole.test.stored.numpy()}
    trained = {row.tobytes() for row in whole.train.stored.numpy()}
    for plan in (outline.plan for outline in tuned.values()):
        samples = torch.cat([plan.dataset.train.stored, plan.dataset.test.stored]).numpy()
        seen = {row.tobytes() for row in samples}
        assert seen <= trained
        assert not seen & tested
    config = RunConfig(strategy="ewc", dataset="digits", anomaly_class=0)
    with pytest.raises(InputError, match="would be scored by the test set of digits"):
        check_apart({"ewc lam=1.0": outline_of(config)}, reported)


def metrics(values: dict[str, float]) -> SimpleNamespace:
    """Results of two replicas; whatever is no headline of the last task would mislead."""
    rows = [
        {"metric": metric, "score": score, "task": task, "value": value + away}
        for (metric, score, task), value in {
            ("auroc_seen", "mse", 3): values["right"],
            ("auroc_seen", "mse", 2): values["wrong"],
            ("auroc_seen", "recon", 3): values["wrong"],
            ("average_auroc", "mse", 3): values["wrong"],
        }.items()
        for away in (-0.01, 0.01)
    ]
    return SimpleNamespace(metrics=pd.DataFrame(rows))


RIGHT = {"lam=1.0": 0.7, "lam=10.0": 0.9, "lam=100.0": 0.9, "lam=1000.0": 0.6}


@pytest.fixture
def rated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A suite with four candidates, and what chooses among those that have results."""
    text = TOML.replace("lam = [1.0, 10.0]", "lam = [1.0, 10.0, 100.0, 1000.0]")
    text = text.replace("anomaly_class = 0", "anomaly_class = [0, 3]\ntask_order = [4, 5, 6]")
    suite = read_suite_file(
        write(tmp_path, text.replace("epochs = 1", 'epochs = 1\nscore = "mse"'))
    )
    (first, *_) = suite.candidates({})["ewc"].values()

    def choose(right: dict[str, float]) -> tuning.Choice:
        found = {name: metrics({"right": own, "wrong": 1 - own}) for name, own in right.items()}
        monkeypatch.setattr(tuning, "read_run", lambda folder: found[folder.name])
        return chosen(suite, "ewc", {name: Path(name) for name in right}, outline_of(first.config))

    return choose


def test_the_first_of_the_best_by_the_headline_after_the_last_task_is_chosen(rated: Any) -> None:
    choice = rated(RIGHT)
    assert choice.options == {"lam": 10.0}
    assert choice.candidates == pytest.approx(RIGHT)
    assert choice.on == "digits, 0.2 of its training set held out, anomaly class 0, 3, seed 0"
    assert choice.on_edge == ()
    assert about_edge(choice.content()) == ""


def test_a_candidate_without_results_is_none_and_an_edge_is_said(rated: Any) -> None:
    choice = rated({name: own for name, own in RIGHT.items() if name[4:] not in ("10.0", "100.0")})
    assert choice.options == {"lam": 1.0}
    assert np.isnan(choice.candidates["lam=10.0"])
    assert choice.content()["candidates"]["lam=10.0"] is None
    assert choice.content()["on_edge"] == ["lam"]
    expected = "lam = 1.0 lies on an edge of the grid: a value beyond it may be better."
    assert about_edge(choice.content()) == expected
    with pytest.raises(InputError, match="but every candidate failed"):
        rated({})


@pytest.mark.parametrize(
    ("values", "best", "further"),
    [
        ([10.0, 100.0, 1000.0], 1000.0, 10000.0),
        ([10.0, 100.0, 1000.0], 10.0, 1.0),
        ([1000.0, 10.0, 100.0], 1000.0, 10000.0),
        ([0.1, 0.01], 0.01, 0.001),
        ([1.0, 2.0, 6.0], 6.0, 18.0),
        ([0.0, 0.5, 1.0], 1.0, 1.5),
        ([-1.0, 0.0, 2.0], -1.0, -2.0),
        ([2, 4, 8], 8, 16),
        ([1, 2], 1, None),
        ([0, 3], 0, -3),
        ([10.0, 100.0, 1000.0], 100.0, None),
        ([10.0], 10.0, None),
        ([1.0, "proportional"], 1.0, None),
        ([False, True], True, None),
    ],
)
def test_a_grid_goes_on_by_its_own_step(values: list[Any], best: Any, further: Any) -> None:
    found = beyond({"lam": values}, {"lam": best}).get("lam")
    assert found == further
    assert type(found) is type(further)
