"""The event log: what is written is read, from an offset, whatever became of a line."""

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from cl_anomaly.core import events
from cl_anomaly.core.events import EventLog, EventReader, append, events_in, size_of, tell
from cl_anomaly.core.progress import Progress


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


class Heard(Progress):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        self.told.append(("task", number, tasks, epochs))

    def update(self, done: int, total: int, loss: float) -> None:
        self.told.append(("update", done, total, loss))

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        self.told.append(("evaluated", number, aurocs))

    def notice(self, text: str) -> None:
        self.told.append(("notice", text))


def heard(reader: EventReader) -> list[tuple[Any, ...]]:
    listener = Heard()
    for event in reader.new():
        tell(listener, event)
    return listener.told


def texts(reader: EventReader) -> list[str]:
    return [event["text"] for event in reader.new()]


def test_what_a_run_tells_is_told_again(path: Path) -> None:
    log, reader = EventLog(partial(append, path)), EventReader(path)
    assert heard(reader) == []  # there is none yet
    log.add("begin", learnt=0)
    log.task(1, 3, None)
    log.update(1, 4, 0.5)
    log.evaluated(1, [0.25, 0.75])
    assert heard(reader) == [
        ("task", 1, 3, None),
        ("update", 1, 4, 0.5),
        ("evaluated", 1, [0.25, 0.75]),
    ]
    log.notice("a\nb")
    log.add("measured", task=1, values={"auroc": 0.5})
    assert heard(reader) == [("notice", "a\nb")]
    assert heard(reader) == []


def test_a_loss_that_is_no_number_is_json(path: Path) -> None:
    log = EventLog(partial(append, path))
    log.update(1, 4, math.nan)
    log.notice("")
    lines = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]
    assert lines[0]["loss"] is None
    (_, _, _, loss), _ = heard(EventReader(path))
    assert math.isnan(loss)


def test_it_is_read_from_an_offset(path: Path) -> None:
    log = EventLog(partial(append, path))
    log.notice("one")
    since = size_of(path)
    log.notice("two")
    assert texts(EventReader(path, since)) == ["two"]
    with path.open("rb") as file:
        assert [offset for offset, _ in events_in(file)] == [0, since]


def test_a_line_is_read_when_it_is_whole(path: Path) -> None:
    reader = EventReader(path)
    with path.open("a") as file:
        file.write('{"event": "notice", "te')
        file.flush()
        assert texts(reader) == []
        file.write('xt": "half"}\n')
    assert texts(reader) == ["half"]


@pytest.mark.parametrize("torn", ['{"event": "no', '{"event": 3}\n', "[1]\n", "\xff\r\n", "\n"])
def test_a_line_that_was_cut_is_left_out_and_costs_no_other(path: Path, torn: str) -> None:
    append(path, '{"event": "notice", "text": "before"}\n')
    with path.open("a") as file:  # by a process that was killed
        file.write(torn)
    EventLog(partial(append, path)).notice("after")
    assert texts(EventReader(path)) == ["before", "after"]


def test_losses_become_rarer_and_a_week_of_them_is_short(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    log, written = EventLog(partial(append, path)), list[float]()
    update = log.update
    monkeypatch.setattr(log, "update", lambda *told: (written.append(clock[0]), update(*told)))
    loss, hour = torch.tensor([0.5]), 3600.0
    while clock[0] < hour:
        log.step(1, 10**9, loss)
        clock[0] += 0.05
    assert sum(when < 60 for when in written) > 200
    assert len(written) < 5000
    clock[0] = 7 * 24 * hour
    log.step(1, 10**9, loss)
    assert 9 < log._pause <= events._MOST_SECONDS_BETWEEN_LOSSES
    log.step(2, 2, loss)  # the last of a task in any case
    assert written[-1] == written[-2] == clock[0]


def test_losses_are_written_twice_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, writes = [0.0], list[str]()
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    log = EventLog(writes.append)
    for _ in range(20):
        clock[0] += 0.1
        log.update(1, 100, 0.5)
    assert 3 <= len(writes) <= 4
    log.notice("at once")
    assert "at once" in writes[-1]
