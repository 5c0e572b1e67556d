"""Signals that ask a run to end once it has saved what it has done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# SLURM sends SIGUSR1 some time before it ends a job (`--signal=USR1@60`).
_NAMES = ("SIGINT", "SIGTERM", "SIGUSR1")


@dataclass
class StopRequest:
    """The number of the signal that asked to end, or None."""

    signal: int | None = None


@contextmanager
def stop_requested_by_signals() -> Iterator[StopRequest]:
    """Record signals that would end the process, instead of ending it.

    A second SIGINT raises KeyboardInterrupt at once. An ignored signal stays ignored, as Ctrl-C in
    a shell's background jobs. Outside the main thread, where Python sets no handlers, no signal is
    recorded.
    """
    request = StopRequest()

    def take_note(number: int, frame: Any) -> None:
        if request.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = number

    previous: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        previous = {number: signal.getsignal(number) for number in numbers}
    try:
        for number, handler in previous.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, take_note)
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
