"""Find a finished run by its folder, and check it before it is used again.

This imports no PyTorch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cl_anomaly.core.json_files import read_json
from cl_anomaly.runs.folder_lock import check_same
from cl_anomaly.store.files import MANIFEST_FILE, check_sizes
from cl_anomaly.store.status import STATUS_FILE, is_finished, status_of

if TYPE_CHECKING:
    from cl_anomaly.plan.outline import Outline
    from cl_anomaly.plan.plan import Plan


@dataclass(frozen=True)
class Finished:
    """A run with results.

    Attributes:
        failures: a sentence for each failed replica.
        is_new: whether this process finished it.
    """

    folder: Path
    failures: list[str]
    is_new: bool = False


def find_finished(
    folder: Path, run: Plan | Outline, known: Collection[str] = ()
) -> Finished | None:
    """Return a run's results in a folder, or None if it is not finished there.

    Args:
        known: seals of runs that were checked before; only the sizes of their files are checked
            again.

    Raises:
        InputError: the results are damaged, or another run's.
    """
    if known and seal_of(folder) in known:
        check_sizes(folder, read_json(folder / MANIFEST_FILE)["files"])
        return Finished(folder, read_json(folder / STATUS_FILE)["why"])
    if not is_finished(folder):
        return None
    check_same(folder, run.config.to_dict(), run.environment)
    return Finished(folder, status_of(folder).why)


def seal_of(folder: Path) -> str | None:
    """Return the SHA-256 of a run's manifest, which lists the SHA-256 of every file."""
    path = folder / MANIFEST_FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
