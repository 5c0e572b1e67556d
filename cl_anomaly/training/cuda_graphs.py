"""Training steps that a GPU records once, and replays: the same work on the same tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from cl_anomaly.core.errors import RunError

# Calls before the recorded one: libraries set themselves up in the first, which cannot be recorded.
_WARM_UP = 3

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Turn work on the same tensors into a function that repeats it with fewer launches."""


class Repeated:
    """Repeated work, recorded after its first calls if a device gains by it.

    Args:
        work: on tensors that keep their addresses.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work, self._done_by, self._calls = work, work, 0
        self._record: Record | None = None

    def begin(self, record: Record | None) -> None:
        """Begin, or resume after a pause; `record` is None on a processor, which gains nothing."""
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
    """Prepare a device for training steps, and yield a function that records them on a GPU."""
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
