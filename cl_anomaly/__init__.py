"""Continual learning in anomaly detection: scenarios, strategies, results.

The names below are loaded on first use, so that `import cl_anomaly` and the
command line's `--help` do not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cl_anomaly.version import __version__

if TYPE_CHECKING:
    from cl_anomaly.api import run
    from cl_anomaly.detector import Detector
    from cl_anomaly.detector.estimator import ContinualAnomalyDetector
    from cl_anomaly.results.suite_results import SuiteResults, read_suite
    from cl_anomaly.runs.reading import read_run
    from cl_anomaly.runs.result import Result
    from cl_anomaly.settings.run_config import RunConfig
    from cl_anomaly.strategies import Strategy

__all__ = [
    "ContinualAnomalyDetector",
    "Detector",
    "Result",
    "RunConfig",
    "Strategy",
    "SuiteResults",
    "__version__",
    "read_run",
    "read_suite",
    "run",
]

_HOME = {
    "ContinualAnomalyDetector": "cl_anomaly.detector.estimator",
    "Detector": "cl_anomaly.detector",
    "Result": "cl_anomaly.runs.result",
    "RunConfig": "cl_anomaly.settings.run_config",
    "Strategy": "cl_anomaly.strategies",
    "SuiteResults": "cl_anomaly.results.suite_results",
    "read_run": "cl_anomaly.runs.reading",
    "read_suite": "cl_anomaly.results.suite_results",
    "run": "cl_anomaly.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
