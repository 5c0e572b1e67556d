"""Names of folders: given by a person, or made from what a run's results depend on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.settings.field_types import is_text
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.store.status import fingerprint_of

# A disk's limit is 255 bytes, and a number may follow the name.
_MOST_BYTES = 200


def checked_name(name: str) -> str:
    """Return a folder's name back as it is, where it can be one.

    Raises:
        InputError: it could lead out of its folder, be hidden, or not be written or typed again.
    """
    if (
        not is_text(name)
        or len(name.encode()) > _MOST_BYTES
        or name[0] in ".-"
        or name != name.strip()
        or not name.isprintable()
        or set(name) & set("/\\")
    ):
        raise InputError(
            setting="name",
            expected="to be a folder's name",
            got=repr(name),
            hint="Letters, digits, spaces and signs are kept as they are, in at most "
            f"{_MOST_BYTES} bytes, but for / and \\, what cannot be printed, a dot or a dash at "
            "the beginning, and spaces at either end.",
        )
    return name


def folder_name(config: ResolvedConfig, environment: dict[str, Any], strategy_name: str) -> str:
    """Name a run's folder: DATASET-STRATEGY-FINGERPRINT."""
    start = plain_name(f"{short_name(config.dataset)}-{strategy_name}")
    return f"{start}-{fingerprint_of(config.to_dict(), environment)}"


def plain_name(name: str) -> str:
    """Make a name that stays within its folder, and is short enough for any disk."""
    return (
        re.sub(r"[^\w.+-]+", "_", name).lstrip(".").encode()[:100].decode("utf-8", "ignore") or "_"
    )


def another_run(folder: Path, differences: Sequence[str]) -> InputError:
    """Make the error of a name that another run has."""
    shown = [*differences[:3], f"{len(differences) - 3} more differ"][: len(differences)]
    return InputError(
        setting="name",
        expected="to be new or of the same run",
        but=f"{folder} holds another: {'; '.join(shown)}",
        hint="Give this one another name, or leave `--name` out.",
    )
