"""Our strategies and Avalanche's, on the same scenario, model, steps and seeds."""

import numpy as np
import pytest

from cl_anomaly import Result, RunConfig, run
from cl_anomaly.models.vae import VAE
from tests.places import ROOT

BATCH_EWC = f"{ROOT / 'benchmarks' / 'batch_ewc.py'}:BatchEWC"
SEEDS = 5


def _run(strategy: str, **options: object) -> Result:
    config = RunConfig(
        dataset="digits",
        strategy=strategy,
        strategy_options=options,
        seeds=SEEDS,
        epochs=10,
        device="cpu",
        precision="float32",
        model_options={"hidden_sizes": [64]},
    )
    return run(config)


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


def test_what_does_nothing_would_not_pass() -> None:
    # The bound tells strategies apart, so that it can fail.
    last = [
        result.metrics.query("task == 9 and metric == 'auroc_seen'")["value"].to_numpy()
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
            "task == 9 and metric == 'auroc_seen' and score == 'recon'"
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
