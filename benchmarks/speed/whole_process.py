"""Whole commands, from the start of the process to its end, as a user waits for them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from clock import in_turns, seconds
from report import Row

from cl_anomaly.core.machine import available_cores
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.settings.run_config import RunConfig

HERE = Path(__file__).parent


def command(*arguments: str) -> list[str]:
    """A `cl-anomaly` command in the environment that runs this."""
    return [sys.executable, "-m", "cl_anomaly", *arguments]


def wall_clock(arguments: Sequence[str]) -> float:
    """Run a command in an empty folder, with all cores, and take its time."""
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with tempfile.TemporaryDirectory() as folder:
        run = partial(subprocess.run, cwd=folder, check=True, capture_output=True, env=free)
        return seconds(lambda: run(arguments))


def _dataset(config: RunConfig) -> list[str]:
    root = ["--data-root", str(Path(config.data_root).resolve())] if config.data_root else []
    return ["--dataset", str(config.dataset), *root]


def start(config: RunConfig, repeats: int) -> Iterator[Row]:
    """What everybody waits for: the help, and the first run."""
    gr = command("run", "--strategy", "gr", "--dataset", "digits", "--quiet")
    for arguments, at_most in ((command("--help"), 0.5), (gr, 25.0)):
        what = " ".join(("cl-anomaly", *arguments[3:])).removesuffix(" --quiet")
        taken = [wall_clock(arguments) for _ in range(repeats)]
        yield Row(f"`{what}`, s", median(taken), "whole process", at_most=at_most)


def usual_script(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Generative Replay from the start of the process to the figure, against the usual script.

    Nothing where MNIST is not at hand.
    """
    if config.dataset != "mnist":
        return
    root = next(r for r in data_roots(config.data_root) if (r / "MNIST" / "raw").is_dir())
    epochs = str(config.epochs or 10)
    theirs = [sys.executable, str(HERE / "usual_script.py"), "--data", str(root)]
    theirs += ["--epochs", epochs, "--out", "auroc.png"]
    ours = command("run", "--dataset", "mnist", "--data-root", str(root), "--strategy", "gr")
    ours += ["--strategy.ratio", "1.0", "--model.latent-size", "200", "--batch-size", "32"]
    ours += ["--epochs", epochs, "--quiet"]
    taken = {"usual": [], "one": [], "ten": []}
    for _ in range(repeats):
        taken["usual"].append(wall_clock(theirs))
        taken["one"].append(wall_clock([*ours, "--seeds", "1"]))
        taken["ten"].append(wall_clock([*ours, "--seeds", "10"]) / 10)
    usual, one, ten = (median(taken[name]) for name in ("usual", "one", "ten"))
    what = f"GR on MNIST, latent 200, 32 new + 32 replayed, {epochs} epochs: usual script / ours"
    what += f", {available_cores()} cores"
    yield Row(f"{what}, one seed", usual / one, f"{usual:.0f} / {one:.0f} s", at_least=4)
    yield Row(
        f"{what}, ten seeds, for each seed", usual / ten, f"{usual:.0f} / {ten:.1f} s", at_least=8
    )


def workers(config: RunConfig, repeats: int) -> Iterator[Row]:
    """A comparison of four strategies in one worker process, and in two."""
    arguments = command("compare", "--seeds", "1", "--quiet", "--epochs", "2")
    arguments += _dataset(config)
    measured = in_turns(
        {n: (lambda n=n: wall_clock([*arguments, "--workers", n])) for n in ("1", "2")}, repeats
    )
    yield Row(
        f"`compare` of four strategies, one worker / two on {available_cores()} cores",
        measured["1"] / measured["2"],
        f"{measured['1']:.0f} / {measured['2']:.0f} s",
        at_least=1.8,
    )


_PEAK = """
import sys, torch
from cl_anomaly.core.machine import peak_memory
def peak():
    return peak_memory(torch.device("cpu"))["host_bytes"]
imported = peak()
from cl_anomaly.cli.main import main
main(sys.argv[1:])
print(peak() - imported)
"""


def memory(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Peak above the import of PyTorch, ten replicas of Generative Replay."""
    arguments = [sys.executable, "-c", _PEAK, "run", "--strategy", "gr", "--seeds", "10"]
    arguments += ["--epochs", "1", "--quiet"]
    arguments += _dataset(config)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
    megabytes = int(done.stdout.split()[-1]) / 1e6
    yield Row(
        "peak memory above the import of torch, ten replicas, GR, MB",
        megabytes,
        "all tasks, one epoch each",
        at_most=600,
    )


def figure(config: RunConfig, repeats: int) -> Iterator[Row]:
    """The whole figure on a GPU: four strategies, ten seeds, full MNIST, 10 epochs."""
    arguments = command("compare", "--seeds", "10", "--epochs", "10", "--device", "cuda", "--quiet")
    arguments += _dataset(config)
    taken = median(wall_clock(arguments) for _ in range(repeats))
    yield Row("four strategies, ten seeds, MNIST, 10 epochs: one figure, s", taken, "", at_most=60)
