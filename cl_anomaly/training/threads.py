"""Threads that do the same work for several parts of a run at a time."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from cl_anomaly.core.products import set_up_processor

# Seconds between a waiting thread's checks for an interrupt.
_PATIENCE = 0.5

T = TypeVar("T")
U = TypeVar("U")


class Stopped(Exception):
    """Another thread has failed, or the program should end."""


class Threads:
    """Up to `count` threads, each of which computes on one core; with one, the calling thread.

    PyTorch lets other threads of Python run while it computes, so these do not wait for each other.
    Unlike threads of OpenMP, they lose little if other processes use the same cores.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = self._new_pool() if count > 1 else None
        self._stopping = threading.Event()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._count, initializer=_set_up)

    def map(self, work: Callable[[T], U], items: Sequence[T]) -> list[U]:
        """Do the work for each item.

        Raises:
            Exception: what one of the calls raised; the others are stopped at their next `check`.
        """
        if self._pool is None:
            return [work(item) for item in items]
        try:
            futures = [self._pool.submit(work, item) for item in items]
            left: set[Future[U]] = set(futures)
            while left:
                # With a timeout: a signal that comes just before is handled only after the wait.
                _, left = wait(left, timeout=_PATIENCE, return_when=FIRST_EXCEPTION)
                _raise_first(futures)
            return [future.result() for future in futures]
        except BaseException:
            # After an interrupt or a failure the others must not go on for hours, not even one
            # that was submitted at the moment of the interrupt.
            self._stopping.set()
            self._pool.shutdown(cancel_futures=True)
            self._pool = self._new_pool()
            self._stopping.clear()
            raise

    def check(self) -> None:
        """Raise `Stopped` if the work that calls this should not go on."""
        if self._stopping.is_set():
            raise Stopped


def _raise_first(futures: Sequence[Future[U]]) -> None:
    for future in futures:
        if future.done() and (error := future.exception()):
            raise error


def _set_up() -> None:
    set_up_processor()
    torch.set_num_threads(1)
