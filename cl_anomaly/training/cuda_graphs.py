"""Work that is the same on the same tensors every time: a GPU records it once, and replays it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from cl_anomaly.core.errors import RunError

# Calls before the one that is recorded: libraries set themselves up in the first, which cannot be.
_WARM_UP = 3

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes a function that works on the same tensors whenever it is called, and returns another that
does its work again with fewer launches."""


class Repeated:
    """Work that is done again and again, recorded after its first calls where a device gains by it.

    Args:
        work: without arguments, from tensors that stay where they are to tensors that stay there.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work, self._done_by, self._calls = work, work, 0
        self._record: Record | None = None

    def begin(self, record: Record | None) -> None:
        """Begin, or resume after a pause.

        Args:
            record: makes the work repeatable; None on a processor, where nothing is gained.
        """
        self._record, self._done_by, self._calls = record, self._work, 0

    def __call__(self) -> None:
        """Do the work.

        Raises:
            RunError: it cannot be recorded.
        """
        if self._record and self._calls == _WARM_UP:
            self._done_by = self._record(self._work)
        self._done_by()
        self._calls += 1


@contextmanager
def replayable(device: torch.device) -> Iterator[Record | None]:
    """Prepare a device for training steps, and give what records them: on a GPU, a CUDA graph."""
    if device.type != "cuda":
        yield None
        return
    # A graph is recorded on a stream of its own, which the steps before it must have used as well.
    around, stream = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    stream.wait_stream(around)
    with torch.cuda.stream(stream):
        yield _record_cuda_graph
    around.wait_stream(stream)


def _record_cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            work()
    # A hook's own error has been explained already.
    except (RuntimeError, RunError) as error:
        raise RunError(
            "Expected a training step that a GPU can record and replay, but it cannot: "
            f"{error}\nThe strategy's `extend` and `penalty` must work on the GPU alone: no "
            "`.item()`, no `if` on a tensor's values, no copies from the processor. Or use "
            "`--device cpu`."
        ) from error
    return graph.replay
