"""What runs in a Ray cluster tell, on its way to where it is shown."""

from collections.abc import Callable
from typing import Any


class Post:
    """What all runs tell, kept in the cluster until it is fetched."""

    def __init__(self) -> None:
        self._told: list[tuple[str, str, tuple[Any, ...]]] = []
        self._stop = False

    def tell(self, run: str, kind: str, content: tuple[Any, ...]) -> bool:
        """Take a message of a run, and say whether the runs are to end."""
        self._told.append((run, kind, content))
        return self._stop

    def take(self) -> list[tuple[str, str, tuple[Any, ...]]]:
        """Return the messages that have come since the last time."""
        told, self._told = self._told, []
        return told

    def stop(self) -> None:
        """Let all runs be told that they are to end."""
        self._stop = True


def sender(run: str, post: Any) -> Callable[[str, tuple[Any, ...]], bool]:
    """Make what sends a run's messages, and hears a little later whether the run is to end."""
    import ray.exceptions

    answers: list[Any] = []

    def send(kind: str, content: tuple[Any, ...]) -> bool:
        try:
            answers.append(post.tell.remote(run, kind, content))
            # Only where the run would save what it has done: a notice may come before that.
            if kind == "notice":
                return False
            there, answers[:] = ray.wait(answers, num_returns=len(answers), timeout=0)
            return any(ray.get(there))
        except ray.exceptions.RayError:  # who asked is gone
            return True

    return send
