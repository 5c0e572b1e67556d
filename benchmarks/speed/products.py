"""Matrix products in every way that there is: what the choice of `matrix_products` rests on."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from clock import in_turns
from report import Row

from cl_anomaly.core.products import Way, affine, multiplying, processor_way
from cl_anomaly.settings.run_config import RunConfig

# (replicas, batch, inputs, outputs): a batch alone, one with eight replayed tasks, and a group.
_SIZES = ((1, 64, 784, 400), (1, 576, 784, 400), (3, 576, 784, 400))
_SECONDS = 0.2


def products(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Each layer's product in float32 by PyTorch's default and oneDNN, and in bfloat16."""
    chosen = processor_way(torch.float32), processor_way(torch.bfloat16)
    for replicas, batch, inputs, outputs in _SIZES:
        x = torch.rand(replicas, batch, inputs)
        weight, bias = torch.rand(replicas, inputs, outputs), torch.zeros(replicas, 1, outputs)
        work = partial(affine, bias, x, weight)
        ways = [way for way in Way if way is not Way.AUTOCAST]
        measured = in_turns({way.value: partial(_seconds, way, work) for way in ways}, repeats)
        for way in ways:
            mark = ", chosen" if way in chosen else ""
            yield Row(
                f"{replicas} x {batch} x {inputs} x {outputs}: time, {way.value} / PyTorch's "
                f"default{mark}",
                measured[way.value] / measured[Way.DEFAULT.value],
                f"{measured[way.value] * 1e3:.2f} ms",
            )


def _seconds(way: Way, work: Callable[[], object]) -> float:
    """Time one call, the mean of as many as fit into a moment."""
    with multiplying(way), torch.no_grad():
        started, calls = time.perf_counter(), 0
        while time.perf_counter() - started < _SECONDS:
            work()
            calls += 1
        return (time.perf_counter() - started) / calls
