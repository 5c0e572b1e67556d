"""The command line, called from tests."""

import contextlib
import io
import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cl_anomaly.cli.main import main

# Two tasks of one epoch: all that a run does, in a moment.
SMALL = "--dataset digits --epochs 1 --device cpu --task-order 1,2".split()


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: object
    out: str
    err: str

    @property
    def last_line(self) -> Path:
        return Path(self.out.splitlines()[-1])


class _Stream(io.TextIOWrapper):
    """What a terminal's stream is: characters over bytes, in which all can be written."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", "backslashreplace", "", write_through=True)

    def text(self) -> str:
        self.flush()
        self.seek(0)
        return self.read()


def cli(*arguments: str | Path) -> Done:
    """Run a command in this process; an error that is no exit is the test's."""
    out, err, code = _Stream(), _Stream(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
    return Done(code, out.text(), err.text())


def run_quietly(out: Path, *arguments: str | Path) -> Path:
    """Run, and return the run's folder."""
    done = cli("run", *SMALL, "--out", out, "--quiet", *arguments)
    assert done.code == 0, done.err
    return done.last_line


def config_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / "config.json").read_text())


def plain(shown: str) -> str:
    """What was said, without the frames around it."""
    return " ".join(shown.translate(str.maketrans("│╭╮╰╯─", "      ")).split())


def open_interruptible(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that it hears Ctrl-C.

    A shell lets its background jobs ignore it, and what is ignored stays so in a process that is
    started: these tests may be such a job.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, previous)
