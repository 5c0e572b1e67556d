"""When a run saves where it is."""

import time
from collections.abc import Callable

from cl_anomaly.core.errors import Interrupted
from cl_anomaly.core.state import CannotKeepError, State, Wanted
from cl_anomaly.runs.interrupts import StopRequest
from cl_anomaly.store.checkpoints import Checkpoints

# Within a task, checkpoints may take this share of the time; not more often than so many seconds.
_SHARE_OF_TIME = 0.02
_LEAST_SECONDS = 10.0


class Keeper:
    """Decides when a run saves its state: at every task's end, and within long tasks.

    Args:
        checkpoints: where to; None keeps nothing.
        stop: whether the run should end.

    Attributes:
        seconds: that saving has taken.
        cannot_keep: why no more checkpoints are saved, where that is so.
    """

    def __init__(
        self, checkpoints: Checkpoints | None = None, stop: StopRequest | None = None
    ) -> None:
        self._checkpoints = checkpoints
        self._stop = stop or StopRequest()
        self._due = time.monotonic() + _LEAST_SECONDS
        self.seconds = 0.0
        self.cannot_keep: str | None = None

    def wanted(self) -> Wanted:
        """Return whether a task should be left: for a moment, to save its state, or for good."""
        if self._stop.signal is not None:
            return Wanted.END
        overdue = self._checkpoints is not None and time.monotonic() >= self._due
        return Wanted.CHECKPOINT if overdue else Wanted.NOTHING

    def keep(self, state: Callable[[], State], where: str) -> None:
        """Save a state.

        Args:
            state: gives it.
            where: the run is, for a person.

        Raises:
            Interrupted: a signal has asked for the run's end.
            RunError: the state could not be written.
        """
        if self._checkpoints is not None:
            started = time.monotonic()
            try:
                self._checkpoints.save(state())
            except CannotKeepError as error:
                # Those before stay: from them, the run can still go on.
                self._checkpoints, self.cannot_keep = None, str(error)
            took = time.monotonic() - started
            self.seconds += took
            self._due = time.monotonic() + max(_LEAST_SECONDS, took / _SHARE_OF_TIME)
        if self._stop.signal is not None:
            raise Interrupted(where, self._stop.signal, self.cannot_keep)
