"""`config.json` of runs and comparisons: read and checked."""

from collections.abc import Mapping
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


def runs_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the whole settings of each run of a comparison or a suite, by its name.

    Args:
        config: settings that the runs share, and their own under "runs".
    """
    shared = {name: value for name, value in config.items() if name != "runs"}
    return {name: shared | given for name, given in config["runs"].items()}


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
