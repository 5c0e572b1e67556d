"""Do two ways to run the same thing give the same AUROC, but for what seeds do anyway?

    python benchmarks/agreement.py --first FOLDER ... --second FOLDER ... --out agreement.csv

Compares the headline AUROC of some folders of results with that of others, seed by seed.
"""

import argparse
from pathlib import Path

import pandas as pd
from scipy.stats import t

KEYS = ["strategy", "score", "task", "seed"]


def headline(folders: list[Path]) -> pd.Series:
    """The headline AUROC by strategy, score, task and seed."""
    tables = [pd.read_csv(folder / "metrics.csv", dtype={"classes": str}) for folder in folders]
    table = pd.concat(tables)
    return table[table["metric"] == "auroc_seen"].set_index(KEYS)["value"]


def agreement(first: pd.Series, second: pd.Series) -> pd.DataFrame:
    """Compare after the last task, over the seeds that both have.

    Returns:
        For each strategy and score the mean and standard deviation of both, the mean difference of
        the same seed with its 95 % confidence interval (half its width, Student's t), the largest
        absolute difference, and whether the interval holds 0.
    """
    both = pd.DataFrame({"first": first, "second": second}).dropna()
    last = both[both.index.get_level_values("task") == both.index.get_level_values("task").max()]
    last = last.assign(difference=last["first"] - last["second"])
    rows = []
    for (strategy, score), own in last.groupby(["strategy", "score"], sort=False):
        difference = own["difference"]
        rows.append(
            {
                "strategy": strategy,
                "score": score,
                "seeds": len(own),
                "first_mean": own["first"].mean(),
                "first_sd": own["first"].std(),
                "second_mean": own["second"].mean(),
                "second_sd": own["second"].std(),
                "mean_difference": difference.mean(),
                "half_interval": t.ppf(0.975, len(own) - 1) * difference.std() / len(own) ** 0.5,
                "largest_difference": difference.abs().max(),
            }
        )
    table = pd.DataFrame(rows)
    within = table["mean_difference"].abs() <= table["half_interval"]
    return table.assign(within_seed_noise=within)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=Path, nargs="+", required=True)
    parser.add_argument("--second", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    table = agreement(headline(arguments.first), headline(arguments.second))
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    if arguments.out:
        table.to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
