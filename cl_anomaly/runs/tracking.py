"""Trackers that follow a run: starting them, finding their run again, reporting their errors."""

import json
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError, Interrupted, RunError, reason
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.listeners.trackers import missing_library
from cl_anomaly.listeners.trackers.base import End, TrackedRun
from cl_anomaly.listeners.trackers.client import TrackerClient
from cl_anomaly.runs.run import Run
from cl_anomaly.runs.run_events import RunEvents
from cl_anomaly.store.files import replacing
from cl_anomaly.store.status import TRACKED_FILE, flat_settings

STORE_FOLDER = ".tracked"
"""A hidden folder beside the runs' folders for files of trackers."""

_SECONDS_AT_THE_END = 5.0


@contextmanager
def tracked(run: Run, folder: Path, names: Sequence[str], events: RunEvents) -> Iterator[None]:
    """Mark a run's beginning and end in its event log, and start trackers that follow the log.

    No failure of a tracker stops the run.

    Args:
        folder: the run's, which this process has claimed.
        names: of trackers, beside those that followed the run before it was resumed.
        events: writes the log, and shows what goes wrong with trackers.
    """
    trackers = _Trackers(events)
    trackers.start(run, folder, names, events.begin())
    how: End = "failed"
    try:
        yield
        how = "finished"
    except (Interrupted, KeyboardInterrupt):
        how = "interrupted"
        raise
    finally:
        events.add("end", how=how)
        trackers.close()


class _Trackers:
    """The processes of a run's trackers."""

    def __init__(self, events: RunEvents) -> None:
        self._notice = events.notice
        self._clients: list[TrackerClient] = []
        self._complained: set[str] = set()
        events.before_task = self._look_for_complaints

    def start(self, run: Run, folder: Path, names: Sequence[str], since: int) -> None:
        """Start the trackers; see `TrackerClient`."""
        recorded = _recorded(folder)
        names = tuple(dict.fromkeys([*names, *recorded["trackers"]]))
        if not names:
            return
        try:
            about = _about(run, folder, recorded, names)
        except Exception as error:
            self._notice(f"Nothing is tracked: {reason(error)}.")
            return
        for name in names:
            if missing := missing_library(name):
                self._notice(missing)
                continue
            try:
                self._clients.append(TrackerClient(name, about, since))
            except OSError as error:
                self._notice(f"Nothing is tracked by {name}: {reason(error)}.")

    def _look_for_complaints(self) -> None:
        for client in self._clients:
            self._pass_on(client.name, client.complaint())

    def _pass_on(self, name: str, complaint: str | None) -> None:
        """Show a tracker's first complaint."""
        if complaint and name not in self._complained:
            self._complained.add(name)
            self._notice(complaint)

    def close(self) -> None:
        """Give all trackers a few seconds to finish."""
        deadline = time.monotonic() + _SECONDS_AT_THE_END
        for client in self._clients:
            self._pass_on(client.name, client.close(deadline))


def _recorded(folder: Path) -> dict[str, Any]:
    """Read a run's .tracked.json; ignore it if it is malformed."""
    try:
        recorded = read_json(folder / TRACKED_FILE)
        # The file is not trusted: it names places on this disk.
        is_right = (
            re.fullmatch("[0-9a-f]{8}", recorded["id"])
            and Path(recorded["store"]).name == STORE_FOLDER
            and all(isinstance(name, str) for name in recorded["trackers"])
            and isinstance(recorded["times"], int)
        )
        if is_right:
            return recorded
    except (InputError, KeyError, TypeError):
        pass
    return {"id": uuid.uuid4().hex[:8], "store": "", "trackers": [], "times": 0}


def _about(run: Run, folder: Path, recorded: dict[str, Any], names: Sequence[str]) -> TrackedRun:
    """Describe a run to trackers; .tracked.json lets them find it again."""
    store = folder.resolve().parent / STORE_FOLDER
    if recorded["store"] and Path(recorded["store"]).is_dir():
        store = Path(recorded["store"])  # the folder may have been moved
    times = recorded["times"] + 1
    content = {"id": recorded["id"], "store": str(store), "trackers": list(names), "times": times}
    with suppress(RunError), replacing(folder / TRACKED_FILE) as partial:
        write_json(partial, content)
    settings = flat_settings(json.loads(json.dumps(run.config.to_dict())))
    place = folder.resolve()
    return TrackedRun(recorded["id"], place.name, store, settings, place, times)
