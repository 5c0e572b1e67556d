"""The same work for several parts of a run at a time, each in a thread of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from cl_anomaly.environment import set_up_processor

T = TypeVar("T")
U = TypeVar("U")


class Stopped(Exception):
    """Another thread has failed, or the program is to end."""


class Threads:
    """Up to so many threads, each of which computes on one core.

    PyTorch lets other threads of Python run while it computes, so these do not wait for each other.
    Unlike threads of OpenMP, they lose little where other processes use the same cores.

    Args:
        count: how many; with one, all work is done where it is asked for.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, initializer=_set_up) if count > 1 else None
        self._stopping = threading.Event()

    def map(self, work: Callable[[T], U], items: Sequence[T]) -> list[U]:
        """Do the work for each item.

        Raises:
            Exception: what one of the calls raised; the others are stopped at their next `check`.
        """
        if self._pool is None:
            return [work(item) for item in items]
        futures: list[Future[U]] = []
        try:
            for item in items:
                futures.append(self._pool.submit(work, item))
            wait(futures, return_when=FIRST_EXCEPTION)
            _raise_first(futures)
            return [future.result() for future in futures]
        finally:
            # After an interrupt, or where one has failed, the others must not go on for hours.
            self._stopping.set()
            for future in futures:
                future.cancel()
            wait(futures)
            self._stopping.clear()

    def check(self) -> None:
        """Called now and then by what runs in a thread.

        Raises:
            Stopped: it should not go on.
        """
        if self._stopping.is_set():
            raise Stopped


def _raise_first(futures: Sequence[Future[U]]) -> None:
    for future in futures:
        if future.done() and (error := future.exception()):
            raise error


def _set_up() -> None:
    set_up_processor()
    torch.set_num_threads(1)
