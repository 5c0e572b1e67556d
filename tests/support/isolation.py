"""What keeps tests apart from the machine that they run on: its settings, its home, its folders."""

import os
import site
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# What a person may have set, and what the tests' own output or numbers would follow.
_SETTINGS = (
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("LANGUAGE", "LANG", "MPLBACKEND", "MATPLOTLIBRC", "PYTHONWARNINGS", "SLURM_JOB_ID"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"),
)


def set_environment(home: Path) -> None:
    """Give this process, and those that it starts, the same environment on every machine.

    Args:
        home: an empty folder, in place of the user's.
    """
    # Packages that were installed for the user alone are still found.
    os.environ["PYTHONUSERBASE"] = site.getuserbase()
    for name in _SETTINGS:
        os.environ.pop(name, None)
    path = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ |= {
        "HOME": str(home),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(home / "hypothesis"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        # Not as many as there are cores, for each of the processes that the tests run in.
        "OMP_NUM_THREADS": "1",
        # Processes that are started in any folder import this checkout, and `tests` too.
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, path))),
    }


class Watch:
    """Notes what this process writes outside the folders that it may write to.

    Args:
        allowed: those folders.

    Attributes:
        outside: what was written elsewhere, with the call that did it.
    """

    def __init__(self, allowed: Sequence[Path]) -> None:
        self._allowed = [path.resolve() for path in (*allowed, Path("/dev"), Path("/proc"))]
        self._is_on = False
        self.outside: list[str] = []
        sys.addaudithook(self._hear)  # which cannot be taken away again

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take note of what is written in here."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_on and event in _WRITTEN and (path := _WRITTEN[event](*arguments)) is not None:
            place = Path(os.fsdecode(path)).resolve()
            if "__pycache__" not in place.parts and not self.allows(place):
                self.outside.append(f"{event}: {place}")

    def allows(self, place: Path) -> bool:
        """Say whether a file may be written there."""
        # A folder for temporary files may hold this checkout, which is none of them.
        allowed = [f for f in self._allowed if not ROOT.is_relative_to(f)]
        folders = allowed if place.is_relative_to(ROOT) else self._allowed
        return any(place.is_relative_to(folder) for folder in folders)


def _opened(path: Any, mode: str | None, flags: int) -> Any:
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return path if writes and not isinstance(path, int) else None


def _made(path: Any, mode: int, folder: int) -> Any:
    return path if folder == -1 else None


def _moved(source: Any, target: Any, *folders: int) -> Any:
    return target if set(folders) <= {-1} else None


# By the event of `sys.audit`, what takes the path that is written from its arguments. Paths that
# are relative to an open folder are left out: nobody makes new ones that way here.
_WRITTEN = {"open": _opened, "os.mkdir": _made, "os.rename": _moved, "os.link": _moved}
