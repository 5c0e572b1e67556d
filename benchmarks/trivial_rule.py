"""How far one feature goes alone: the distance to the nearest value that it has in training.

    python benchmarks/trivial_rule.py FILE.npz
    python benchmarks/trivial_rule.py FILE.npz --feature 2

FILE holds a stream of concepts (train_x_K, test_x_K, test_y_K). All concepts are known, as after
the last task, and all anomalies are set against all normal test samples, as the headline AUROC
does. A detector says something where it is far ahead of this rule.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from cl_anomaly.core.labels import ANOMALOUS
from cl_anomaly.data.concept_file import read_concepts


def distances(test: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the distance of each of n numbers to the nearest of several values, (n,)."""
    return np.abs(test[:, None] - values).min(axis=1)


def trivial_auroc(file: Path, feature: int) -> tuple[float, int]:
    """Give the rule's AUROC, and how many values the feature has in training."""
    x_train, _, x_test, y_test = read_concepts(file)
    values = np.unique(x_train[:, feature])
    is_anomalous = np.char.startswith(y_test, ANOMALOUS)
    return float(roc_auc_score(is_anomalous, distances(x_test[:, feature], values))), len(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--feature", type=int, help="its column, from 0; all of them by default")
    given = parser.parse_args()
    count = read_concepts(given.file).x_train.shape[1]
    for feature in range(count) if given.feature is None else [given.feature]:
        auroc, values = trivial_auroc(given.file, feature)
        print(f"feature {feature}: {values} values in training, AUROC {auroc:.3f}")


if __name__ == "__main__":
    main()
