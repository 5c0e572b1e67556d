"""Messages from a run to a tracker's process, by way of a file: whoever reads is never waited for.

A run only appends, as long as the file is not too long. A tracker may be as slow as it likes, or
hang: the run takes no notice of it.
"""

import os
import pickle
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Message = tuple[Any, ...]
"""What kind of message it is, and its content."""

_LENGTH = struct.Struct(">Q")
_SECONDS_BETWEEN_LOOKS = 0.05


class Outbox:
    """Appends messages to a file.

    Args:
        path: of the file, which is made.
        most_bytes: that it may have; what comes later is left out.

    Attributes:
        left_out: how many messages were left out.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._file = path.open("xb", buffering=0)
        self._left = most_bytes
        self.left_out = 0

    def put(self, message: Message, must: bool = False) -> None:
        """Append a message; one that must get through is never left out.

        Raises:
            OSError: it could not be written, as on a disk that is full.
        """
        content = pickle.dumps(message)
        content = _LENGTH.pack(len(content)) + content
        if len(content) > self._left and not must:
            self.left_out += 1
            return
        self._left -= len(content)
        self._file.write(content)

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def messages(path: Path, is_over: Callable[[], bool]) -> Iterator[Message]:
    """Read messages as they come, until whoever writes them is gone.

    Args:
        path: the file of an `Outbox`. It is removed once it has been opened, where that is allowed.
        is_over: says whether nobody writes any more.
    """
    with path.open("rb") as file:
        if os.name == "posix":
            path.unlink()
        while True:
            over = is_over()  # before the last look, and not after it
            while (message := _next(file)) is not None:
                yield message
            if over:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _next(file: Any) -> Message | None:
    """Read the next message, once all of it is there."""
    start = file.tell()
    head = file.read(_LENGTH.size)
    if len(head) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        content = file.read(length)
        if len(content) == length:
            return pickle.loads(content)  # noqa: S301 - of the run that has started this process
    file.seek(start)
    return None
