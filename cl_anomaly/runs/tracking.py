"""A run that trackers follow: what they are told of it, and what becomes of those that fail."""

import json
import math
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from cl_anomaly.core.errors import InputError, Interrupted, RunError, reason
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.core.progress import Progress
from cl_anomaly.listeners.trackers import missing_library
from cl_anomaly.listeners.trackers.base import End, TrackedRun
from cl_anomaly.listeners.trackers.beside import TrackerBeside
from cl_anomaly.runs.run import Run
from cl_anomaly.runs.tracked_values import measured_after, pictures_after
from cl_anomaly.store.files import replacing
from cl_anomaly.store.status import TRACKED_FILE, flat_settings

STORE_FOLDER = ".tracked"
"""Beside the runs' folders: what trackers keep on this machine. It is hidden, for it is no run."""

_STEPS_OF_AN_EPOCH = 1000
_SECONDS_AT_THE_END = 5.0


@contextmanager
def tracked(run: Run, folder: Path, names: Sequence[str], progress: Progress) -> Iterator[Progress]:
    """Let trackers follow a run; it goes on whatever becomes of them.

    Args:
        run: as it was begun, or restored.
        folder: its own, which this process has claimed.
        names: of trackers. Those that followed it before it was resumed go on.
        progress: is told of the run, and of what goes wrong with trackers.

    Gives:
        What is told of the run in place of `progress`.
    """
    kept = _kept(folder)
    names = tuple(dict.fromkeys([*names, *kept["trackers"]]))
    if not names:
        yield progress
        return
    try:
        own = _Tracked(run, _about(run, folder, kept, names), names, progress)
    except Exception as error:
        progress.notice(f"Nothing is tracked: {reason(error)}.")
        yield progress
        return
    how: End = "failed"
    try:
        yield own
        how = "finished"
    except (Interrupted, KeyboardInterrupt):
        how = "interrupted"
        raise
    finally:
        own.end(how)


def _kept(folder: Path) -> dict[str, Any]:
    """Read what a run's folder says of its trackers, where it says something that can be true."""
    try:
        kept = read_json(folder / TRACKED_FILE)
        # Anybody may have written it, and it leads to places on this disk.
        is_right = (
            re.fullmatch("[0-9a-f]{8}", kept["id"])
            and Path(kept["store"]).name == STORE_FOLDER
            and all(isinstance(name, str) for name in kept["trackers"])
            and isinstance(kept["times"], int)
        )
        if is_right:
            return kept
    except (InputError, KeyError, TypeError):
        pass
    return {"id": uuid.uuid4().hex[:8], "store": "", "trackers": [], "times": 0}


def _about(run: Run, folder: Path, kept: dict[str, Any], names: Sequence[str]) -> TrackedRun:
    """State what trackers are told of a run, and keep in its folder what they need to find it."""
    store = folder.resolve().parent / STORE_FOLDER
    if kept["store"] and Path(kept["store"]).is_dir():
        store = Path(kept["store"])  # where it began: the folder may have been moved since
    own = {"id": kept["id"], "store": str(store), "trackers": list(names)}
    own["times"] = times = kept["times"] + 1
    with suppress(RunError), replacing(folder / TRACKED_FILE) as partial:
        write_json(partial, own)
    settings = flat_settings(json.loads(json.dumps(run.config.to_dict())))
    return TrackedRun(kept["id"], folder.resolve().name, store, settings, folder.resolve(), times)


class _Tracked(Progress):
    """Tells trackers of a run, and passes on to what shows its progress all that it hears."""

    def __init__(
        self, run: Run, about: TrackedRun, names: Sequence[str], progress: Progress
    ) -> None:
        self._run, self._progress = run, progress
        self._task, self._epochs = 0, run.config.epochs
        self._trackers = [own for name in names if (own := self._started(name, about))]
        self._complained: set[str] = set()
        for number in range(1, run.position.learnt + 1):
            self._tell_of_task(number, is_again=True)

    def _started(self, name: str, about: TrackedRun) -> TrackerBeside | None:
        if missing := missing_library(name):
            self._progress.notice(missing)
            return None
        try:
            return TrackerBeside(name, about)
        except OSError as error:
            self._progress.notice(f"Nothing is tracked by {name}: {reason(error)}.")
            return None

    def _tell(self, kind: str, *content: Any) -> None:
        for tracker in self._trackers:
            tracker.tell(kind, *content)

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        self._task, self._epochs = number, epochs
        self._progress.task(number, tasks, epochs)
        self._look_for_complaints()

    def step(self, done: int, total: int, loss: Tensor) -> None:
        self._progress.step(done, total, loss)
        super().step(done, total, loss)

    def update(self, done: int, total: int, loss: float) -> None:
        if math.isfinite(loss):
            epochs = (self._epochs or 1) * (self._task - 1 + done / total)
            self._tell("loss", round(_STEPS_OF_AN_EPOCH * epochs), loss, time.time())

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        self._progress.evaluated(number, aurocs)
        self._tell_of_task(number)

    def notice(self, text: str) -> None:
        self._progress.notice(text)

    def _tell_of_task(self, number: int, is_again: bool = False) -> None:
        if not self._trackers:
            return
        try:
            self._tell("task", number, measured_after(self._run, number), is_again)
            for name, picture in pictures_after(self._run, number).items():
                self._tell("picture", name, number, picture, is_again)
        except Exception as error:  # none that is known; and no run ends by it
            self._pass_on("", f"Not all of task {number} is tracked: {reason(error)}.")

    def _look_for_complaints(self) -> None:
        for tracker in self._trackers:
            self._pass_on(tracker.name, tracker.complaint())

    def _pass_on(self, name: str, said: str | None) -> None:
        """Pass on what a tracker complains of, the first time."""
        if said and name not in self._complained:
            self._complained.add(name)
            self._progress.notice(said)

    def end(self, how: End) -> None:
        """Let the trackers come to their end; a few seconds for all of them."""
        self._tell("end", how)
        deadline = time.monotonic() + _SECONDS_AT_THE_END
        for tracker in self._trackers:
            self._pass_on(tracker.name, tracker.close(deadline))
