"""What is read from the files is what the classes say."""

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import CLASSES
from cl_anomaly.data.datasets import DATASETS
from cl_anomaly.models import MODELS
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.catalogue import OF_THE_RUN, catalogue, check_strategy_name, dataset_names
from cl_anomaly.settings.options import options_of
from cl_anomaly.settings.run_config import DEFAULT_STRATEGIES
from cl_anomaly.settings.score_names import SCORE_NAMES
from cl_anomaly.strategies import strategies


def test_strategies_are_those_of_their_classes() -> None:
    real = {name: options_of(cls) for name, cls in strategies().items()}
    assert {name: entry.options for name, entry in catalogue("strategies").items()} == real
    assert set(DEFAULT_STRATEGIES) <= set(real)


def test_models_are_those_of_their_classes() -> None:
    real = {name: options_of(cls, OF_THE_RUN) for name, cls in MODELS.items()}
    assert {name: entry.options for name, entry in catalogue("models").items()} == real


def test_datasets_and_scores_are_those_that_there_are() -> None:
    assert dataset_names() == tuple(DATASETS) == tuple(CLASSES)
    assert SCORE_NAMES == tuple(SCORES)


@pytest.mark.parametrize("name", ["gr:", "x.txt:Mine", "file.py:", "avalanche:file.py:X", "~"])
def test_names_that_cannot_be_are_refused_without_loading(name: str) -> None:
    with pytest.raises(InputError, match="Expected `strategy` to "):
        check_strategy_name(name)
