"""Every anomaly score of a finished run with one task: the table in docs/scores.md.

    cl-anomaly run --strategy upper --dataset mnist --classes-per-task 9 --anomaly-class all \
        --seeds 3 --epochs 3 --score recon --device cpu --precision float32 --name mnist-joint
    python benchmarks/scores.py results/mnist-joint --out results/reference/scores

Takes the trained weights, lets each score learn the task where it learns any, and scores the test
set. What takes more than `--few-above` forward passes scores each tenth test sample alone. A score
that is in the table already is not computed again.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly import Result, read_run
from cl_anomaly.evaluation.metrics import auroc
from cl_anomaly.evaluation.scores import SCORES, Score
from cl_anomaly.evaluation.scoring import reconstructed, score_samples
from cl_anomaly.evaluation.statistics import t_interval
from cl_anomaly.models import MODELS, Model
from cl_anomaly.runs.build import Plan, prepare

_EACH = 10  # of the test samples, where a score is dear


def trained_models(result: Result, size: int) -> Iterator[tuple[slice, Model]]:
    """Give the trained replicas, so many at a time, and which they are."""
    made, features = result.made_from, tuple(result.made_from["features"])
    for start in range(0, len(result.replicas), size):
        part = slice(start, start + size)
        model = MODELS[made["model"]](features, made["seeds"][part], **made["model_options"])
        weights = {k: torch.from_numpy(own[part].copy()) for k, own in result.weights.items()}
        model.load_state_dict(weights)
        yield part, model


def rows_of(
    name: str, result: Result, plan: Plan, size: int, few: bool
) -> Iterator[dict[str, Any]]:
    """Score with every replica; gives a row for each, with its AUROC."""
    own = result.test_indices[:: _EACH if few else 1]
    labels = plan.dataset.test_labels.numpy()[own]
    for part, model in trained_models(result, size):
        score, scenarios = SCORES[name](), plan.scenarios[part]
        seconds = [_learn(score, model, plan, [s.tasks[0].indices for s in scenarios])]
        started = time.perf_counter()
        scores = score_samples(model, plan.dataset.test, torch.from_numpy(own), [score])[name]
        seconds.append(time.perf_counter() - started)
        for replica, values in zip(result.replicas[part], scores, strict=True):
            yield {
                "score": name,
                "anomaly_class": replica.anomaly_class,
                "seed": replica.seed,
                "auroc": _auroc(values, labels == replica.anomaly_class),
                "test_samples": len(own),
                "learning_seconds": seconds[0] / len(scores),
                "seconds_per_1000": 1000 * seconds[1] / scores.size,
                "bytes_kept": score.bytes_kept() // len(scores),
            }


def _learn(score: Score, model: Model, plan: Plan, indices: Sequence[torch.Tensor]) -> float:
    started = time.perf_counter()
    if score.learns():
        score.learn(reconstructed(model, plan.dataset.train, indices))
    return time.perf_counter() - started


def _auroc(scores: NDArray[np.float32], anomalous: NDArray[np.bool_]) -> float:
    return auroc(scores[~anomalous], scores[anomalous])


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the mean over anomaly classes of the means over seeds, and half its 95 % interval."""
    found = []
    for name, own in rows.groupby("score", sort=False):
        classes = own.groupby("anomaly_class")["auroc"].mean()
        costs = own[["learning_seconds", "seconds_per_1000"]].median()
        found.append(
            {
                "score": name,
                "mean": classes.mean(),
                "half_interval": t_interval(classes.to_numpy()),
                "lowest_class": classes.min(),
                "classes": len(classes),
                "seeds": own["seed"].nunique(),
                "test_samples": own["test_samples"].iloc[0],
                "forward_passes": SCORES[str(name)].passes,
                "bytes_kept": own["bytes_kept"].iloc[0],
                **costs.round(3),
            }
        )
    return pd.DataFrame(found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--scores", default=",".join(SCORES), help="names, separated by commas")
    parser.add_argument("--few-above", type=float, default=10, help="forward passes")
    parser.add_argument("--replicas", type=int, default=3, help="at a time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the table")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    result = read_run(arguments.run)
    plan, table = prepare(result.config), arguments.out / "scores.csv"
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(arguments.run / "config.json", arguments.out / "config.json")
    parts = [pd.read_csv(table)] if table.exists() else []
    for name in arguments.scores.split(","):
        if any(name in set(part["score"]) for part in parts):
            continue
        few = SCORES[name].passes > arguments.few_above
        parts.append(pd.DataFrame(rows_of(name, result, plan, arguments.replicas, few)))
        rows = pd.concat(parts, ignore_index=True)
        rows.to_csv(table, index=False)
        summary(rows).to_csv(arguments.out / "summary.csv", index=False)
        print(json.dumps(summary(parts[-1]).iloc[0].to_dict(), default=float), flush=True)


if __name__ == "__main__":
    main()
