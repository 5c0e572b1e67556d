"""What records a training step on a GPU, with a stand-in for the GPU."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from cl_anomaly.core.errors import RunError
from cl_anomaly.training.cuda_graphs import replayable


class _Stream:
    waited_for: list[Any]

    def __init__(self, device: object = None) -> None:
        self.waited_for = []

    def wait_stream(self, other: object) -> None:
        self.waited_for.append(other)


class _Graph:
    replays = 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[_Stream]:
    """The stream that is current, and then those that are made."""
    made = [_Stream()]

    def make(device: object) -> _Stream:
        made.append(_Stream())
        return made[-1]

    monkeypatch.setattr(torch.cuda, "current_stream", lambda *_: made[-1])
    monkeypatch.setattr(torch.cuda, "Stream", make)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext(stream))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Graph)
    return made


def test_a_processor_records_nothing() -> None:
    with replayable(torch.device("cpu")) as record:
        assert record is None


def test_a_gpu_records_once_on_a_stream_of_its_own(
    streams: list[_Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[tuple[object, object]] = []

    @contextmanager
    def graph(graph: object, stream: object) -> Iterator[None]:
        recorded.append((graph, stream))
        yield

    monkeypatch.setattr(torch.cuda, "graph", graph)
    calls: list[str] = []
    with replayable(torch.device("cuda")) as record:
        assert record is not None
        replay = record(lambda: calls.append("work"))
        for _ in range(3):
            replay()
    around, own = streams
    assert calls == ["work"], "recorded, and not called again"
    ((made, stream),) = recorded
    assert isinstance(made, _Graph) and made.replays == 3
    assert stream is own
    assert own.waited_for == [around] and around.waited_for == [own]


def test_a_step_that_cannot_be_recorded_says_why(
    streams: list[_Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, stream: nullcontext())

    def work() -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    with replayable(torch.device("cuda")) as record:
        assert record is not None
        with pytest.raises(RunError, match=r"stream is capturing\n.*`extend` and `penalty`.*item"):
            record(work)
