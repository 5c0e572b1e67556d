"""What a detector is told of its stream."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl_anomaly.api import run
from cl_anomaly.core.errors import InputError
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan.build import prepare
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.strategies import Strategy


def agnostic(**own: Any) -> RunConfig:
    settings: dict[str, Any] = {"strategy": "lower", "dataset": "digits"}
    return RunConfig(**{**settings, "stream": "concept-agnostic", **own})


class Begins(VAE):
    """A model that is told when a task begins."""

    name = "begins"

    def begin_task(self, number: int) -> None:
        pass


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"strategy": "gr"}, "the strategy gr"),
        ({"strategy": "gr", "strategy_options": {"ratio": 1.0}}, "the strategy gr"),
        ({"strategy": "ewc"}, "the strategy ewc"),
        ({"strategy": "replay"}, "`ratio` proportional of the strategy replay"),
        ({"score": "mahalanobis"}, "the score mahalanobis"),
        ({"score": ["mse", "nap"]}, "the score nap"),
        ({"model": "gaussians"}, "the model gaussians"),
        ({"model": "experts"}, "the model experts"),
        ({"model": Begins}, "the model begins"),
    ],
)
def test_what_has_to_be_told_where_tasks_end_is_refused_where_nobody_says(
    settings: dict[str, Any], named: str
) -> None:
    config = agnostic(**settings)
    with pytest.raises(InputError, match=f"{named} has to be told where a task ends"):
        prepare(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weights": {"3": 2.0}}, "no `class_weights` with `stream` concept-agnostic"),
        ({"batch_size": 129}, "at most the samples of a portion, 128, but got 129"),
        ({"batch_size": 20, "portion": 19}, "at most the samples of a portion, 19, but got 20"),
        ({"portion": 10, "calibration": 0.99}, "Make `portion` larger"),
        ({"portion": 10, "stream": "concept-incremental"}, "`portion` with `stream` concept-agn"),
    ],
)
def test_what_cannot_be_done_in_portions_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(agnostic(**settings))


def test_a_strategy_with_a_loop_of_its_own_is_refused() -> None:
    class Loops(Strategy):
        def own_training(self, *_: object) -> None:
            pass

    with pytest.raises(InputError, match="the strategy Loops, which trains by a loop of its own"):
        prepare(agnostic(strategy=Loops))


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("lower", {}),
        ("upper", {}),
        ("joint", {}),
        ("replay", {"ratio": 1}),
        ("der", {}),
        ("agem", {}),
    ],
)
def test_others_learn_in_one_pass_over_portions(strategy: str, options: dict[str, Any]) -> None:
    settings = {"strategy": strategy, "strategy_options": options, "blur": 0.2}
    found = prepare(agnostic(**settings)).config
    assert (found.stream, found.portion, found.epochs) == ("concept-agnostic", 128, 1)
    assert "in portions of 128, with one pass over each" in str(found.dataset_note)
    three = prepare(agnostic(**settings, epochs=3, portion=64)).config
    assert (three.portion, three.epochs) == (64, 3)
    assert "in portions of 64, with 3 passes over each" in str(three.dataset_note)


def test_other_streams_have_no_portions() -> None:
    found = prepare(agnostic(stream="concept-incremental")).config
    assert (found.portion, found.epochs) == (None, 60)


def concepts(folder: Path) -> str:
    """Each concept's anomalies lie where the next concept is normal."""
    numbers, arrays = np.random.default_rng(0), {}
    for k in range(3):
        normal = numbers.normal(k, 0.1, size=(80, 3))
        anomalies = numbers.normal((k + 1) % 3, 0.1, size=(10, 3))
        arrays[f"train_x_{k}"] = normal[:60].astype(np.float32)
        arrays[f"test_x_{k}"] = np.concatenate([normal[60:], anomalies]).astype(np.float32)
        arrays[f"test_y_{k}"] = np.repeat([0, 1], [20, 10])
    np.savez(folder / "own.npz", **arrays)
    return f"concepts:{folder / 'own.npz'}"


AWARE: dict[str, Any] = {
    "strategy": "lower",
    "model": "gaussians",
    "stream": "concept-aware",
    "seeds": 2,
    "task_order": "random",
}


def test_a_detector_that_is_told_the_concept_tells_its_anomalies(tmp_path: Path) -> None:
    name = concepts(tmp_path)
    aware = run(RunConfig(dataset=name, **AWARE))
    others: dict[str, Any] = AWARE | {"stream": "concept-incremental", "score": "least"}
    not_told = run(RunConfig(dataset=name, **others))
    assert aware.config.score == "least"
    assert (aware.s["least"][:, -1] == 1).all()
    assert (not_told.s["least"][:, -1] < 0.7).all()


def test_its_score_is_the_distance_from_the_concept_that_it_was_told(tmp_path: Path) -> None:
    data = np.load(concepts(tmp_path).partition(":")[2])
    name = concepts(tmp_path)
    result = run(RunConfig(dataset=name, **AWARE | {"task_order": "ascending", "seeds": 1}))
    low, high = data["train_x_0"].min(0), data["train_x_0"].max(0)
    squared = []
    for k in range(3):
        train, test = ((data[f"{which}_x_{k}"] - low) / (high - low) for which in ("train", "test"))
        covariance = np.cov(train.T, bias=True)
        shrunk = 0.9 * covariance + 0.1 * np.trace(covariance) / 3 * np.eye(3)
        aside = test - train.mean(0)
        squared.append(np.einsum("ni,ij,nj->n", aside, np.linalg.inv(shrunk), aside))
    after_all = result.scores["least"][0, -1]
    np.testing.assert_allclose(after_all, np.concatenate(squared), rtol=1e-3)
    # Before its own concept has been learnt, a sample is as far as from the nearest.
    early = result.scores["least"][0, 0][:30]
    np.testing.assert_allclose(early, squared[0], rtol=1e-3)
    assert (result.scores["least"][0, 0][30:50] != after_all[30:50]).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "vae"}, "a model with a distance from each task, such as experts or gaussians"),
        ({"score": "log-margin"}, "no other score with `stream` concept-aware.* log-margin"),
        ({"dataset": "digits"}, "with the scenario concepts, .* the scenario is class-stream"),
        ({"calibration": 0.1}, "no `calibration` with `stream` concept-aware"),
    ],
)
def test_what_can_make_no_use_of_it_is_refused(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    own: dict[str, Any] = {"dataset": concepts(tmp_path)} | AWARE | settings
    with pytest.raises(InputError, match=message):
        prepare(RunConfig(**own))
