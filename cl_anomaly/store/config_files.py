"""`config.json` of runs and comparisons: read and checked."""

from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.settings.run_config import checked_settings


def read_configuration(path: Path) -> dict[str, Any]:
    """Read the `config.json` of a run or a comparison.

    Raises:
        InputError: the file is missing or damaged.
    """
    return read_json(path)


def read_settings(path: Path) -> dict[str, Any]:
    """Read a run's `config.json`: settings of `RunConfig`.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    content = read_configuration(path)
    try:
        return checked_settings(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
