"""What a run says of tasks that returned, on its way and in its folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl_anomaly import RunConfig, read_run, run
from cl_anomaly.core.progress import Progress
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.perform import perform

_SAID = "Task {} coincides with task {} and was learnt as its return{}. "


@pytest.fixture
def stream(tmp_path: Path) -> str:
    """Five classes of a table, of which 1 and 4 are the same kind."""
    numbers, x, y = np.random.default_rng(0), [], []
    for label, place in enumerate([0.9, 0.1, 0.5, 0.7, 0.1]):
        x.append(numbers.normal(place, 0.02, size=(120, 4)).clip(0, 1))
        y.append(np.full(120, label))
    path = tmp_path / "table.npz"
    np.savez(path, X=np.concatenate(x).astype(np.float32), y=np.concatenate(y))
    return str(path)


class _Heard(Progress):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


def _config(table: str, **settings: Any) -> RunConfig:
    given: dict[str, Any] = {"model": "gaussians", "strategy": "lower", "anomaly_class": 0}
    return RunConfig(dataset=table, device="cpu", **given | settings)


@pytest.mark.parametrize(
    ("order", "said"),
    [([1, 2, 3, 4], _SAID.format(4, 1, "")), ([2, 4, 1, 3], _SAID.format(3, 2, ""))],
    ids=str,
)
def test_a_task_that_returns_is_named(
    order: list[int], said: str, stream: str, tmp_path: Path
) -> None:
    heard = _Heard()
    done = perform(
        prepare(_config(stream, seeds=1, task_order=order)), tmp_path / "out", lambda _: heard
    )
    whole = said + "`--model.merge 0` keeps all tasks apart."
    assert heard.notices.count(whole) == 1
    assert json.loads((done.folder / "status.json").read_text())["notes"] == [whole]
    assert read_run(done.folder).notes == [whole]


def test_replicas_are_counted(stream: str) -> None:
    result = run(_config(stream, seeds=6, task_order="random"))
    counts = [int(note.split(" in ")[1].split(" of ")[0]) for note in result.notes]
    assert all(" of 6 replicas. " in note for note in result.notes)
    assert len(result.notes) > 1 and sum(counts) == 6


@pytest.mark.parametrize("settings", [{"model_options": {"merge": 0}}, {"strategy": "upper"}])
def test_where_no_task_joins_another_nothing_is_said(stream: str, settings: dict[str, Any]) -> None:
    assert run(_config(stream, seeds=1, **settings)).notes == []


@pytest.mark.parametrize("model", ["gaussians", "experts"])
def test_all_rules_for_distances_are_recorded(model: str, stream: str) -> None:
    rules = {"least", "log-margin", "auto-margin", "softmin"} | (
        {"background"} if model == "gaussians" else set()
    )
    result = run(_config(stream, model=model, seeds=1, epochs=1, score="least"))
    assert set(result.scores) == rules
    assert {"score.auto-margin.caps"} <= set(result.statistics)
