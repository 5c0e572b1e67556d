"""What a detector is told of its stream."""

import pytest

from cl_anomaly.config import RunConfig
from cl_anomaly.errors import InputError
from cl_anomaly.runs.build import prepare


@pytest.mark.parametrize(
    ("strategy", "score", "named"),
    [
        ("gr", None, "the strategy gr"),
        ("ewc", None, "the strategy ewc"),
        ("lower", "mahalanobis", "the score mahalanobis"),
    ],
)
def test_what_has_to_be_told_where_tasks_end_is_refused_where_nobody_says(
    strategy: str, score: str | None, named: str
) -> None:
    config = RunConfig(strategy=strategy, score=score, dataset="digits", stream="concept-agnostic")
    with pytest.raises(InputError, match=f"{named} has to be told where a task ends"):
        prepare(config)


@pytest.mark.parametrize("strategy", ["lower", "upper"])
def test_others_learn_without(strategy: str) -> None:
    config = RunConfig(strategy=strategy, dataset="digits", stream="concept-agnostic", blur=0.2)
    assert prepare(config).config.stream == "concept-agnostic"
