"""The machine of a run: device, precision, threads, memory and versions."""

import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.products import describe_products, processor_way, wanted_threads
from cl_anomaly.version import __version__

_PACKAGES = ("torchvision", "numpy", "scipy", "pandas", "scikit-learn", "avalanche-lib")


def choose_device(device: str) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda"; raise InputError if there is no GPU."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise InputError(
            setting="device",
            expected="a CUDA GPU for {} cuda",
            but="PyTorch finds none here",
            hint="Use cpu, or auto.",
        )
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """Return the type for "auto", "float32" or "bfloat16"; auto is bfloat16 if that is fast.

    That is on a GPU that computes it natively, and on a processor that rounds to it as it
    multiplies (AMX) or that multiplies bfloat16 tensors (avx512_bf16); see `core.products`.

    Raises:
        InputError: the device does not multiply in bfloat16.
    """
    if precision == "float32":
        return torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = processor_way(torch.bfloat16) is not None
    if not native and precision == "bfloat16":
        raise InputError(
            setting="precision",
            expected=f"a {device.type} that multiplies in bfloat16 for {{}} bfloat16",
            but="this one does not",
            hint="Use float32, or auto.",
        )
    return torch.bfloat16 if native else torch.float32


def precision_name(precision: torch.dtype) -> str:
    """Return the name that `--precision` has for a type."""
    return str(precision).removeprefix("torch.")


def now(device: torch.device) -> float:
    """Return the time in seconds, once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def threads_to_use() -> int:
    """Return the number of threads for a run: OMP_NUM_THREADS, otherwise all cores."""
    return wanted_threads() or available_cores()


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_environment(device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    """Return what the results may depend on beside the configuration, for JSON."""
    return {
        "cl_anomaly": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "packages": {"torch": torch.__version__} | _versions(),
        "platform": platform.platform(),
        "processor": _processor(),
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "precision": precision_name(precision),
        "matrix_products": {
            "training": describe_products(precision, device),
            "scores": describe_products(torch.float32, device),
        },
        "threads": torch.get_num_threads(),
    }


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def peak_memory(device: torch.device) -> dict[str, int]:
    """Return the peak memory of this process, and of its GPU if it uses one, in bytes."""
    peak = {"host_bytes": _peak_host_bytes()}
    if device.type == "cuda":
        peak["device_bytes"] = torch.cuda.max_memory_allocated(device)
    return peak


def forget_peak_memory() -> None:
    """Reset the peak memory, if the system can."""
    with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def _peak_host_bytes() -> int:
    try:
        # On Linux, getrusage begins at the peak of the process that started this one.
        lines = Path("/proc/self/status").read_text().splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(peak) * 1024
    except (OSError, ValueError):
        import resource  # missing on Windows

        # macOS counts in bytes, others in KiB.
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@cache
def _git_commit() -> str | None:
    """Return the commit of this package's checkout, or None if it is installed."""
    folder, git = Path(__file__).parent, "git"
    try:
        # If the file is not tracked, the repository around it is another one.
        for arguments in (["ls-files", "--error-unmatch", __file__], ["rev-parse", "HEAD"]):
            done = subprocess.run(  # noqa: S603
                [git, "-C", str(folder), *arguments],
                capture_output=True,
                text=True,
                check=True,
            )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
