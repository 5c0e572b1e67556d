"""Work in threads: results in their order, and an end to all of it when one fails."""

import os
import signal
import sys
import threading
import time

import pytest
import torch

from cl_anomaly.training.threads import Threads


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    def slow_first(item: int) -> int:
        if item == 0 and count > 1:
            assert second.wait(600), "the next one is worked on, too"
        elif item == 1:
            second.set()
        return item * item

    second = threading.Event()
    assert Threads(count).map(slow_first, range(5)) == [0, 1, 4, 9, 16]


def test_items_are_worked_on_at_the_same_time() -> None:
    # Each waits for the other: one after the other, they would wait forever.
    both = threading.Barrier(2, timeout=600)
    Threads(2).map(lambda _: both.wait(), range(2))


def test_each_thread_computes_on_one_core_and_takes_denormals_for_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    def look(_: int) -> tuple[int, float]:
        return torch.get_num_threads(), (torch.tensor([1e-38]) * 0.01).item()

    before = torch.get_num_threads()
    assert Threads(2).map(look, range(2)) == [(1, 0.0)] * 2
    assert torch.get_num_threads() == before


def test_failure_stops_the_others_and_is_raised() -> None:
    threads, ended, calls = Threads(2), threading.Event(), []

    def work(item: int) -> None:
        calls.append(item)
        if item == 1:
            raise ValueError("no data")
        try:
            while True:
                threads.check()
                time.sleep(0.001)
        finally:
            ended.set()

    with pytest.raises(ValueError, match="no data"):
        threads.map(work, [0, 1, 2, 3])
    assert ended.is_set()
    assert len(calls) < 4, "what has not begun does not begin"
    # And work can go on.
    threads.check()
    assert threads.map(lambda item: item, [7, 8]) == [7, 8]


def _waits_for_work(ident: int | None) -> bool:
    frame = sys._current_frames().get(ident or 0)
    names = []
    while frame:
        names.append((frame.f_code.co_filename.rpartition("/")[2], frame.f_code.co_name))
        frame = frame.f_back
    # The innermost is the lock's: `wait` of threading, which `wait` of concurrent.futures calls.
    return names[:1] == [("threading.py", "wait")] and ("_base.py", "wait") in names


def test_interrupt_stops_all() -> None:
    main = threading.main_thread().ident
    threads, started, stopped = Threads(2), threading.Barrier(3), []

    def work(item: int) -> None:
        started.wait()
        try:
            while True:
                threads.check()
                time.sleep(0.001)
        finally:
            stopped.append(item)

    def interrupt() -> None:
        started.wait()
        # Until the main thread waits: in the moment in which it hands work over, Python may lose
        # an interrupt altogether.
        while not _waits_for_work(main):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            threads.map(work, [0, 1])
    finally:
        signal.signal(signal.SIGINT, previous)
    assert sorted(stopped) == [0, 1]
