"""Saves checkpoints until it is killed, again and again: `python -m tests.saving FOLDER KILLS`.

Each of so many child processes saves states one after another, and is killed at a random moment;
then the last state that loads must be one that was saved whole, not older than the last of which
the child said that it was saved. Forked, so that 200 of them need no 200 imports of PyTorch.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from cl_anomaly.checkpoints import Checkpoints, State

SIZE = 20_000


def save_until_killed(folder: Path, start: int, sender: int) -> None:
    checkpoints = Checkpoints(folder, "run")
    checkpoints.load()
    for number in range(start, start + 1_000_000):
        checkpoints.save(State({"number": number}, {"x": torch.full((SIZE,), float(number))}))
        os.write(sender, number.to_bytes(8, "big"))


def main(folder: Path, kills: int) -> None:
    numbers, last, in_the_middle = random.Random(0), 0, 0  # noqa: S311
    for _ in range(kills):
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            save_until_killed(folder, last + 1, sender)
        os.close(sender)
        time.sleep(numbers.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(receiver, "rb") as said:
            saved = said.read()
        last = max(last, int.from_bytes(saved[-8:], "big"))
        in_the_middle += any(folder.glob(".*partial"))
        state = Checkpoints(folder, "run").load()
        if last == 0 and state is None:
            continue
        assert state is not None, "none loads"
        number = state.values["number"]
        assert last <= number <= last + 1, (last, number)
        assert torch.equal(state.tensors["x"], torch.full((SIZE,), float(number)))
        last = number
    print(last, in_the_middle)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int(sys.argv[2]))
