"""How the rules for distances do on tables: five clusters as tasks, each table by itself.

    python benchmarks/closed_form.py FOLDER

FOLDER holds .npz files with X and y, such as ADBench's.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from cl_anomaly import RunConfig, run

RULES = ["least", "log-margin", "auto-margin", "softmin", "background"]
CONCEPTS = 5


def table(file: Path, strategy: str) -> dict[str, float]:
    """Give the headline AUROC after the last task by each rule."""
    config = RunConfig(
        model="gaussians",
        strategy=strategy,
        dataset=str(file),
        scenario="clusters",
        concepts=CONCEPTS,
        score=RULES,
        device="cpu",
    )
    metrics = run(config).metrics
    last = metrics[(metrics["metric"] == "auroc_seen") & (metrics["task"] == CONCEPTS)]
    return {rule: float(last.loc[last["score"] == rule, "value"].iloc[0]) for rule in RULES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with .npz files that hold X and y")
    rows = {}
    for file in sorted(parser.parse_args().folder.glob("*.npz")):
        own = table(file, "lower")
        rows[file.stem] = {"joint": table(file, "upper")["least"], **{r: own[r] for r in RULES}}
        print(file.stem, {name: round(value, 3) for name, value in rows[file.stem].items()})
        sys.stdout.flush()
    frame = pd.DataFrame(rows).T
    frame.loc["mean"] = frame.mean()
    print(frame.round(3).to_string())


if __name__ == "__main__":
    main()
