"""Our strategies and Avalanche's, on the same scenario, model, steps and seeds."""

from functools import cache

import numpy as np
import pytest

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.models.vae import VAE
from tests.support.places import ROOT

BATCH_EWC = f"{ROOT / 'benchmarks' / 'batch_ewc.py'}:BatchEWC"
SEEDS = 5
TASKS = (1, 2, 3, 4, 5)


@cache
def _result(
    strategy: str, *options: tuple[str, object], order: tuple[int, ...] = TASKS
) -> RunFolder:
    config = RunConfig(
        task_order=order,
        dataset="digits",
        strategy=strategy,
        strategy_options=dict(options),
        seeds=SEEDS,
        epochs=5,
        learning_rate=0.002,
        device="cpu",
        precision="float32",
        model_options={"hidden_sizes": [64]},
    )
    return run(config)


def _run(strategy: str, **options: object) -> RunFolder:
    """Give the result of a run, which several tests read."""
    return _result(strategy, *options.items())


PAIRS = {
    "naive": (("lower", {}), ("avalanche:Naive", {})),
    "cumulative": (("upper", {}), ("avalanche:Cumulative", {})),
    "replay": (
        ("gr", {}),
        ("avalanche:GenerativeReplay", {"increasing_replay_size": True}),
    ),
    # Avalanche has no 1/2 in its penalty.
    "ewc": (
        (BATCH_EWC, {"lam": 1000.0, "batch_size": 32}),
        ("avalanche:EWC", {"ewc_lambda": 500.0, "mode": "online", "decay_factor": 1.0}),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS.keys())
def test_auroc_agrees_after_every_task(
    ours: tuple[str, dict[str, object]], theirs: tuple[str, dict[str, object]]
) -> None:
    one, other = (_run(name, **options).metrics for name, options in (ours, theirs))
    keys = ["seed", "task", "classes", "score", "metric"]
    assert one[keys].equals(other[keys])
    # Not only within the noise of the seeds: the same order, noise and first weights are drawn.
    headline = one["metric"] == "auroc_seen"
    differences = (one["value"] - other["value"])[headline].abs()
    spread = one[headline].groupby(["task", "score"])["value"].std()
    assert differences.max() < 0.01 < spread.max()


# Those whose memory or path is not drawn alike: within the seeds' noise. A-GEM's memory is a
# reservoir here, and as many samples of each task there. SI's path is that of the task's loss here,
# and that of the whole loss there; a large damping keeps Avalanche's fixed limit of 0.001 away.
ALIKE = {
    "stored": (("replay", {"samples": 300, "ratio": 1.0}), ("avalanche:Replay", {"mem_size": 300})),
    "agem": (
        ("agem", {"samples": 297, "reference": 64}),
        ("avalanche:AGEM", {"patterns_per_exp": 33, "sample_size": 64}),
    ),
    "si": (
        ("si", {"c": 1e8, "damping": 1e5}),
        ("avalanche:SI", {"si_lambda": 2e8, "eps": 1e5}),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), ALIKE.values(), ids=ALIKE.keys())
def test_auroc_agrees_within_the_noise_of_the_seeds(
    ours: tuple[str, dict[str, object]], theirs: tuple[str, dict[str, object]]
) -> None:
    # Four tasks: Avalanche's own loops take their time.
    one, other, lower = (
        _result(name, *options.items(), order=(1, 2, 3, 4))
        .metrics.query("metric == 'auroc_seen' and score == 'mse' and task > 1")
        .groupby("seed")["value"]
        .mean()
        for name, options in (ours, theirs, ("lower", {}))
    )
    noise = np.sqrt((one.var() + other.var()) / SEEDS)
    assert abs(one.mean() - other.mean()) < 3 * noise
    # And not because nothing is done.
    for own in (one, other):
        assert (own - lower).abs().mean() > 0.01


def test_what_does_nothing_would_not_pass() -> None:
    # The bound tells strategies apart, so that it can fail.
    last = [
        result.metrics.query("task == 5 and metric == 'auroc_seen'")["value"].to_numpy()
        for result in (
            _run("avalanche:Naive"),
            _run("avalanche:Cumulative"),
            _run("avalanche:GenerativeReplay", increasing_replay_size=True),
            _run("avalanche:EWC", ewc_lambda=500.0, mode="online", decay_factor=1.0),
        )
    ]
    for place, one in enumerate(last):
        for other in last[place + 1 :]:
            assert np.abs(one - other).max() > 0.02


@pytest.mark.parametrize(
    ("name", "options", "weak"),
    [
        ("SI", {"si_lambda": 1e6}, {"si_lambda": 0.0}),
        ("Replay", {"mem_size": 300}, {"mem_size": 9}),
    ],
)
def test_others_do_something_against_forgetting(
    name: str, options: dict[str, object], weak: dict[str, object]
) -> None:
    strong, naive = (
        _run(f"avalanche:{name}", **own).metrics.query(
            "task == 5 and metric == 'auroc_seen' and score == 'recon'"
        )["value"]
        for own in (options, weak)
    )
    assert strong.mean() > naive.mean() + 0.02


def test_the_model_is_ours() -> None:
    result = _run("avalanche:Naive")
    expected = VAE((8, 8), range(SEEDS), hidden_sizes=(64,)).state_dict()
    assert {name: own.shape for name, own in result.weights.items()} == {
        name: own.shape for name, own in expected.items()
    }
