"""What a run tells, in a file: for who is on another machine, or comes back later."""

import json
from pathlib import Path
from typing import Any

from cl_anomaly.engines.worker import Reply

_REPLY = "reply"


class MessageFile:
    """Messages of one run, a line of JSON for each: what it is, and its content.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def begin_anew(self) -> None:
        """Forget what is there."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._read = 0

    def send(self, kind: str, content: tuple[Any, ...]) -> bool:
        """Add a message; it is never an answer that the run is to end: signals say that."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Closed each time: a network's disk shows others what has been closed.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([kind, list(content)]) + "\n")
        return False

    def end(self, reply: Reply) -> None:
        """Add what came of the run."""
        self.send(_REPLY, (reply.folder and str(reply.folder), reply.said, reply.seconds))

    def new(self) -> tuple[list[tuple[str, list[Any]]], Reply | None]:
        """Read what has come since the last time: messages, and what came of the run."""
        if not self._path.exists():
            return [], None
        with self._path.open("rb") as file:
            file.seek(self._read)
            # A line that is being written is read when it is whole.
            lines = file.read().rpartition(b"\n")
        self._read += len(lines[0] + lines[1])
        told = [json.loads(line) for line in lines[0].splitlines()]
        messages = [(kind, content) for kind, content in told if kind != _REPLY]
        replies = [content for kind, content in told if kind == _REPLY]
        if not replies:
            return messages, None
        folder, said, seconds = replies[-1]
        return messages, Reply(folder and Path(folder), said, seconds=seconds)
