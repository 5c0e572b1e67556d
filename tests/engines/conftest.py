"""What tests of engines share."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cl_anomaly.engines.base import Job, Outcome
from cl_anomaly.engines.local import LocalEngine
from tests.engines.elsewhere import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def local(runs: Runs) -> Callable[[list[Job]], Outcome]:
    """What the same jobs give in processes of this machine."""

    def performed(jobs: list[Job]) -> Outcome:
        out = runs.folder / "local"
        return runs.performed(LocalEngine(1), [replace(job, out=out) for job in jobs])

    return performed
