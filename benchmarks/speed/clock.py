"""How everything here is timed: several contestants in turns, and the median of each."""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch


def in_turns(contestants: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Let contestants measure themselves one after another, again and again.

    A machine that others use, too, is slower in one minute than in the next: turns spread that over
    all of them. The first turn warms up, and does not count.

    Returns:
        The median of what each one measured.
    """
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, measure in contestants.items():
            value = measure()
            if turn:
                measured[name].append(value)
    return {name: median(values) for name, values in measured.items()}


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def gemm_rate(precision: torch.dtype, size: int = 2048, repeats: int = 7) -> float:
    """Measure a large square matrix product on this machine, in FLOP/s."""
    a, b = (torch.randn(size, size).to(precision) for _ in range(2))
    out = torch.empty(size, size, dtype=precision)
    turns = in_turns({"gemm": lambda: seconds(lambda: torch.mm(a, b, out=out))}, repeats)
    return 2 * size**3 / turns["gemm"]
