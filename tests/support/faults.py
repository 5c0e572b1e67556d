"""A disk on which the n-th write fails, and a pickle that does harm."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Malicious:
    """What makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._place),)


_CALLS = ((os, "fsync"), (os, "replace"), (Path, "write_text"), (Path, "mkdir"))


@contextmanager
def failing(number: int, error: BaseException) -> Iterator[list[str]]:
    """Let the n-th of the calls by which files come to the disk fail; gives the calls' names."""
    calls: list[str] = []

    def counted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **settings: Any) -> Any:
            calls.append(name)
            if len(calls) == number:
                raise error
            return original(*arguments, **settings)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in _CALLS:
            patch.setattr(owner, name, counted(name, getattr(owner, name)))
        yield calls
