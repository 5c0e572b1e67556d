"""Our scenario and metric inside an Avalanche user's code."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from avalanche.benchmarks import CLScenario
from avalanche.evaluation.metrics import loss_metrics
from avalanche.logging import TextLogger
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from cl_anomaly.avalanche import AUROC, to_avalanche
from cl_anomaly.avalanche.scenario import rows_and_places
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.scenarios.class_stream import Scenario, build_scenario


@pytest.fixture(scope="module")
def scenario(digits: Dataset) -> Scenario:
    return build_scenario(digits, anomaly_class=3, task_order=[5, 0, 7])


@pytest.fixture
def benchmark(scenario: Scenario) -> Any:
    return to_avalanche(scenario)


class Reconstructing(Naive):
    """As an Avalanche user trains an autoencoder."""

    def criterion(self) -> Any:
        return self._criterion(self.mb_output, self.mb_x)  # type: ignore[arg-type]


def autoencoder() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Unflatten(1, (8, 8)))


def _strategy(metric: AUROC, kind: type = Reconstructing, model: nn.Module | None = None) -> Any:
    model = model or autoencoder()
    evaluator = EvaluationPlugin(
        loss_metrics(stream=True), metric, loggers=[TextLogger(io.StringIO())]
    )
    return kind(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        criterion=nn.CrossEntropyLoss() if kind is Naive else nn.MSELoss(),
        train_mb_size=32,
        train_epochs=5,
        eval_mb_size=100,
        evaluator=evaluator,
    )


def test_it_is_a_class_incremental_benchmark_of_avalanches(
    benchmark: Any, scenario: Scenario
) -> None:
    train, test = benchmark.train_stream, benchmark.test_stream
    assert isinstance(benchmark, CLScenario)
    assert [sorted(e.classes_in_this_experience) for e in train] == [[5], [0], [7]]
    assert [sorted(e.classes_in_this_experience) for e in test] == [[5], [0], [7], [3]]
    assert [sorted(e.classes_seen_so_far) for e in train] == [[5], [0, 5], [0, 5, 7]]
    assert [sorted(e.previous_classes or []) for e in train] == [[], [5], [0, 5]]
    assert {e.origin_stream.name for e in test} == {"test"}, "what an evaluator groups by"
    for experience, task in zip(train, scenario.tasks, strict=True):
        assert len(experience.dataset) == len(task.indices)
        x, y = experience.dataset[3]
        place = int(task.indices[3])
        expected = scenario.dataset.train.stored[place].float() / 16
        torch.testing.assert_close(x, expected)
        assert int(y) == int(scenario.dataset.train_labels[place])
    assert sum(len(e.dataset) for e in test) == len(scenario.test_indices)


def test_batches_of_pytorchs_loader_are_the_samples(benchmark: Any, scenario: Scenario) -> None:
    dataset = benchmark.train_stream[1].dataset
    loader = torch.utils.data.DataLoader(dataset, batch_size=40)
    x = torch.cat([batch[0] for batch in loader])
    torch.testing.assert_close(x, scenario.dataset.train.batch(scenario.tasks[1].indices))
    assert {int(y) for batch in loader for y in batch[1]} == {0}


def test_targets_can_be_the_inputs(scenario: Scenario) -> None:
    benchmark: Any = to_avalanche(scenario, targets_are_inputs=True)
    x, y = benchmark.train_stream[0].dataset[0]
    assert torch.equal(x, y)
    assert set(benchmark.train_stream[0].dataset.targets) == {5}, "labels are still known"


def test_places_survive_parts_and_unions(benchmark: Any, scenario: Scenario) -> None:
    first, second = (experience.dataset for experience in benchmark.train_stream[:2])
    some = first.subset([4, 2]).concat(second.subset([7]))
    _, places = rows_and_places(some)
    tasks = scenario.tasks
    expected = [tasks[0].indices[4], tasks[0].indices[2], tasks[1].indices[7]]
    assert places.tolist() == [int(place) for place in expected]


def test_auroc_is_scikit_learns(benchmark: Any, scenario: Scenario) -> None:
    strategy = _strategy(AUROC(anomaly_class=3))
    labels = scenario.test_labels.numpy()
    for experience, seen in zip(benchmark.train_stream, ([5], [5, 0], [5, 0, 7]), strict=True):
        strategy.train(experience)
        found: Any = strategy.eval(benchmark.test_stream)
        x = scenario.dataset.test.batch(scenario.test_indices)
        with torch.no_grad():
            scores = (strategy.model(x) - x).square().mean((1, 2)).numpy()
        for name, normal in [("", seen), *((f"/Class{c:03d}", [c]) for c in (0, 5, 7))]:
            chosen = np.isin(labels, [3, *normal])
            expected = roc_auc_score(labels[chosen] == 3, scores[chosen])
            assert found[f"AUROC/eval_phase/test_stream{name}"] == pytest.approx(expected, abs=1e-6)
        assert "Loss_Stream/eval_phase/test_stream" in str(found)


def test_a_part_of_the_stream_gives_no_wrong_number(benchmark: Any) -> None:
    strategy = _strategy(AUROC(anomaly_class=3))
    for experience in benchmark.train_stream[:2]:
        strategy.train(experience)
    assert "AUROC" not in str(strategy.eval(benchmark.test_stream[:3]))
    found = strategy.eval([benchmark.test_stream[0], benchmark.test_stream[3]])
    assert "AUROC/eval_phase/test_stream/Class005" in found
    assert "AUROC/eval_phase/test_stream" not in found, "class 0 has been trained on, too"


def test_a_score_of_ones_own(benchmark: Any) -> None:
    classifier = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    strategy = _strategy(
        AUROC(3, score=lambda s: -s.mb_output.logsumexp(1)), kind=Naive, model=classifier
    )
    strategy.train(benchmark.train_stream[0])
    found = strategy.eval(benchmark.test_stream)
    assert 0 <= found["AUROC/eval_phase/test_stream"] <= 1


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (None, r"reconstruct its input \(55, 8, 8\), but got \(55, 10\).*AUROC\(score="),
        (lambda strategy: strategy.mb_output, r"one number for each sample, \(55,\), but got"),
    ],
)
def test_a_score_that_does_not_fit_is_refused(benchmark: Any, score: Any, words: str) -> None:
    classifier = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    metric = AUROC(3, score=score) if score else AUROC(3)
    strategy = _strategy(metric, kind=Naive, model=classifier)
    with pytest.raises(ValueError, match=words):
        strategy.eval(benchmark.test_stream)


def test_a_tuple_of_outputs_begins_with_the_reconstruction(benchmark: Any) -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = autoencoder()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.inner(x), x.mean()

    class Own(Naive):
        def criterion(self) -> Tensor:
            output: Any = self.mb_output
            return self._criterion(output[0], self.mb_x)

    plain, pair = _strategy(AUROC(3)), _strategy(AUROC(3), kind=Own, model=Pair())
    found = []
    for strategy in (plain, pair):
        torch.manual_seed(0)
        strategy.train(benchmark.train_stream[0])
        found.append(strategy.eval(benchmark.test_stream)["AUROC/eval_phase/test_stream"])
    assert found[0] == found[1]
