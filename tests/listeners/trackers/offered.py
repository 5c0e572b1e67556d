"""Trackers that a package offers, as if it were installed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

_MODULE = '''
import json, os, socket, sys, threading, time
from pathlib import Path
from cl_anomaly.listeners.trackers.base import Tracker

class Writes(Tracker):
    """A line of JSON for each call; it knows what is there."""
    def start(self, run):
        run.store.mkdir(parents=True, exist_ok=True)
        self.file = run.store / f"{run.id}.jsonl"
        last = {}
        if self.file.exists():
            for line in map(json.loads, self.file.read_text().splitlines()):
                names = {"loss": ["loss"], "task": line[-1], "picture": [line[1]]}.get(line[0], [])
                for name in names:
                    last[name] = max(last.get(name, -1), line[2 if line[0] == "picture" else 1])
        self.write("start", run.name, dict(run.settings))
        return last
    def write(self, *line):
        with self.file.open("a") as file:
            file.write(json.dumps(line) + "\\n")
    def loss(self, step, value):
        self.write("loss", step, value)
    def task(self, number, values):
        self.write("task", number, dict(values))
    def picture(self, name, step, image):
        self.write("picture", name, step, list(image.shape))
    def end(self, how):
        self.write("end", how)

class Forgets(Writes):
    """The same, but it does not know what is there."""
    def start(self, run):
        super().start(run)

class Raises(Tracker):
    def __init__(self):
        print("noise", flush=True)
        print("noise", file=sys.stderr, flush=True)
    def fail(self, *_):
        raise ZeroDivisionError("as it always does")
    start = loss = task = picture = end = fail

class RaisesLater(Raises):
    def start(self, run):
        return {}

class Exits(Tracker):
    def start(self, run):
        os._exit(3)

class Hangs(Tracker):
    """It hangs for ever, with a thread that Python would wait for."""
    def start(self, run):
        threading.Thread(target=time.sleep, args=(3600,)).start()
        time.sleep(3600)

class HangsLater(Hangs):
    def start(self, run):
        return {}
    def loss(self, step, value):
        super().start(None)
    end = loss
'''
_NAMES = "Writes Forgets Raises RaisesLater Exits Hangs HangsLater Gone".split()


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a package offer trackers by the names of its classes in lower case; one is not there."""
    place = tmp_path / "site"
    (place / "of_tests-1.dist-info").mkdir(parents=True)
    (place / "of_tests.py").write_text(_MODULE)
    lines = [f"{name.lower()} = of_tests:{name}" for name in _NAMES]
    entries = "\n".join(["[cl_anomaly.trackers]", *lines])
    (place / "of_tests-1.dist-info" / "entry_points.txt").write_text(entries)
    (place / "of_tests-1.dist-info" / "METADATA").write_text("Name: of-tests\nVersion: 1\n")
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place), prepend=os.pathsep)


def written(folder: Path) -> list[list[Any]]:
    """What the tracker `writes` has written of a run."""
    own = json.loads((folder / ".tracked.json").read_text())
    text = (Path(own["store"]) / f"{own['id']}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]
