"""What identifies a run and finds its results, without data or weights; kept between calls.

To work it out, the run's data is loaded and its code is read. What comes of it follows from the
settings, the data, this package, the libraries and the machine: it is kept under the SHA-256 of all
these, so that a finished run is found without PyTorch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.labels import Label
from cl_anomaly.data.dataset_names import absolute, located
from cl_anomaly.data.downloads import cache_folder, data_roots
from cl_anomaly.data.files import sha256_of_data
from cl_anomaly.settings.catalogue import names_of
from cl_anomaly.settings.python_values import GivenModel
from cl_anomaly.settings.run_config import ResolvedConfig, RunConfig

if TYPE_CHECKING:
    from cl_anomaly.plan.plan import Plan
    from cl_anomaly.plan.specification import Specification

_IDENTIFYING = ("data_sha256", "strategy_sha256", "code", "device", "precision")
_PACKAGE = Path(__file__).parent.parent
# The others choose device and precision, or bring the data of `digits` along.
_LIBRARIES = ("torch", "numpy", "scikit-learn")
# Variables of the environment that have a say in it, too.
_CHOOSING = ("CUDA_", "ONEDNN_", "DNNL_", "MKL_", "ATEN_")
_KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, eq=False)
class Outline:
    """A planned run as its results know it.

    Attributes:
        settings: of its configuration, with every default filled in.
        folder: the name of its folder.
        environment: what of it identifies the run: data and code, device and precision.
        strategy_name: what the strategy is called in results.
        dataset: its name.
        data_note: what a person should know of the data.
        data_sha256: of the data as it was read, before anything was held out of it.
        replicas: anomaly class and seed of each.
        tasks: how many each of them learns.
    """

    settings: dict[str, Any]
    folder: str
    environment: dict[str, Any]
    strategy_name: str
    dataset: str
    data_note: str | None
    data_sha256: str
    replicas: list[list[Label]]
    tasks: int

    @property
    def config(self) -> ResolvedConfig:
        """Its configuration."""
        return ResolvedConfig(**self.settings)

    @cached_property
    def plan(self) -> Plan:
        """The plan, with data and classes.

        Raises:
            InputError: something of it does not exist any more.
        """
        from cl_anomaly.plan.build import prepare

        return prepare(self.config)


def kept_outline(config: RunConfig) -> Outline | None:
    """Return the outline that was worked out for the same settings, data and code, if it was."""
    if (path := _place(config)) is None:
        return None
    try:
        return Outline(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def outline_of(config: RunConfig, specification: Specification | None = None) -> Outline:
    """Work the outline of a run out, and keep it.

    Args:
        config: its settings.
        specification: made of them, if it has been.

    Raises:
        InputError, RunError: as in `prepare`.
    """
    from cl_anomaly.plan.build import prepare

    plan = prepare(specification or config)
    outline = _outline(plan)
    if (path := _place(config)) is not None:
        with suppress(OSError):  # on a disk that is full or read-only
            _keep(path, json.dumps(asdict(outline)))
    vars(outline)["plan"] = plan
    return outline


def _outline(plan: Plan) -> Outline:
    config = plan.config
    return Outline(
        json.loads(json.dumps(config.to_dict() | {"dataset_note": config.dataset_note})),
        plan.folder,
        {name: plan.environment[name] for name in _IDENTIFYING},
        plan.strategy_name,
        plan.dataset.name,
        plan.dataset.note,
        plan.read_sha256,
        [[replica.anomaly_class, replica.seed] for replica in plan.replicas],
        len(plan.scenarios[0].tasks),
    )


def _keep(path: Path, content: str) -> None:
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        _remove_old(path.parent.parent)
    partial = path.with_suffix(f".{uuid.uuid4().hex}")
    partial.write_text(content, encoding="utf-8")
    os.replace(partial, path)


def _remove_old(folder: Path) -> None:
    """Remove what other versions of this package have not written to for a month."""
    for path in folder.iterdir():
        if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _place(config: RunConfig) -> Path | None:
    """Name the file of an outline; None if what it follows from cannot be known beforehand."""
    is_ours = config.strategy in names_of("strategy")
    if config.dataset is None or not is_ours or isinstance(config.model, GivenModel):
        return None
    dataset = absolute(located(config.dataset, data_roots(config.data_root)))
    if (data := sha256_of_data(dataset, config.data_root)) is None:
        return None
    note = getattr(config, "dataset_note", None)
    settings = config.to_dict() | {"dataset": dataset, "dataset_note": note}
    content = json.dumps([settings, data, _machine()], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()
    return cache_folder() / "plans" / package_sha256()[:16] / f"{key}.json"


@cache
def package_sha256() -> str:
    """Return the SHA-256 of this package's source."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(_PACKAGE)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _machine() -> list[Any]:
    """List what device and precision are chosen by, and the versions of the libraries."""
    graphics = sorted(path.name for path in Path("/dev").glob("nvidia*"))
    variables = {k: v for k, v in os.environ.items() if k.startswith(_CHOOSING)}
    variables.pop("MKL_CBWR", None)  # set by `core.products`, in processes that compute
    versions = [platform.python_version(), *(_version(name) for name in _LIBRARIES)]
    return [platform.node(), platform.machine(), _processor(), graphics, variables, versions]


def _processor() -> list[str]:
    """List the processor's model and instructions, where the system says so."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return sorted({line for line in lines if line.startswith(("model name", "flags"))})
    return [platform.processor()]


def _version(name: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(name)
    return None
