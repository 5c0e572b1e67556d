"""`cl-anomaly remove`: delete folders after asking for confirmation."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.cells import bytes_in_words
from cl_anomaly.store.removal import Removable, check_removable, remove
from cl_anomaly.store.status import status_of


def remove_folders(folders: Sequence[Path], is_sure: bool) -> None:
    """Delete folders of runs, comparisons or suites, all or none, after confirmation.

    Args:
        is_sure: do not ask.

    Raises:
        InputError: a folder holds something else, or there is no terminal to ask.
        RunError: a process is writing to a folder, or it could not be deleted.
    """
    once = list({folder.resolve(): folder for folder in folders}.values())
    removables = [check_removable(folder) for folder in once]
    for removable in removables:
        _show(removable, once)
    if not is_sure and not _agreed(removables):
        print("Nothing was removed.")

        return
    for removable in removables:
        remove(removable)
        print(f"removed: {removable.folder}")


def _show(removable: Removable, folders: Sequence[Path]) -> None:
    status = status_of(removable.folder)
    print(f"{removable.folder}: {status.name}, {bytes_in_words(removable.bytes)}")
    going = {folder.resolve() for folder in folders}
    for user in removable.used_by:
        also = ", which is removed, too" if user.resolve() in going else ", which stays without it"
        print(f"  a run of {user}{also}")


def _agreed(removables: Sequence[Removable]) -> bool:
    total = bytes_in_words(sum(removable.bytes for removable in removables))
    what = "this folder" if len(removables) == 1 else f"these {len(removables)} folders"
    if not sys.stdin.isatty():
        raise InputError(
            f"Cannot ask whether to remove {what} without a terminal; pass `--yes`. "
            f"Nothing was removed."
        )
    try:
        answer = input(f"Remove {what}, {total}? [y/N] ")
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")
