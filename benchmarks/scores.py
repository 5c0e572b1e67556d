"""Every anomaly score of a finished run that has one task: the table in docs/scores.md.

    cl-anomaly run --strategy upper --dataset mnist --classes-per-task 9 --anomaly-class all \
        --seeds 3 --epochs 3 --score recon --device cpu --precision float32 --name mnist-joint
    python benchmarks/scores.py results/mnist-joint --out results/reference/scores

Scores that the run recorded are taken from it. Each other one learns the task with the trained
weights where it learns any, and scores the test set; one of more than `--few-above` forward passes
scores each tenth test sample alone. What the table has already is not computed again.
"""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly import RunFolder, read_run
from cl_anomaly.models import MODELS, Model
from cl_anomaly.plan.build import prepare
from cl_anomaly.plan.plan import Plan
from cl_anomaly.scores import SCORES
from cl_anomaly.scores.scoring import reconstructed, score_samples
from cl_anomaly.statistics.detection import auroc
from cl_anomaly.statistics.summary import t_interval

_EACH = 10  # of the test samples, where a score is dear
Scored = tuple[slice, NDArray[np.float32], int]
"""Which replicas, their scores (R, n), and the bytes of statistics of each."""


def trained_model(result: RunFolder, part: slice) -> Model:
    """Make some of the replicas with their trained weights."""
    made, features = result.made_from, tuple(result.made_from["features"])
    model = MODELS[made["model"]](features, made["seeds"][part], **made["model_options"])
    weights = {name: torch.from_numpy(own[part].copy()) for name, own in result.weights.items()}
    model.load_state_dict(weights)
    return model


def scored(
    name: str, result: RunFolder, plan: Plan, part: slice, places: NDArray[np.int64]
) -> Scored:
    """Score test samples with some of the replicas, once the score has learnt what it learns."""
    if name in result.scores:
        among = np.searchsorted(result.test_indices, places)
        own = [own for k, own in result.statistics.items() if k.startswith(f"score.{name}.")]
        kept = sum(array.nbytes for array in own) // len(result.replicas)
        return part, result.scores[name][part, -1][:, among], kept
    model, score = trained_model(result, part), SCORES[name]()
    if score.learns():
        own = [scenario.tasks[0].indices for scenario in plan.scenarios[part]]
        score.learn(reconstructed(model, plan.dataset.train, own))
    scores = score_samples(model, plan.dataset.test, torch.from_numpy(places), [score])[name]
    return part, scores, score.bytes_kept() // len(scores)


def rows_of(
    result: RunFolder, plan: Plan, scored: Scored, places: NDArray[np.int64]
) -> Iterator[Any]:
    """Give a row for each replica, with the AUROC of its anomaly class against all others."""
    labels, (part, scores, kept) = plan.dataset.test_labels.numpy()[places], scored
    for replica, own in zip(result.replicas[part], scores, strict=True):
        is_anomaly = labels == replica.anomaly_class
        yield {
            "anomaly_class": replica.anomaly_class,
            "seed": replica.seed,
            "auroc": auroc(own[~is_anomaly], own[is_anomaly]),
            "test_samples": len(places),
            "bytes_kept": kept,
        }


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the mean over anomaly classes of the means over seeds, and half its 95 % interval."""
    found = []
    for name, own in rows.groupby("score", sort=False):
        classes = own.groupby("anomaly_class")["auroc"].mean()
        found.append(
            {
                "score": name,
                "mean": classes.mean(),
                "half_interval": t_interval(classes.to_numpy()),
                "lowest_class": classes.min(),
                "replicas": len(own),
                "test_samples": own["test_samples"].iloc[0],
                "forward_passes": SCORES[str(name)].passes,
                "bytes_kept": own["bytes_kept"].iloc[0],
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
    given = _arguments()
    result, table = read_run(given.run), given.out / "scores.csv"
    plan = prepare(result.config)
    given.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(given.run / "config.json", given.out / "config.json")
    rows = pd.read_csv(table).to_dict("records") if table.exists() else []
    for name in given.scores.split(","):
        places = result.test_indices[:: _EACH if SCORES[name].passes > given.few_above else 1]
        known = sum(row["score"] == name for row in rows)
        for start in range(known, len(result.replicas), given.replicas):
            part = slice(start, start + given.replicas)
            found = scored(name, result, plan, part, places)
            rows += [{"score": name} | row for row in rows_of(result, plan, found, places)]
            pd.DataFrame(rows).to_csv(table, index=False)
            summary(pd.DataFrame(rows)).to_csv(given.out / "summary.csv", index=False)
            print(name, f"{len(rows)} rows", flush=True)


if __name__ == "__main__":
    main()
