"""JSON files that a person can read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that a person can read."""
    path.write_text(rendered(content), encoding="utf-8")


def rendered(content: Mapping[str, Any]) -> str:
    """Return JSON that a person can read."""
    return json.dumps(content, indent=2) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"Expected {path} to be a JSON file, but: {error}.") from error
    if not isinstance(content, dict):
        got = type(content).__name__
        raise InputError(f"Expected {path} to hold a JSON object, but got a {got}.")
    return content


def read_json_if_there(path: Path) -> dict[str, Any]:
    """Read a JSON object, see `read_json`; return an empty one if there is no such file."""
    return read_json(path) if path.exists() else {}


def read_json_or_empty(path: Path) -> dict[str, Any]:
    """Read a JSON object; return an empty one if the file is missing or damaged."""
    try:
        return read_json(path)
    except InputError:
        return {}
