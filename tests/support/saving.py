"""Save checkpoints and be killed at every moment: `python -m tests.support.saving FOLDER`.

A child process saves three states one after another, and is killed at its first call that changes
the disk, the next child at the second one, and so on until one is through; files of tensors are cut
in the middle, too. After each, the last state that loads must be whole, and not older than the last
of which the child had said that it was saved. Forked, so that no child imports PyTorch again.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from cl_anomaly.core.state import State
from cl_anomaly.store.checkpoints import Checkpoints

SIZE, SAVES = 2_000, 3

_CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.chmod", "cut", "os.fsync")


def _tensor(number: int) -> torch.Tensor:
    return torch.full((SIZE,), float(number))


def _kill_at(last: int) -> Callable[[str], None]:
    """Have this process killed at so many calls from now on; also tells of calls by hand."""
    calls = [0]

    def hear(event: str, arguments: tuple[Any, ...] = ()) -> None:
        if event not in _CHANGES or (
            event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            return
        calls[0] += 1
        if calls[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)
    return hear


def _save_until_killed(folder: Path, start: int, last: int, sender: int) -> None:
    checkpoints = Checkpoints(folder, "run")
    checkpoints.load()
    tell = _kill_at(last)
    save_file, fsync = safetensors.torch.save_file, os.fsync

    def cut(tensors: dict[str, torch.Tensor], path: Path) -> None:
        content = safetensors.torch.save(tensors)
        path.write_bytes(content[: len(content) // 2])
        tell("cut")
        save_file(tensors, path)

    def synced(descriptor: int) -> None:
        tell("os.fsync")
        fsync(descriptor)

    safetensors.torch.save_file, os.fsync = cut, synced
    for number in range(start, start + SAVES):
        checkpoints.save(State({"number": number}, {"x": _tensor(number)}))
        os.write(sender, number.to_bytes(8, "big"))
    os._exit(0)


def _check(folder: Path, said: int) -> int:
    """The number of the last state that loads."""
    state = Checkpoints(folder, "run").load()
    if said == 0 and state is None:
        return 0
    assert state is not None, "none loads"
    number = state.values["number"]
    assert said <= number <= said + 1, (said, number)
    assert torch.equal(state.tensors["x"], _tensor(number))
    return number


def main(folder: Path) -> None:
    saved, kills, in_the_middle, code = 0, 0, 0, -1
    while code != 0:
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            _save_until_killed(folder, saved + 1, kills + 1, sender)
        os.close(sender)
        with open(receiver, "rb") as pipe:
            said = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, -signal.SIGKILL)
        kills += code != 0
        in_the_middle += any(folder.glob(".*partial"))
        saved = _check(folder, max(saved, int.from_bytes(said[-8:], "big")))
    print(kills, in_the_middle)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
