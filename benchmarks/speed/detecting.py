"""A trained detector at work: one sample at a time, and a long file."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from report import Row

from cl_anomaly import ContinualAnomalyDetector
from cl_anomaly.detector import Blueprint, Detector
from cl_anomaly.models.vae import VAE
from cl_anomaly.settings.run_config import RunConfig

# On Linux a process begins with the peak of the one that started it: a small one has to.
_PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)"
)
_FEATURES, _ROWS = 64, 1_000_000


def detecting(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Latency of one 28x28 image, of a line of a live feed, and memory of a million rows."""
    yield _one_image(repeats)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = np.random.default_rng(0).random((200, _FEATURES), dtype=np.float32)
        fitted = ContinualAnomalyDetector(epochs=1, random_state=0).fit(x)
        fitted._detector.save(folder / "detector")
        yield _one_line(folder, x)
        yield _many_rows(folder)


def _one_image(repeats: int) -> Row:
    blueprint = Blueprint("vae", {}, (28, 28), 1 / 255, "mse", (0,), (1,))
    detector, taken = Detector(blueprint, [VAE((28, 28), [0])]), []
    x = np.random.default_rng(0).random((1, 28, 28), dtype=np.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(200 * repeats):
        started = perf_counter()
        detector.score(x)
        taken.append(perf_counter() - started)
    torch.set_num_threads(threads)
    detail = f"99 % below {1e3 * np.percentile(taken, 99):.2f}, one core"
    return Row("one image through a loaded `vae`, ms", 1e3 * median(taken), detail, at_most=1.0)


def _score(folder: Path, source: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "cl_anomaly",
        "score",
        str(folder / "detector"),
        "--input",
        source,
    ]


def _one_line(folder: Path, x: np.ndarray) -> Row:
    taken = []
    with subprocess.Popen(  # noqa: S603
        _score(folder, "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout  # noqa: S101
        for sample in x:
            started = perf_counter()
            print(json.dumps(sample.tolist()), file=process.stdin, flush=True)
            process.stdout.readline()
            taken.append(perf_counter() - started)
        process.stdin.close()
    detail = f"slowest after the first {1e3 * max(taken[1:]):.1f}"
    return Row("a line of a live feed, 64 features, ms", 1e3 * median(taken), detail, at_most=10)


def _many_rows(folder: Path) -> Row:
    path = folder / "rows.npy"
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (_ROWS, _FEATURES))
    rows[:] = 0.5
    rows.flush()
    started = perf_counter()
    command = [*_score(folder, str(path)), "--output", str(folder / "scores.csv")]
    said = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _PEAK, *command], check=True, capture_output=True, text=True
    )
    seconds, peak = perf_counter() - started, float(said.stdout)
    return Row(
        "a million rows of 64 features from a file, GB of memory",
        peak,
        f"{seconds:.0f} s",
        at_most=1.0,
    )
