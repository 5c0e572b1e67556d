"""How the rules for distances do on tables: five clusters as tasks, each table by itself.

    python benchmarks/closed_form.py FOLDER

FOLDER holds .npz files with X and y, such as those of ADBench. A table that does not make five
clusters that are large enough has as many as it makes.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from cl_anomaly import RunConfig, run
from cl_anomaly.errors import InputError
from cl_anomaly.runs.build import prepare

RULES = ["least", "log-margin", "auto-margin", "softmin", "background"]
CONCEPTS = 5


def concepts_of(file: Path) -> int:
    """Say how many clusters there are, five or fewer."""
    for concepts in range(CONCEPTS, 2, -1):
        try:
            prepare(config_of(file, "lower", concepts))
        except InputError:
            continue
        return concepts
    return 2


def config_of(file: Path, strategy: str, concepts: int) -> RunConfig:
    return RunConfig(
        model="gaussians",
        strategy=strategy,
        dataset=str(file),
        scenario="clusters",
        concepts=concepts,
        score=RULES,
        device="cpu",
    )


def table(config: RunConfig) -> dict[str, float]:
    """Give the headline AUROC after the last task by each rule."""
    metrics = run(config).metrics
    last = metrics[(metrics["metric"] == "auroc_seen") & (metrics["task"] == config.concepts)]
    return {rule: float(last.loc[last["score"] == rule, "value"].iloc[0]) for rule in RULES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with .npz files that hold X and y")
    rows = {}
    for file in sorted(parser.parse_args().folder.glob("*.npz")):
        concepts = concepts_of(file)
        own, joint = (table(config_of(file, name, concepts)) for name in ("lower", "upper"))
        rows[file.stem] = {"concepts": concepts, "joint": joint["least"], **own}
        print(file.stem, {name: round(value, 3) for name, value in rows[file.stem].items()})
        sys.stdout.flush()
    frame = pd.DataFrame(rows).T
    frame.loc["mean"] = frame.mean()
    print(frame.round(3).to_string())


if __name__ == "__main__":
    main()
