"""Write the numbers of a comparison or a suite, from which `recorded` reads table and tests."""

from pathlib import Path

import pandas as pd

from cl_anomaly.core.json_files import write_json
from cl_anomaly.results.recorded import OF_A_COMPARISON
from cl_anomaly.results.results import Results
from cl_anomaly.store.status import (
    COST_TABLE,
    METRICS_FILE,
    PAIRS_FILE,
    SUMMARY_FILE,
    TABLE_FILE,
    TESTS_FILE,
)


def write_numbers(folder: Path, results: Results) -> None:
    """Write metrics, costs, summary, table and tests."""
    results.metrics.to_csv(folder / METRICS_FILE, index=False)
    if len(results.costs):
        results.costs.to_csv(folder / COST_TABLE, index=False)
    if results.comparison is None:
        return
    results.summary().to_csv(folder / SUMMARY_FILE, index=False)
    results.table.to_csv(folder / TABLE_FILE, index=False)
    _write_tests(folder, results)


def _write_tests(folder: Path, results: Results) -> None:
    known = {dataset: one for dataset, one in results.comparisons.items() if one is not None}
    pairs = pd.concat(
        [one.pairs.assign(dataset=dataset) for dataset, one in known.items()], ignore_index=True
    )
    pairs.insert(0, "dataset", pairs.pop("dataset"))
    pairs.to_csv(folder / PAIRS_FILE, index=False)
    tests = {
        dataset: {name: getattr(one, name) for name in OF_A_COMPARISON}
        for dataset, one in known.items()
    }
    named = [list(pair) for pair in results.named]
    write_json(folder / TESTS_FILE, {"named": named, "tests": tests})
