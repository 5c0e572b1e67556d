"""`cl-anomaly remove`: what is to go is shown first, and asked for."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.cells import bytes_in_words
from cl_anomaly.store.removal import Removable, check_removable, remove
from cl_anomaly.store.status import status_of


def remove_folders(folders: Sequence[Path], is_sure: bool) -> None:
    """Remove folders, all or none of them, once a person has said so.

    Args:
        folders: of runs, comparisons or suites.
        is_sure: do not ask.

    Raises:
        InputError: one of them holds something else, or there is nobody to ask.
        RunError: a process is writing there, or one could not be removed.
    """
    once = list({folder.resolve(): folder for folder in folders}.values())
    found = [check_removable(folder) for folder in once]
    for own in found:
        _show(own, once)
    if not is_sure and not _agreed(found):
        print("Nothing was removed.")
        return
    for own in found:
        remove(own)
        print(f"removed: {own.folder}")


def _show(own: Removable, folders: Sequence[Path]) -> None:
    status = status_of(own.folder)
    print(f"{own.folder}: {status.name}, {bytes_in_words(own.bytes)}")
    going = {folder.resolve() for folder in folders}
    for user in own.used_by:
        also = ", which is removed, too" if user.resolve() in going else ", which stays without it"
        print(f"  a run of {user}{also}")


def _agreed(found: Sequence[Removable]) -> bool:
    total = bytes_in_words(sum(own.bytes for own in found))
    what = "this folder" if len(found) == 1 else f"these {len(found)} folders"
    if not sys.stdin.isatty():
        raise InputError(
            f"Expected a terminal to ask whether to remove {what}, or `--yes`, but got neither. "
            f"Nothing was removed."
        )
    try:
        answer = input(f"Remove {what}, {total}? [y/N] ")
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")
