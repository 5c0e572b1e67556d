"""Decide when a run writes checkpoints."""

import time
from collections.abc import Callable

from cl_anomaly.core.errors import Interrupted
from cl_anomaly.core.state import CannotKeepError, PauseReason, State
from cl_anomaly.runs.interrupts import StopRequest
from cl_anomaly.store.checkpoints import Checkpoints

# Within a task, checkpoints take at most this share of the time, and come at most this often.
_SHARE_OF_TIME = 0.02
_LEAST_SECONDS = 10.0


class Keeper:
    """Decide when a run writes a checkpoint: at every task's end, and within long tasks.

    Attributes:
        seconds: spent on saving.
        cannot_keep: why no more checkpoints are saved, or None.
    """

    def __init__(
        self, checkpoints: Checkpoints | None = None, stop: StopRequest | None = None
    ) -> None:
        self._checkpoints = checkpoints
        self._stop = stop or StopRequest()
        self._due = time.monotonic() + _LEAST_SECONDS
        self.seconds = 0.0
        self.cannot_keep: str | None = None

    def pause_reason(self) -> PauseReason:
        """Return whether to leave a task: to write a checkpoint, or to end."""
        if self._stop.signal is not None:
            return PauseReason.END
        overdue = self._checkpoints is not None and time.monotonic() >= self._due
        return PauseReason.CHECKPOINT if overdue else PauseReason.NONE

    def keep(self, state: Callable[[], State], where: str) -> None:
        """Save what `state` returns; `where` tells a person where the run is.

        Raises:
            Interrupted: a signal asked the run to end.
            RunError: the state could not be written.
        """
        if self._checkpoints is not None:
            started = time.monotonic()
            try:
                self._checkpoints.save(state())
            except CannotKeepError as error:
                # The run can still be resumed from an earlier checkpoint.
                self._checkpoints, self.cannot_keep = None, str(error)
            took = time.monotonic() - started
            self.seconds += took
            self._due = time.monotonic() + max(_LEAST_SECONDS, took / _SHARE_OF_TIME)
        if self._stop.signal is not None:
            raise Interrupted(where, self._stop.signal, self.cannot_keep)
