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
    from cl_anomaly.results.reading import read_suite
    from cl_anomaly.results.results import Results
    from cl_anomaly.results.run_folder import RunFolder, read_run
    from cl_anomaly.settings.run_config import RunConfig
    from cl_anomaly.strategies import Strategy

__all__ = [
    "ContinualAnomalyDetector",
    "Detector",
    "Results",
    "RunConfig",
    "RunFolder",
    "Strategy",
    "__version__",
    "read_run",
    "read_suite",
    "run",
]

_HOME = {
    "ContinualAnomalyDetector": "cl_anomaly.detector.estimator",
    "Detector": "cl_anomaly.detector",
    "Results": "cl_anomaly.results.results",
    "RunConfig": "cl_anomaly.settings.run_config",
    "RunFolder": "cl_anomaly.results.run_folder",
    "Strategy": "cl_anomaly.strategies",
    "read_run": "cl_anomaly.results.run_folder",
    "read_suite": "cl_anomaly.results.reading",
    "run": "cl_anomaly.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
