from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.models import MODELS
from cl_anomaly.models.base import RECONSTRUCT
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan import build
from cl_anomaly.plan.build import resolve
from cl_anomaly.runs.run import Run
from cl_anomaly.scores import SCORES
from cl_anomaly.store.metrics import METRICS_COLUMNS
from cl_anomaly.strategies import Strategy
from tests.support.learning import prepare, small_scenario, vae_of


def _short(**settings: object) -> RunFolder:
    settings = {"dataset": "digits", "epochs": 2, "strategy": "lower"} | settings
    return run(RunConfig(**settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result() -> RunFolder:
    return _short(seeds=[3, 7], strategy="gr")


def test_metrics_are_tidy(result: RunFolder) -> None:
    metrics = result.metrics
    assert tuple(metrics.columns) == METRICS_COLUMNS
    # 2 seeds and 5 scores. After each of 9 tasks: the headline, 9 classes, and two more of all that
    # has been seen. Before the first: 9 tasks. Of the result matrix: 12.
    assert len(metrics) == 2 * 5 * (9 * (1 + 9 + 2) + 9 + 12)
    assert not metrics.duplicated(["seed", "task", "score", "metric"]).any()
    is_of_s = metrics["metric"].str.contains("transfer|bwt|forgetting")
    assert metrics["value"][~is_of_s].between(0, 1).all()
    assert list(metrics["classes"].unique()) == [str(label) for label in range(1, 10)]


def test_headline_is_against_the_classes_so_far(result: RunFolder) -> None:
    # After the first task there is one class, so the headline is that class's own AUROC; later it
    # is the mean of the classes' AUROC, weighted by their numbers.
    table = result.metrics.query("seed == 7 and score == 'mse'")
    counts = np.bincount(result.test_labels)
    for task in range(1, 10):
        values = table[table["task"] == task].set_index("metric")["value"]
        own = [values[f"auroc_class_{label}"] for label in range(1, task + 1)]
        expected = np.average(own, weights=counts[1 : task + 1])
        assert values["auroc_seen"] == pytest.approx(expected, abs=1e-9)


def test_scores_are_kept_for_every_sample_task_and_seed(result: RunFolder) -> None:
    assert set(result.scores) == {"recon", "mse", "l1", "elbo", "kl"}
    for scores in result.scores.values():
        assert scores.shape == (2, 9, 540)
        assert scores.dtype == np.float32
        assert (scores.std(axis=2) > 0).all()
        assert not np.array_equal(scores[0], scores[1])
        assert not np.array_equal(scores[:, 0], scores[:, 1])


def test_timing_adds_up(result: RunFolder) -> None:
    timing = result.timing
    assert len(timing["tasks"]) == 9
    assert timing["samples"] == sum(task["samples"] for task in timing["tasks"])
    assert timing["samples_per_second"] == timing["samples"] / timing["training_seconds"]
    assert timing["total_seconds"] > timing["training_seconds"]
    assert all(task["replay_seconds"] > 0 for task in timing["tasks"])
    assert timing["peak_memory"]["host_bytes"] > 10_000_000
    # Two seeds, at task i: i times the class's samples, in full batches.
    assert timing["tasks"][1]["samples"] > 1.5 * timing["tasks"][0]["samples"]


def test_environment_says_what_ran(result: RunFolder) -> None:
    environment = result.environment
    assert environment["device"] == "cpu"
    assert environment["precision"] in ("float32", "bfloat16")
    assert environment["threads"] == torch.get_num_threads()
    assert environment["packages"]["torch"] == torch.__version__
    assert len(environment["data_sha256"]) == 64
    assert environment["dataset_note"] is None


def test_same_seed_twice_gives_the_same_csv() -> None:
    one, other = (_short(seeds=2).metrics.to_csv() for _ in range(2))
    assert one == other
    assert one != _short(seeds=[5, 6]).metrics.to_csv()


def test_seed_alone_or_among_others_agrees(result: RunFolder) -> None:
    alone = _short(seeds=[7], strategy="gr").metrics["value"].to_numpy()
    among = result.metrics.query("seed == 7")["value"].to_numpy()
    # Sums are rounded in another order, and training carries that on.
    np.testing.assert_allclose(alone, among, atol=0.02)


def test_random_orders_are_each_seeds_own() -> None:
    table = _short(seeds=2, task_order="random").metrics
    orders = (
        table.query("task > 0")
        .drop_duplicates(["seed", "task"])
        .groupby("seed")["classes"]
        .agg(list)
    )
    assert sorted(orders[0]) == sorted(orders[1]) == [str(label) for label in range(1, 10)]
    assert orders[0] != orders[1]


def test_several_classes_in_a_task() -> None:
    table = _short(classes_per_task=4, anomaly_class=9).metrics
    assert list(table["classes"].unique()) == ["0 1 2 3", "4 5 6 7", "8"]
    assert set(table["anomaly_class"]) == {9}


def test_score_that_is_not_cheap_is_recorded_when_it_is_asked_for() -> None:
    table = _short(score="recon-prob", task_order=[1]).metrics
    assert "recon-prob" in set(table["score"])


def test_several_scores_are_recorded_and_the_first_is_shown() -> None:
    result = _short(score=["sap", "recon-prob"], task_order=[1])
    assert list(result.scores) == ["recon", "mse", "l1", "elbo", "kl", "sap", "recon-prob"]
    assert set(result.metrics["score"]) == set(result.scores)
    assert "AUROC after each task (sap," in str(result)
    assert not result.statistics, "no score keeps any"


def test_a_score_that_the_model_cannot_give_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VAE, "abilities", frozenset({RECONSTRUCT}))
    with pytest.raises(InputError, match=r"posterior over codes, which the score iwae needs"):
        _short(score=["mse", "iwae"])


def test_default_score_is_one_that_the_model_gives() -> None:
    for name, model in MODELS.items():
        config = resolve(RunConfig(dataset="digits", model=name, strategy="lower"))
        assert config.score == model.default_score
        assert SCORES[model.default_score].needs <= model.abilities
    assert VAE.default_score == "mse"


def test_resolve_fills_every_default_in() -> None:
    config = resolve(RunConfig(dataset="digits", strategy="ewc", strategy_options={"lam": 5}))
    assert (config.epochs, config.batch_size) == (60, 32)
    assert config.strategy_options == {"lam": 5.0, "decay": 1.0}
    options = {"latent_size": 16, "hidden_sizes": (400, 400), "beta": 1.0}
    assert config.model_options.items() >= options.items()
    assert RunConfig(**config.to_dict()).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model": "nix"}, "model.*'nix'"),
        ({"model_options": {"depth": 3}}, "depth"),
        ({"model_options": {"beta": "much"}}, "beta"),
        ({"strategy_options": {"lam": 1.0}}, "lam"),
        ({"strategy": "gr", "strategy_options": {"ratio": -1.0}}, "ratio"),
        ({"dataset": "imagenet"}, "imagenet"),
        ({"score": "nix"}, "score.*'nix'"),
        ({"device": "gpu"}, "device.*'gpu'"),
        ({"precision": "float16"}, "precision.*'float16'"),
    ],
)
def test_what_does_not_exist_is_refused(settings: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        _short(**settings)


def test_model_options_reach_the_model() -> None:
    options = {"hidden_sizes": [10], "beta": 4.0}
    config = RunConfig(dataset="digits", model_options=options | {"latent_size": 3})
    model = vae_of(Run(build.prepare(config)).detector.groups.learners[0].strategy)
    assert model.beta == 4.0
    assert [tuple(p.shape) for p in model.decoder.parameters()][0] == (1, 3, 10)


def test_users_option_that_raises_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from cl_anomaly.strategies import Strategy\n"
        "class Mine(Strategy):\n"
        "    def __init__(self, share: float = 0.5) -> None:\n"
        "        raise ValueError('share must be odd')\n"
    )
    with pytest.raises(InputError, match="Mine.*share must be odd"):
        _short(strategy=f"{file}:Mine")


def test_strategies_come_in_their_order() -> None:
    """What the framework is for: forgetting shows, and what is done against it helps."""
    last = {}
    for strategy in ("lower", "ewc", "gr", "upper"):
        table = _short(strategy=strategy, seeds=3, epochs=5).metrics
        headline = table.query("task == 9 and score == 'recon' and metric == 'auroc_seen'")
        last[strategy] = headline["value"].mean()
    assert last["lower"] < last["ewc"] < last["gr"] < last["upper"]
    assert last["upper"] > 0.9
    assert last["upper"] - last["lower"] > 0.2


def test_real_mnist_end_to_end(mnist_root: Path) -> None:
    config = RunConfig(
        dataset="mnist", data_root=str(mnist_root), task_order=[1, 2], epochs=1, strategy="gr"
    )
    result = run(config)
    table: pd.DataFrame = result.metrics.query("score == 'mse' and metric == 'auroc_seen'")
    first, second = table["value"]
    assert result.test_labels.shape == (980 + 1135 + 1032,)
    assert first > 0.99
    assert second > 0.9


def test_strategy_is_given_what_its_hooks_need() -> None:
    started = Run(build.prepare(RunConfig(dataset="digits", seeds=2)))
    strategy = started.detector.groups.learners[0].strategy
    reference = prepare(Strategy(), small_scenario(), [0, 1])
    assert {"model", "samples"} <= vars(strategy).keys()
    assert type(strategy.model) is type(reference.model)
