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

RULES = ["least", "log-margin", "auto-margin", "softmin", "background"]
CONCEPTS = 5


def config_of(file: Path, strategy: str) -> RunConfig:
    return RunConfig(
        model="gaussians",
        strategy=strategy,
        dataset=str(file),
        scenario="clusters",
        concepts=CONCEPTS,
        score=RULES,
        device="cpu",
    )


def table(config: RunConfig) -> dict[str, float]:
    """Give the number of concepts, and the headline AUROC after the last task by each rule."""
    headline = run(config).headline
    found = {rule: float(headline[rule][0, -1]) for rule in RULES}
    return {"concepts": headline[RULES[0]].shape[1], **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with .npz files that hold X and y")
    rows = {}
    for file in sorted(parser.parse_args().folder.glob("*.npz")):
        own, joint = (table(config_of(file, name)) for name in ("lower", "upper"))
        rows[file.stem] = {**own, "joint": joint["least"]}
        print(file.stem, {name: round(value, 3) for name, value in rows[file.stem].items()})
        sys.stdout.flush()
    frame = pd.DataFrame(rows).T
    frame.loc["mean"] = frame.mean()
    print(frame.round(3).to_string())


if __name__ == "__main__":
    main()
