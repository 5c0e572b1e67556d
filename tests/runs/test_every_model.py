"""Every model with the strategies that fit it, from configuration to results."""

import numpy as np
import pytest

from cl_anomaly import RunConfig
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.progress import Progress
from cl_anomaly.models import MODELS
from cl_anomaly.models.base import GENERATE
from cl_anomaly.plan import build
from cl_anomaly.runs.run import Run
from cl_anomaly.strategies import strategies
from cl_anomaly.training.groups import group_sizes

# With every model, and all others with a model of each kind: it would take minutes.
_EVERYWHERE, _KINDS = ("lower", "upper", "gr", "ewc"), ("conv-vae", "sparse-ae", "flow")
_PAIRS = [
    (model, strategy)
    for model, cls in MODELS.items()
    for strategy, own in strategies().items()
    if own.needs <= cls.abilities and (strategy in _EVERYWHERE or model in _KINDS)
    if strategy == "lower" or not cls.keeps_tasks_apart
]


def _config(model: str, strategy: str, **settings: object) -> RunConfig:
    defaults = {"dataset": "digits", "device": "cpu", "epochs": 1, "task_order": [1, 2]}
    score = MODELS[model].default_score
    return RunConfig(model=model, strategy=strategy, score=score, **defaults | settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("model", "strategy"), _PAIRS, ids=[f"{m}:{s}" for m, s in _PAIRS])
def test_it_trains_and_its_scores_vary(model: str, strategy: str) -> None:
    run = Run(build.prepare(_config(model, strategy)))
    before = {name: own.clone() for name, own in run.detector.weights().items()}
    result = run.execute(Progress())
    assert not result.failures
    for name, own in result.weights.items():
        assert name not in before or not np.array_equal(own, before[name].numpy()), name
    for name, scores in result.scores.items():
        assert scores.shape == (1, 2, len(result.test_labels)), name
        assert np.isfinite(scores).all() and len(np.unique(scores[0, 1])) > 150, name
        assert not np.array_equal(scores[0, 0], scores[0, 1]), name


@pytest.mark.parametrize("model", [n for n, m in MODELS.items() if GENERATE not in m.abilities])
def test_replay_from_what_cannot_generate_is_refused_in_one_sentence(model: str) -> None:
    with pytest.raises(InputError) as refused:
        build.prepare(_config(model, "gr"))
    assert str(refused.value) == (
        f"Expected a model that can generate samples, which the strategy gr needs, but "
        f"{model} cannot."
    )


def test_convolutions_train_in_smaller_groups_than_dense_layers() -> None:
    plan = build.prepare(_config("conv-vae", "lower"))
    dense = build.prepare(_config("vae", "lower"))
    at_once = []
    for one in (plan, dense):
        model = one.parts.make_model(one.config, (28, 28), [0])
        weights = 16 * sum(parameter.numel() for parameter in model.parameters())
        memory = model.training_bytes(64)
        assert (memory > weights) == (one is plan)
        at_once.append(max(group_sizes([()] * 100, memory, one.device, 1)))
    assert at_once[0] < 48 * 2**20 // (16 * 190_000)
    assert at_once[1] >= 1


def test_seeds_alone_or_among_others_agree_with_convolutions() -> None:
    alone = Run(build.prepare(_config("conv-vae", "lower", seeds="7,"))).execute(Progress())
    among = Run(build.prepare(_config("conv-vae", "lower", seeds="3,7"))).execute(Progress())
    np.testing.assert_allclose(alone.scores["recon"][0], among.scores["recon"][1], rtol=1e-3)
