"""Checks that every strategy, model and score must pass, for those of other packages too.

    from cl_anomaly.checks import check_strategy

    def test_mine():
        check_strategy(MyStrategy)

Each `check_...` runs all checks of its kind. An AssertionError says what was expected.
`STRATEGY_CHECKS`, `MODEL_CHECKS` and `SCORE_CHECKS` hold the same checks by name, for a test
framework that counts each one.
"""

from collections.abc import Callable

from cl_anomaly.checks.models import MODEL_CHECKS
from cl_anomaly.checks.scores import SCORE_CHECKS
from cl_anomaly.checks.strategies import STRATEGY_CHECKS
from cl_anomaly.models import Model
from cl_anomaly.scores import Score
from cl_anomaly.strategies import Strategy

__all__ = [
    "MODEL_CHECKS",
    "SCORE_CHECKS",
    "STRATEGY_CHECKS",
    "check_model",
    "check_score",
    "check_strategy",
]


def check_strategy(make: Callable[[], Strategy]) -> None:
    """Check a strategy; `make`, such as its class, returns a new one at each of many calls.

    Raises:
        AssertionError: says what was expected.
    """
    for check in STRATEGY_CHECKS.values():
        check(make)


def check_model(make: type[Model]) -> None:
    """Check a model's class, see `check_strategy`."""
    for check in MODEL_CHECKS.values():
        check(make)


def check_score(make: Callable[[], Score]) -> None:
    """Check a score on a trained model that has what it needs, see `check_strategy`."""
    for check in SCORE_CHECKS.values():
        check(make)
