"""Every model goes through every check; a new one is found here by itself."""

from collections.abc import Callable

import pytest

from cl_anomaly.checks import MODEL_CHECKS
from cl_anomaly.models import MODELS, Model


@pytest.mark.parametrize("check", MODEL_CHECKS.values(), ids=MODEL_CHECKS.keys())
@pytest.mark.parametrize("name", MODELS)
def test_model(name: str, check: Callable[[type[Model]], None]) -> None:
    check(MODELS[name])
