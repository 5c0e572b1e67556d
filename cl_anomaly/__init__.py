"""Continual learning in anomaly detection: scenarios, strategies, results.

The one door: what runs and reads results, and what someone builds a strategy, a model or a score
on. The names are loaded on first use, so that `import cl_anomaly` and the command line's `--help`
do not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cl_anomaly.version import __version__

if TYPE_CHECKING:
    from cl_anomaly.api import run
    from cl_anomaly.core.errors import InputError
    from cl_anomaly.data.dataset import Dataset, Samples
    from cl_anomaly.data.datasets import load_dataset
    from cl_anomaly.detector import Detector
    from cl_anomaly.detector.estimator import ContinualAnomalyDetector
    from cl_anomaly.models.base import Model
    from cl_anomaly.models.shared.autoencoder import Autoencoder
    from cl_anomaly.results.reading import read_suite
    from cl_anomaly.results.results import Results
    from cl_anomaly.results.run_folder import RunFolder, read_run
    from cl_anomaly.scenarios.base import Task
    from cl_anomaly.scenarios.class_stream import build_scenario
    from cl_anomaly.scores.base import LearntScore, Score
    from cl_anomaly.settings.run_config import RunConfig
    from cl_anomaly.strategies import find_strategy
    from cl_anomaly.strategies.base import Strategy

__all__ = [
    "Autoencoder",
    "ContinualAnomalyDetector",
    "Dataset",
    "Detector",
    "InputError",
    "LearntScore",
    "Model",
    "Results",
    "RunConfig",
    "RunFolder",
    "Samples",
    "Score",
    "Strategy",
    "Task",
    "__version__",
    "build_scenario",
    "find_strategy",
    "load_dataset",
    "read_run",
    "read_suite",
    "run",
]

_HOME = {
    "Autoencoder": "cl_anomaly.models.shared.autoencoder",
    "ContinualAnomalyDetector": "cl_anomaly.detector.estimator",
    "Dataset": "cl_anomaly.data.dataset",
    "Detector": "cl_anomaly.detector",
    "InputError": "cl_anomaly.core.errors",
    "LearntScore": "cl_anomaly.scores.base",
    "Model": "cl_anomaly.models.base",
    "Results": "cl_anomaly.results.results",
    "RunConfig": "cl_anomaly.settings.run_config",
    "RunFolder": "cl_anomaly.results.run_folder",
    "Samples": "cl_anomaly.data.dataset",
    "Score": "cl_anomaly.scores.base",
    "Strategy": "cl_anomaly.strategies.base",
    "Task": "cl_anomaly.scenarios.base",
    "build_scenario": "cl_anomaly.scenarios.class_stream",
    "find_strategy": "cl_anomaly.strategies",
    "load_dataset": "cl_anomaly.data.datasets",
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
