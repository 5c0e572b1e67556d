"""Strategies' names: NAME, FILE.py:CLASS, FAMILY:NAME, or FAMILY:FILE.py:CLASS."""

import os
import re
from pathlib import Path

# Two letters or more: `C:` is a drive.
_FAMILY = re.compile(r"([A-Za-z][\w-]+):")


def family_of(strategy: str) -> str | None:
    """Describe which family a strategy belongs to, such as `avalanche`, where it does to one."""
    found = _FAMILY.match(strategy)
    return found.group(1) if found else None


def within_family(strategy: str) -> str:
    """Return a strategy's name without its family's."""
    return strategy.removeprefix(f"{family_of(strategy)}:")


def file_of(strategy: str) -> Path | None:
    """Describe which file a strategy's name leads to, where it is one of the user's own."""
    file = within_family(strategy).rpartition(":")[0]
    return Path(file) if file else None


def with_file(strategy: str, file: Path | None) -> str:
    """Return a strategy's name with another file in it; None leaves the class alone."""
    prefix = strategy.removesuffix(within_family(strategy))
    class_name = strategy.rpartition(":")[2]
    return f"{prefix}{file}:{class_name}" if file else f"{prefix}{class_name}"


def with_absolute_file(strategy: str) -> str:
    """Return a strategy's name as it can be found from any directory."""
    file = file_of(strategy)
    return strategy if file is None else with_file(strategy, Path(os.path.abspath(file)))
