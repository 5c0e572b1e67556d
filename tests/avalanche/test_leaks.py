"""Avalanche's templates and plugins train on nothing that has not arrived."""

from typing import Any

import pytest
import torch
from avalanche.benchmarks.utils.data_loader import MultiDatasetDataLoader
from avalanche.core import SupervisedPlugin
from torch.utils.data import DataLoader, TensorDataset

from cl_anomaly.avalanche.scenario import rows_and_places, to_avalanche
from cl_anomaly.avalanche.strategy import AvalancheStrategy
from cl_anomaly.core.errors import RunError
from cl_anomaly.training.learner import Learner
from tests.support.learning import SETTINGS, prepare, small_scenario


class Plugin(SupervisedPlugin):
    """Does, in the second task, what a test wants."""

    do: Any = None
    at: str = ""

    def _act(self, at: str, strategy: Any) -> None:
        if at == self.at and strategy.clock.train_exp_counter == 1:
            type(self).do(strategy)

    def after_train_dataset_adaptation(self, strategy: Any, **_: Any) -> None:
        self._act("data", strategy)

    def before_training_exp(self, strategy: Any, **_: Any) -> None:
        self._act("loader", strategy)

    def before_training_iteration(self, strategy: Any, **_: Any) -> None:
        self._act("batch", strategy)


def _stream(strategy: Any) -> Any:
    return strategy.experience.origin_stream


def _train(at: str, do: Any) -> None:
    plugin = type("Mine", (Plugin,), {"at": at, "do": staticmethod(do)})
    made = type("Mine", (AvalancheStrategy,), {"name": "avalanche:Mine", "found": plugin})
    scenario = small_scenario()
    learner = Learner(prepare(made(), scenario, [3]), [3], [scenario], SETTINGS)
    for number in (1, 2):
        learner.begin(number)
        learner.train(lambda *_: None)
        learner.conclude()


def _adapt(data: Any) -> Any:
    def do(strategy: Any) -> None:
        strategy.adapted_dataset = data(strategy)

    return do


def _load(loader: Any) -> Any:
    def do(strategy: Any) -> None:
        strategy.dataloader = loader(strategy)

    return do


def _put(batch: Any) -> Any:
    def do(strategy: Any) -> None:
        strategy.mbatch = batch(strategy)

    return do


def _of(number: int) -> Any:
    return lambda strategy: _stream(strategy)[number].dataset


def _everything(strategy: Any) -> Any:
    return rows_and_places(strategy.experience.dataset)[0]


def _foreign(strategy: Any) -> Any:
    """Samples of the task, and of a stream that another benchmark made."""
    other: Any = to_avalanche(small_scenario())
    return _of(1)(strategy).concat(other.test_stream[0].dataset)


def _loose() -> Any:
    return TensorDataset(torch.zeros(4, 3, 3))


FUTURE = "avalanche:Mine to train on samples .* in task 2 .* of class 3, which arrives with task 3"
ANOMALY = "in task 2 .*: 10 of class 0, the anomaly class"


@pytest.mark.parametrize(
    ("at", "do", "words"),
    [
        ("data", _adapt(_of(2)), FUTURE),
        ("data", _adapt(lambda s: _of(1)(s).concat(_of(2)(s))), FUTURE),
        ("data", _adapt(_everything), ANOMALY),
        ("data", _adapt(lambda s: _foreign(s)), "one stream, but got samples of several"),
        ("loader", _load(lambda s: MultiDatasetDataLoader([_of(1)(s), _of(2)(s)], [4, 4])), FUTURE),
        ("loader", _load(lambda s: DataLoader(_of(2)(s), batch_size=4)), FUTURE),
        (
            "loader",
            _load(lambda s: DataLoader(_everything(s), batch_size=10)),
            "1 of class 0, the an",
        ),
        ("batch", _put(lambda s: [own[None] for own in _of(2)(s)[0][:2]]), FUTURE),
        ("batch", _put(lambda s: [own * 100 - 5 for own in s.mbatch]), "range, 0 to 1, but got"),
        ("batch", _put(lambda s: [own[:0] for own in s.mbatch]), "one is empty"),
        ("loader", _load(lambda s: []), "to load batches, but got none"),
        ("data", _adapt(lambda s: _loose()), "one stream, but got a TensorDataset"),
    ],
)
def test_what_has_not_arrived_is_refused(at: str, do: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        _train(at, do)


@pytest.mark.parametrize(
    ("at", "do"),
    [
        ("data", _adapt(lambda s: _of(0)(s).concat(_of(1)(s)))),
        ("loader", _load(lambda s: MultiDatasetDataLoader([_of(0)(s), _of(1)(s)], [4, 4]))),
        ("loader", _load(lambda s: DataLoader(_of(0)(s), batch_size=4))),
        ("batch", _put(lambda s: [1 - own for own in s.mbatch])),
    ],
)
def test_what_has_arrived_may_be_replayed(at: str, do: Any) -> None:
    _train(at, do)
