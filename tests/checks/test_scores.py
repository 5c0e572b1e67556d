"""Every score goes through every check; a new one is found here by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor

from cl_anomaly.checks import SCORE_CHECKS, check_score
from cl_anomaly.scores import MSE, SCORES, Score


@pytest.mark.parametrize("check", SCORE_CHECKS.values(), ids=SCORE_CHECKS.keys())
@pytest.mark.parametrize("name", SCORES)
def test_score(name: str, check: Callable[[type[Score]], None]) -> None:
    check(SCORES[name])


@pytest.mark.parametrize("name", SCORES)
def test_a_score_with_its_sign_turned_fails(name: str) -> None:
    class Turned(SCORES[name]):
        """What is normal scores higher."""

        needs = SCORES[name].needs

        def __call__(self, output: Any) -> Tensor:
            return -super().__call__(output)

    with pytest.raises(AssertionError, match="Expected anomalies to score higher"):
        check_score(Turned)


def test_a_score_that_looks_at_the_other_samples_fails() -> None:
    class Relative(MSE):
        """The error beside the others'."""

        def __call__(self, output: Any) -> Tensor:
            scores = super().__call__(output)
            return scores - scores.mean(1, keepdim=True)

    with pytest.raises(AssertionError, match="the score that it has alone"):
        SCORE_CHECKS["it_does_not_depend_on_the_other_samples"](Relative)
