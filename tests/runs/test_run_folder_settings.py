"""That a run's folder keeps what the run was given."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.core.json_files import write_json
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.report.run_names import labelled
from cl_anomaly.results.reading import read_results
from cl_anomaly.runs.perform import write_run
from cl_anomaly.settings.run_config import ResolvedConfig
from tests.support.folders import write_folder

EVERYTHING = {
    "strategy": "lower",
    "dataset": "digits",
    "anomaly_class": 4,
    "task_order": [2, 1, 3],
    "classes_per_task": 2,
    "epochs": 1,
    "batch_size": 40,
    "learning_rate": 0.002,
    "score": "mse",
    "seeds": [3, 7],
    "device": "cpu",
    "precision": "float32",
    "calibration": 0.1,
    "model_options": {
        "latent_size": 3,
        "hidden_sizes": [5],
        "beta": 2.0,
        "reconstruction": "l1",
        "pixel_weights": [0.5] * 64,
    },
}


@pytest.fixture(scope="module")
def unusual() -> RunFolder:
    """A run in which no setting is the default."""
    return run(RunConfig(**EVERYTHING))  # type: ignore[arg-type]


def test_every_setting_is_kept(unusual: RunFolder, tmp_path: Path) -> None:
    folder = write_run(unusual, tmp_path)
    kept = pd.read_json(folder / "config.json", typ="series").to_dict()
    assert {name: kept[name] for name in EVERYTHING} == EVERYTHING
    assert kept.keys() == RunConfig.__dataclass_fields__.keys()
    assert ResolvedConfig.__dataclass_fields__.keys() - kept.keys() == {"dataset_note"}


def test_arrays_name_the_seeds_and_the_places_of_the_samples(
    unusual: RunFolder, tmp_path: Path, digits: Dataset
) -> None:
    with np.load(write_run(unusual, tmp_path) / "scores.npz") as file:
        assert file["seeds"].tolist() == [3, 7]
        np.testing.assert_array_equal(
            digits.test_labels.numpy()[file["test_indices"]], file["labels"]
        )
        assert set(file["labels"].tolist()) == {1, 2, 3, 4}


def _folder(out: Path, name: str, metrics: pd.DataFrame, **settings: object) -> Path:
    def write(folder: Path) -> None:
        write_json(folder / "config.json", {"strategy": "gr", **settings})
        metrics.to_csv(folder / "metrics.csv", index=False)

    return write_folder(out, name, write)


def test_runs_of_one_strategy_are_called_by_what_differs(
    unusual: RunFolder, tmp_path: Path
) -> None:
    first = _folder(tmp_path, "a", unusual.metrics, epochs=3, strategy_options={"ratio": 1.0})
    second = _folder(tmp_path, "b", unusual.metrics, epochs=3, strategy_options={"ratio": 2.0})
    table, remarks = labelled(read_results(first).lines + read_results(second).lines)
    assert table["run"].unique().tolist() == ["lower, ratio 1", "lower, ratio 2"]
    assert not remarks, "options of one strategy are compared"
