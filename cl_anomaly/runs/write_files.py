"""The files of a run's folder."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cl_anomaly.core.json_files import write_json
from cl_anomaly.plan.plan import Plan
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.statistics.aurocs import aurocs_by_class
from cl_anomaly.statistics.summary import summarise
from cl_anomaly.store.detectors import write_detector
from cl_anomaly.store.fingerprint import OWN_FILE
from cl_anomaly.store.status import (
    CONFIG_FILE,
    COST_FILE,
    ENVIRONMENT_FILE,
    FIGURE_NAME,
    LOSSES_FILE,
    METRICS_FILE,
    PICTURES_FILE,
    SCORES_FILE,
    SUMMARY_FILE,
    TIMING_FILE,
    StatusName,
    write_status,
)


def write_beginning(run: Plan | RunFolder, folder: Path) -> None:
    """Write the files that are known before a run trains."""
    write_json(folder / CONFIG_FILE, run.config.to_dict())
    write_json(folder / ENVIRONMENT_FILE, run.environment)
    if run.strategy_source is not None:
        (folder / OWN_FILE).write_bytes(run.strategy_source.encode())


def write_results(result: RunFolder, folder: Path) -> None:
    """Write all results of a run."""
    write_beginning(result, folder)
    write_json(folder / TIMING_FILE, result.timing)
    write_json(folder / COST_FILE, result.cost)
    failures = [asdict(failure) for failure in result.failures]
    said = [str(failure) for failure in result.failures]
    status: StatusName = "failed" if failures else "finished"
    write_status(folder, status, said, failures=failures, notes=result.notes)
    result.metrics.to_csv(folder / METRICS_FILE, index=False)
    for name, table in result.threshold_tables.items():
        table.to_csv(folder / name, index=False)
    _write_scores(result, folder)
    np.savez_compressed(folder / PICTURES_FILE, **result.pictures)  # type: ignore[arg-type]
    result.losses.to_csv(folder / LOSSES_FILE, index=False)
    weights, statistics = (
        {name: torch.from_numpy(array) for name, array in arrays.items()}
        for arrays in (result.weights, result.statistics)
    )
    write_detector(folder, result.made_from, weights, statistics)
    if len(result.metrics):
        aurocs = aurocs_by_class(
            result.strategy_name,
            Path(result.config.dataset).name,
            [(replica.anomaly_class, replica.seed) for replica in result.replicas],
            result.headline,
            result.s,
            result.untrained,
            result.seen,
        )
        summarise(aurocs).to_csv(folder / SUMMARY_FILE, index=False)
        _draw(result, folder)


def _draw(result: RunFolder, folder: Path) -> None:
    from cl_anomaly.report.auroc_figure import draw_auroc
    from cl_anomaly.report.canvas import save_figure  # with Matplotlib
    from cl_anomaly.report.run_names import one_line

    line = one_line(result.metrics).assign(run=result.strategy_name)
    save_figure(draw_auroc(line, result.config.shown_score), folder / FIGURE_NAME, ("png",))


def _write_scores(result: RunFolder, folder: Path) -> None:
    arrays: dict[str, Any] = dict(result.scores)
    classes = [replica.anomaly_class for replica in result.replicas]
    if len(set(classes)) > 1:
        arrays["anomaly_classes"] = np.array(classes)
    np.savez_compressed(
        folder / SCORES_FILE,
        labels=result.test_labels,
        test_indices=result.test_indices,
        seeds=np.array([replica.seed for replica in result.replicas]),
        **arrays,
    )
