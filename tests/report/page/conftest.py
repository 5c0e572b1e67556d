"""A small comparison on digits, one of whose runs has no results, and its page."""

import json
from pathlib import Path

import pytest

from cl_anomaly.report.page.content import Content
from cl_anomaly.report.page.page import page_of
from cl_anomaly.report.page.run_content import read_content
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.suites.comparison_folder import write_comparison
from tests.support.command import run_quietly

UNSAFE = '<script>alert("x")</script> & <b>gr</b>'
"""What a run is called: HTML that must stay text."""
MISSING = "never ran"
FLAGS = (
    "--seeds 2 --anomaly-class 0,4 --task-order 1,2,3 --calibration 0.2 --score recon,mse".split()
)


def config_of(folder: Path) -> ResolvedConfig:
    return ResolvedConfig(**json.loads((folder / "config.json").read_text()))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three runs of three tasks, two seeds and two anomaly classes, by their names."""
    out = tmp_path_factory.mktemp("page")
    strategies = {"upper": "upper", UNSAFE: "gr", "lower": "lower"}
    return {
        name: run_quietly(out, "--strategy", strategy, *FLAGS)
        for name, strategy in strategies.items()
    }


@pytest.fixture(scope="session")
def comparison(runs: dict[str, Path]) -> Path:
    configs = {name: config_of(folder) for name, folder in runs.items()}
    first = next(iter(configs.values())).to_dict()
    configs[MISSING] = ResolvedConfig(**first | {"strategy": "ewc", "epochs": 7})
    return write_comparison(configs, runs, runs["upper"].parent)


@pytest.fixture(scope="session")
def content(comparison: Path) -> Content:
    return read_content(comparison)


@pytest.fixture(scope="session")
def page(content: Content) -> str:
    return page_of(content)
