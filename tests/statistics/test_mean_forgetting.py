"""Forgetting of several runs, over what all of them have."""

import pandas as pd
import pytest

from cl_anomaly.statistics.pairing import mean_forgetting

# After task 1, 2 and 3, on the classes 1, 2 and 3.
S = [[0.9, 0.5, 0.5], [0.5, 0.8, 0.5], [0.4, 0.7, 0.9]]


def rows_of(run: str, s: list[list[float]], seed: int = 0, anomaly_class: int = 0) -> list[dict]:
    start = {"run": run, "strategy": run, "dataset": "digits", "anomaly_class": anomaly_class}
    start |= {"seed": seed, "score": "mse"}
    found = []
    for task, row in enumerate(s, 1):
        start |= {"task": task, "classes": str(task)}
        found.append(start | {"metric": "auroc_seen", "value": 0.5})
        for number, value in enumerate(row, 1):
            found.append(start | {"metric": f"auroc_class_{number}", "value": value})
    return found


def recorded(run: str, value: float, seed: int = 0, anomaly_class: int = 0) -> dict:
    last = rows_of(run, S, seed, anomaly_class)[-1]
    return last | {"metric": "forgetting", "value": value}


def test_it_is_the_mean_of_the_classes_means_over_what_all_have() -> None:
    rows = [row for c in (0, 4) for seed in (0, 1) for row in rows_of("a", S, seed, c)]
    values = {(0, 0): 0.1, (0, 1): 0.3, (4, 0): 0.5, (4, 1): 0.9}
    rows += [recorded("a", value, seed, c) for (c, seed), value in values.items()]
    assert mean_forgetting(pd.DataFrame(rows), "mse") == pytest.approx({"a": 0.45})
    # The other has no seed 1 of class 4: then the first is of three replicas, too.
    other = [recorded("b", 0.2, seed, c) for c, seed in values if (c, seed) != (4, 1)]
    found = mean_forgetting(pd.DataFrame([*rows, *other]), "mse")
    assert found == pytest.approx({"a": (0.2 + 0.5) / 2, "b": 0.2})


def test_a_run_without_the_score_is_left_out() -> None:
    metrics = pd.DataFrame([recorded("lower", 0.3), recorded("upper", 0.1) | {"score": "recon"}])
    assert mean_forgetting(metrics, "mse") == pytest.approx({"lower": 0.3})


def test_of_a_single_task_there_is_none() -> None:
    assert mean_forgetting(pd.DataFrame(rows_of("a", [[0.9]])), "mse") == {}
