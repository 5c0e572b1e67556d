"""Choose the strategies' default hyperparameters on `digits`, by a grid that is written down here.

    python benchmarks/tune.py --out results/reference/tuning

The rule: on `digits`, with the classes 1, 4 and 8 as the anomaly in turn, one seed and 20 epochs,
the default is the value whose headline AUROC after the last task (score `mse`) has the highest mean
over the three, on a fifth of the training set that is held out. No test image is looked at. One
option is tried at a time, after those above it have been set. A grid is widened by its own step
while the best value lies on an edge of it, four times at most; a value that still does is named.
"""

import argparse
import csv
import time
from pathlib import Path
from typing import Any

from cl_anomaly import RunConfig, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.strategies import strategies
from cl_anomaly.suites.tuning import MOST_WIDENINGS, beyond

GRID: dict[str, dict[str, list[Any]]] = {
    "lower": {},
    "gr": {},
    "gr-conditional": {},
    "si": {"c": [1.0, 10.0, 100.0, 1000.0]},
    "mas": {"lam": [0.1, 1.0, 10.0, 100.0]},
    "l2": {"lam": [1.0, 10.0, 100.0, 1000.0]},
    "lwf": {"lam": [0.1, 1.0, 10.0]},
    "ewc-offline": {"lam": [100.0, 1000.0, 10000.0]},
    "gr-distill": {"lam": [0.1, 1.0, 10.0]},
    "der": {"alpha": [0.1, 1.0, 10.0]},
    "vcl": {"lam": [0.01, 0.1, 1.0], "sigma": [0.001, 0.01]},
    "replay": {"ratio": [1.0, "proportional"]},
}
COLUMNS: tuple[str, ...] = ("strategy", "option", "value", "auroc", "seconds")


def measured(strategy: str, options: dict[str, Any]) -> tuple[float, float]:
    """Train, and give the mean headline AUROC after the last task, and the seconds it took."""
    started = time.perf_counter()
    result = run(
        RunConfig(
            strategy=strategy,
            strategy_options=options,
            dataset="digits",
            held_out=0.2,
            anomaly_class=[1, 4, 8],
            epochs=20,
            device="cpu",
            precision="float32",
            score="mse",
        )
    )
    return float(result.headline["mse"][:, -1].mean()), time.perf_counter() - started


def tuned(strategy: str) -> list[dict[str, Any]]:
    """Try the grid of a strategy, an option after the other; one row for each run."""
    rows, chosen = [], {}
    if not GRID[strategy]:
        auroc, seconds = measured(strategy, {})
        rows.append(dict(zip(COLUMNS, (strategy, "", "", auroc, seconds), strict=True)))
    for option, values in GRID[strategy].items():
        results: dict[Any, float] = {}
        waiting = list(values)
        while waiting:
            value = waiting.pop(0)
            try:
                results[value], seconds = measured(strategy, chosen | {option: value})
            except InputError:  # the edge is the option's own
                break
            own = (strategy, option, value, results[value], seconds)
            rows.append(dict(zip(COLUMNS, own, strict=True)))
            print(*own, flush=True)
            if not waiting and len(results) < len(values) + MOST_WIDENINGS:
                waiting += beyond({option: list(results)}, {option: best_of(results)}).values()
        chosen[option] = best_of(results)
        if beyond({option: list(results)}, chosen):
            print(f"warning: {strategy}: {option} = {chosen[option]} lies on an edge", flush=True)
    return rows


def best_of(results: dict[Any, float]) -> Any:
    """Give the value with the highest AUROC, the first of equal ones."""
    return max(results, key=lambda value: results[value])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--strategies", nargs="*", default=list(GRID), choices=sorted(strategies()))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for strategy in arguments.strategies:
        with (arguments.out / f"{strategy}.csv").open("w", newline="") as file:
            table: csv.DictWriter[str] = csv.DictWriter(file, list(COLUMNS))
            table.writeheader()
            table.writerows(tuned(strategy))


if __name__ == "__main__":
    main()
