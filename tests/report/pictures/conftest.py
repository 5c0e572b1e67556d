"""A small run on digits, which the tests of all kinds of pictures share."""

from pathlib import Path

import pytest

from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.results.reading import read_results
from tests.support.command import run_quietly

TASKS = (3, 1, 2)


def recorded(folder: Path) -> DrawnRun:
    (results,) = read_results(folder).lines
    return DrawnRun(results)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tasks of two epochs, with two seeds."""
    order = ",".join(map(str, TASKS))
    flags = ("--epochs", "2", "--seeds", "5,6", "--task-order", order, "--strategy", "gr")
    return run_quietly(tmp_path_factory.mktemp("pictures"), *flags, "--anomaly-class", "4")


@pytest.fixture
def run(folder: Path) -> DrawnRun:
    return recorded(folder)
