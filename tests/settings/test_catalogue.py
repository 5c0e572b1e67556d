"""What is read from files' names and signatures is what the classes say."""

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import CLASSES
from cl_anomaly.data.datasets import DATASETS
from cl_anomaly.models import MODELS
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.catalogue import (
    OF_THE_RUN,
    check_strategy_name,
    names_of,
    options_by_name,
)
from cl_anomaly.settings.field_types import SCORE_NAMES
from cl_anomaly.settings.options import options_of
from cl_anomaly.settings.run_config import DEFAULT_STRATEGIES
from cl_anomaly.strategies import strategies


@pytest.mark.parametrize(("setting", "classes"), [("strategy", strategies()), ("model", MODELS)])
def test_files_are_called_as_what_they_hold(setting: str, classes: dict[str, type]) -> None:
    assert names_of(setting) == tuple(sorted(classes))
    for name, cls in classes.items():
        assert cls.__module__.rpartition(".")[2] == name.replace("-", "_")
        assert options_by_name(setting, name) == options_of(cls, OF_THE_RUN)


def test_datasets_and_scores_are_those_that_there_are() -> None:
    assert tuple(DATASETS) == tuple(CLASSES)
    assert SCORE_NAMES == tuple(SCORES)
    assert set(DEFAULT_STRATEGIES) <= set(names_of("strategy"))


@pytest.mark.parametrize("name", ["gr:", "x.txt:Mine", "file.py:", "avalanche:file.py:X", "~"])
def test_names_that_cannot_be_are_refused_without_loading(name: str) -> None:
    with pytest.raises(InputError, match="Expected `strategy` to "):
        check_strategy_name(name)
