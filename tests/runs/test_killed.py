"""A run that is killed again and again ends with the bytes of one that nobody has killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import cli

# A checkpoint is taken after every step, and at each task's end: 24 of 3 tasks. Each child goes on
# where the one before was killed: in the first task, at its end, in the second and in the third.
MOMENTS = "step:1,saved:5,saving:10,step:4,step:8,saving:1,saved:12,step:15,saving:3"
WHOLE = (
    *"run --dataset digits --epochs 6 --seeds 2 --task-order 2,1,3 --device cpu --quiet".split(),
    *("--model.hidden-sizes", "[4]"),  # so that a checkpoint takes a moment
)

# Those that keep unlike things: nothing, a part of the model, sums of gradients, samples, and what
# is trained. That all go on to the same bytes, test_resume.py says, in one process.
STRATEGIES = ("lower", "upper", "gr", "ewc", "replay", "vcl")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[int], Path]]:
    """The exit codes of each strategy's children, and its folder of results."""
    outs = {name: tmp_path_factory.mktemp(name) for name in STRATEGIES}
    command = [sys.executable, "-m", "tests.support.killing", f"{MOMENTS},never:0"]
    for name, out in outs.items():
        command += [*WHOLE, "--strategy", name, "--out", str(out), "--"]
    done = subprocess.run(command[:-1], capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[-len(STRATEGIES) :]
    codes = [[int(code) for code in line.split()] for line in lines]
    return dict(zip(outs, zip(codes, outs.values(), strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_killed_again_and_again_a_run_ends_with_the_same_bytes(
    name: str, killed: dict[str, tuple[list[int], Path]], tmp_path: Path
) -> None:
    whole = cli(*WHOLE, "--strategy", name, "--out", tmp_path)
    assert whole.code == 0, whole.err
    codes, out = killed[name]
    assert codes == [-signal.SIGKILL] * 9 + [0]
    folders = [next(place.iterdir()) for place in (tmp_path, out)]
    assert folders[0].name == folders[1].name
    for file in ("metrics.csv", "model.safetensors", "scores.npz", "summary.csv", "config.json"):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes(), file
    assert not (folders[1] / "checkpoints").exists()
