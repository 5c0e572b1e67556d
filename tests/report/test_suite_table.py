"""A suite's table as text."""

from typing import Any

import pytest

from cl_anomaly.report.suite_table import COLUMNS, cells_of, in_short

OTHERS = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("", ""),
        ("a, b", "a, b"),
        ("a, b, c", "a, b, c"),
        ("a, b, c, d", "all but e"),
        ("e, a, c, d", "all but b"),
        ("a, b, c, d, e", "all others"),
    ],
)
def test_many_names_are_said_in_short(names: str, said: str) -> None:
    assert in_short(names, OTHERS) == said


def test_runs_without_results_are_not_among_those_that_differ() -> None:
    def row(run: str, mean: float | None, same: str | None) -> dict[str, Any]:
        values: dict[str, Any] = dict.fromkeys("low high rank gap_closed seconds bytes".split())
        told = {"not_different_from": same, "missing": 0, "stores_samples": None, "score": "mse"}
        return {"run": run, "mean": mean, **values, **told}

    names = ["a", "b", "c", "d", "e"]
    same = {own: ", ".join(other for other in names if other != own) for own in names}
    place = COLUMNS.index("not different from")
    rows = cells_of([*(row(own, 0.5, same[own]) for own in names), row("gone", None, None)])
    assert [own[place] for own in rows] == ["all others"] * 5 + [""]
    assert rows[-1][:2] == ["gone", "no results"]
