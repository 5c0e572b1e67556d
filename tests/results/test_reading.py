"""Finished runs, read for figures."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.report.run_names import labelled
from cl_anomaly.results.reading import each_once, read_results
from cl_anomaly.runs.perform import write_run
from tests.support.folders import write_folder


@pytest.fixture(scope="module")
def result() -> RunFolder:
    config = RunConfig(
        dataset="digits", epochs=1, strategy="lower", task_order=[1, 2], device="cpu"
    )
    return run(config)


@pytest.fixture(scope="module")
def folder(result: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(result, tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def metrics(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "metrics.csv")


@pytest.fixture
def without_manifest(folder: Path, tmp_path: Path) -> Path:
    """A copy whose damage no checksum shows."""
    copy = tmp_path / "damaged"
    shutil.copytree(folder, copy)
    (copy / "manifest.json").unlink()
    return copy


def of_strategy(result: RunFolder, name: str) -> RunFolder:
    """The same numbers, under another strategy's name."""
    config = replace(result.config, strategy=name)
    metrics = result.metrics.assign(strategy=name)
    settings = config.to_dict()
    return result.but(config=config, settings=settings, strategy_name=name, metrics=metrics)


def runs_of(*folders: Path) -> list[str]:
    """What a figure calls the runs in these folders."""
    results = each_once(own for folder in folders for own in read_results(folder).lines)
    return labelled(results)[0]["run"].unique().tolist()


def test_results_of_one_run(folder: Path, metrics: pd.DataFrame) -> None:
    (own,) = read_results(folder).lines
    assert (own.name, own.strategy_name, own.score) == ("lower", "lower", "mse")
    assert (own.dataset, own.anomaly_classes, len(own.data)) == ("digits", (0,), 64)
    np.testing.assert_array_equal(own.metrics["value"], metrics["value"])


def test_results_of_different_strategies_names_them_so(result: RunFolder, tmp_path: Path) -> None:
    folders = [write_run(of_strategy(result, name), tmp_path) for name in ("upper", "lower")]
    assert runs_of(*folders) == ["upper", "lower"]


def test_results_tells_runs_of_one_strategy_apart(result: RunFolder, tmp_path: Path) -> None:
    first, second = write_run(result, tmp_path), write_run(result, tmp_path)
    other = write_run(of_strategy(result, "upper"), tmp_path)
    runs = runs_of(first, second, other)
    assert runs == [f"lower, {first.name}", f"lower, {second.name}", "upper"]


def test_results_tells_runs_in_different_places_apart(result: RunFolder, tmp_path: Path) -> None:
    # The same configuration, as on two machines, gives the same folder name.
    folders = [write_run(result, tmp_path / place) for place in ("here", "there")]
    assert runs_of(*folders) == [f"lower, {folder}" for folder in folders]


def test_results_of_a_comparison(result: RunFolder, tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        table = pd.concat([result.metrics.assign(run=name) for name in ("mine", "yours")])
        table.to_csv(folder / "metrics.csv", index=False)
        content = {"score": "mse", "runs": {"mine": {}, "yours": {}}}
        (folder / "config.json").write_text(json.dumps(content))

    comparison = write_folder(tmp_path, "digits-compare", write)
    assert runs_of(comparison) == ["mine", "yours"]
    assert {own.score for own in read_results(comparison).lines} == {"mse"}


def test_results_names_the_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} .*metrics.csv"):
        read_results(tmp_path)


@pytest.mark.parametrize("column", ["strategy", "dataset", "anomaly_class", "value"])
def test_results_names_the_column_that_is_missing(
    without_manifest: Path, metrics: pd.DataFrame, column: str
) -> None:
    # All that a figure needs: otherwise drawing fails, and says less.
    metrics.drop(columns=column).to_csv(without_manifest / "metrics.csv", index=False)
    with pytest.raises(InputError, match=f"{without_manifest}.*{column}"):
        read_results(without_manifest)


@pytest.mark.parametrize(
    "text", [None, "{", "[1]", "\udcff"], ids=["absent", "cut", "list", "bytes"]
)
def test_json_that_cannot_be_read_is_named(without_manifest: Path, text: str | None) -> None:
    config = without_manifest / "config.json"
    config.unlink()
    if text is not None:
        config.write_bytes(text.encode(errors="surrogateescape"))
    for read in (lambda: read_json(config), lambda: read_results(without_manifest).lines):
        with pytest.raises(InputError, match=str(config)):
            read()
