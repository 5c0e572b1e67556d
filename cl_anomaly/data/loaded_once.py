"""What was read from files, kept for as long as these stay as they are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

# As many as a suite is likely to go through in turns; they are what memory is full of.
_MOST = 4
Content = TypeVar("Content")
_loaded: dict[object, Any] = {}


def loaded_once(name: str, files: Sequence[Path], load: Callable[[], Content]) -> Content:
    """Return what was loaded under a name from these files, or load it.

    Args:
        name: of it.
        files: that it is read from.
        load: reads them.
    """
    key = (name, tuple(_as_it_is(file) for file in files))
    # The one used last is the last to go.
    content = _loaded.pop(key) if key in _loaded else load()
    _loaded[key] = content
    while len(_loaded) > _MOST:
        del _loaded[next(iter(_loaded))]
    return content


def _as_it_is(file: Path) -> tuple[object, ...]:
    """Tell a file from another, and from itself after a change."""
    try:
        status = file.stat()
    except (OSError, ValueError):  # which reading it explains
        return (str(file),)
    return (str(file.absolute()), status.st_ino, status.st_mtime_ns, status.st_size)
