"""16 processes that write 100 runs into one folder: `python -m tests.support.writing FOLDER`.

Two want each name, in different processes and at the same time. Prints seed and folder of each run.
Forked after a run, so that no child imports anything again. Pictures are empty files: to draw them
would take most of the time, and they are written like the others.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from cl_anomaly import RunConfig
from cl_anomaly.core.progress import Progress
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.perform import perform

PROCESSES, RUNS = 16, 100


def _config(seed: int) -> RunConfig:
    return RunConfig(
        dataset="digits",
        strategy="lower",
        epochs=1,
        task_order=[1],
        seeds=[seed],
        device="cpu",
        model_options={"hidden_sizes": [4]},
    )


def _write(out: Path, place: int) -> None:
    for number in range(place, RUNS, PROCESSES):
        config = _config(number % (RUNS // 2))
        done = perform(prepare(config), out, lambda _: Progress(), again=True)
        # In one call, so that no line is cut by another process.
        os.write(1, f"{number % (RUNS // 2)} {done.folder}\n".encode())


def _save_nothing(_: Figure, file: Path, **__: Any) -> None:
    file.touch()


def _child(out: Path, place: int) -> None:
    code = 1
    try:
        _write(out, place)
        code = 0
    finally:
        os._exit(code)


def main(out: Path) -> None:
    setattr(Figure, "savefig", _save_nothing)  # noqa: B010
    with tempfile.TemporaryDirectory() as folder:
        perform(prepare(_config(0)), Path(folder), lambda _: Progress())
    children = []
    for place in range(PROCESSES):
        if (child := os.fork()) == 0:
            _child(out, place)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(max(map(abs, codes)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
