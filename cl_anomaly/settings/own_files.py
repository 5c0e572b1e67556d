"""Files with a strategy of the user's own, each run once."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.python_values import GivenStrategy
from cl_anomaly.settings.strategy_names import file_of
from cl_anomaly.settings.trust import remember


@dataclass(frozen=True, eq=False)
class OwnFile:
    """A Python file as it was when it was run.

    Attributes:
        source: its text.
        module: what came of it.
    """

    source: str
    module: ModuleType


_files: dict[tuple[Path, bytes], OwnFile] = {}
_last: dict[Path, OwnFile] = {}


def load_class(path: Path, class_name: str) -> Any:
    """Look a class up in a file, which is run once for each content that it has.

    Raises:
        InputError: the file cannot be read or run, or holds nothing of that name.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected a Python file with the strategy {class_name}, but {path} is none: {error}."
        ) from error
    if path.suffix != ".py":
        raise InputError(f"Expected {path} to be a Python file: its name should end in .py.")
    place = path.resolve()
    if (place, content) not in _files:
        _files[place, content] = _run(path, content)
    _last[place] = file = _files[place, content]
    remember(path, content)
    if not hasattr(file.module, class_name):
        names = ", ".join(_classes_of(file.module)) or "none"
        raise InputError(
            f"Expected a class {class_name} in {path}, but the classes in it are: {names}."
        )
    return getattr(file.module, class_name)


def loaded(strategy: str) -> OwnFile | None:
    """Return the file that a strategy was loaded from, as it was then; None where it is no file.

    Of a class that was given in Python, its source is all that there is.
    """
    if isinstance(strategy, GivenStrategy):
        return OwnFile(strategy.source, strategy.module)
    file = file_of(strategy)
    return None if file is None else _last[file.resolve()]


def _run(path: Path, content: bytes) -> OwnFile:
    # Its own, so that two files of one name do not get into each other's way.
    digest = hashlib.sha256(str(path.resolve()).encode() + content).hexdigest()
    module = ModuleType(f"cl_anomaly_user_{path.stem}_{digest[:8]}")
    module.__file__ = os.path.abspath(path)
    sys.modules[module.__name__] = module
    try:
        with loading(str(path)), _findable_beside(path):
            source = content.decode("utf-8")  # which a run keeps; Python reads other encodings, too
            # From the text that was read, and not by way of `__pycache__`, which may hold another.
            code = compile(source.removeprefix("\ufeff"), module.__file__, "exec")
            exec(code, vars(module))  # noqa: S102
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return OwnFile(source, module)


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Name the code that could not be loaded, whatever it raised.

    Raises:
        InputError: in place of any other error.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too
        raise InputError(f"Could not load {what}: {type(error).__name__}: {error}") from error


@contextmanager
def _findable_beside(path: Path) -> Iterator[None]:
    """Let a file import modules beside it, whatever the current directory."""
    folder = os.path.abspath(path.parent)
    sys.path.append(folder)  # last: nothing there takes the place of what is installed
    try:
        yield
    finally:
        sys.path.remove(folder)


def _classes_of(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
