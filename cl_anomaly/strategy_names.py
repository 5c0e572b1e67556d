"""Strategies' names: NAME, FILE.py:CLASS, avalanche:NAME, or avalanche:FILE.py:CLASS."""

import os
from pathlib import Path

AVALANCHE_PREFIX = "avalanche:"


def file_of(strategy: str) -> Path | None:
    """Say which file a strategy's name leads to, where it is one of the user's own."""
    file = strategy.removeprefix(AVALANCHE_PREFIX).rpartition(":")[0]
    return Path(file) if file else None


def with_file(strategy: str, file: Path | None) -> str:
    """Give a strategy's name with another file in it; None leaves the class alone."""
    prefix = AVALANCHE_PREFIX if strategy.startswith(AVALANCHE_PREFIX) else ""
    class_name = strategy.rpartition(":")[2]
    return f"{prefix}{file}:{class_name}" if file else f"{prefix}{class_name}"


def with_absolute_file(strategy: str) -> str:
    """Give a strategy's name as it can be found from any directory."""
    file = file_of(strategy)
    return strategy if file is None else with_file(strategy, Path(os.path.abspath(file)))
