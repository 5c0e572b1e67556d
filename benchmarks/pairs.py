"""Do pairs of runs in one comparison give the same AUROC, and how long did each train?

    python benchmarks/pairs.py results/mnist-compare --pair lower Naive --pair upper Cumulative

Compares the headline AUROC seed by seed, see `agreement.py`.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from agreement import KEYS, agreement


def pair_table(comparison: Path, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """Compare pairs of runs.

    Returns:
        For each pair and score what `agreement` gives after the last task, and beside it the
        largest absolute difference after any task, whether the 95 % confidence interval of the mean
        difference holds 0 after every task, and seconds of training of both, all seeds.
    """
    metrics = pd.read_csv(comparison / "metrics.csv", dtype={"classes": str})
    headline = metrics[metrics["metric"] == "auroc_seen"]
    folders = json.loads((comparison / "runs.json").read_text())
    tables = []
    for pair in pairs:
        first, second = (
            headline[headline["run"] == run]
            .assign(strategy=" / ".join(pair))
            .set_index(KEYS)["value"]
            for run in pair
        )
        after_any = (first - second).abs().groupby("score").max()
        within = _within_after_every_task(first, second)
        seconds = [_seconds(comparison.parent / folders[run]) for run in pair]
        table = agreement(first, second)
        tables.append(
            table.assign(
                largest_after_any_task=table["score"].map(after_any),
                within_after_every_task=table["score"].map(within),
                first_seconds=seconds[0],
                second_seconds=seconds[1],
            )
        )
    return pd.concat(tables, ignore_index=True)


def _within_after_every_task(first: pd.Series, second: pd.Series) -> pd.Series:
    tasks = first.index.get_level_values("task")
    tables = [agreement(first[tasks <= task], second[tasks <= task]) for task in tasks.unique()]
    return pd.concat(tables).groupby("score")["within_seed_noise"].all()


def _seconds(run: Path) -> float:
    return json.loads((run / "timing.json").read_text())["training_seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("comparison", type=Path)
    parser.add_argument("--pair", nargs=2, action="append", required=True, metavar="RUN")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    table = pair_table(arguments.comparison, [tuple(pair) for pair in arguments.pair])
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    if arguments.out:
        table.to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
