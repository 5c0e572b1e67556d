"""A run's folder: made or taken by one process, and never mistaken for another run's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.events import EVENTS_FILE
from cl_anomaly.core.json_files import read_json
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import MANIFEST_FILE, DamagedError, check_files, locked
from cl_anomaly.store.fingerprint import OWN_FILE, differences_of_code, in_short, recorded_code
from cl_anomaly.store.folder_names import another_run
from cl_anomaly.store.status import CONFIG_FILE, ENVIRONMENT_FILE, differences, identity

_BEGINNING_FILES = {CONFIG_FILE, ENVIRONMENT_FILE, OWN_FILE}


@contextmanager
def claimed(out: Path, name: str, again: bool) -> Iterator[Path]:
    """Make a folder, or take the one that is there, and keep other processes from it.

    Args:
        out: folder to make it in.
        name: of it; `name-2`, `name-3`... where there is one already and a new one is asked for.
        again: whether a new one is asked for.

    Raises:
        RunError: it cannot be made, or another process writes there.
    """
    folder, is_new = _make_folder(out, name, again)
    with locked(folder):
        try:
            yield folder
        finally:
            if is_new and not (folder / MANIFEST_FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)


def _make_folder(out: Path, name: str, again: bool) -> tuple[Path, bool]:
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    for folder in (out / each for each in names):
        is_new = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
        try:
            folder.mkdir(parents=True, exist_ok=not again)
        except FileExistsError:  # a file, or a folder where a new one is asked for
            continue
        except OSError as error:
            raise RunError(f"Could not make {folder}: {error.strerror}.") from error
        return folder, is_new
    raise AssertionError("unreachable: there is always a next number")


def check_begun(folder: Path, config: dict[str, Any], environment: dict[str, Any]) -> None:
    """Make sure that what is left of a run in a folder is of this one.

    Args:
        folder: that this process has claimed.
        config: this run's.
        environment: this run's.

    Raises:
        InputError: it is of another run, or of something else.
    """
    if (folder / MANIFEST_FILE).exists():
        check_same(folder, config, environment)
        return
    visible = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    visible.discard(EVENTS_FILE)
    # The configuration is the first that is written.
    if strangers := visible if CONFIG_FILE not in visible else visible - _BEGINNING_FILES:
        raise InputError(
            f"Expected {folder} to be the folder of a run, but it holds something else: "
            f"{', '.join(sorted(strangers)[:3])}. Give this run another name, or move that away."
        )
    # What a process leaves that was killed before it had written the manifest is this run's own.
    if ENVIRONMENT_FILE in visible:
        check_same(folder, config, environment)


def check_same(folder: Path, config: dict[str, Any], environment: dict[str, Any]) -> None:
    """Refuse to take another run, or a damaged one, for this one; see `check_begun`."""
    try:
        check_files(folder)
    except DamagedError as error:
        raise InputError(f"{error} `--again` runs it anew, in a folder of its own.") from error
    recorded = read_json(folder / ENVIRONMENT_FILE)
    there, here = recorded_code(recorded), recorded_code(environment)
    if there is None:
        # Then a strategy's file is all of the code that can be compared.
        environment = {name: value for name, value in environment.items() if name != "code"}
    one, other = (
        identity(read_configuration(folder / CONFIG_FILE), recorded),
        identity(config, environment),
    )
    codes = one.pop("code", None), other.pop("code", None)
    if different := differences(one, other):
        raise another_run(folder, different)
    if there and here and codes[0] != codes[1]:
        raise InputError(
            f"{folder} holds a run of that name, of the same settings and data, by other code: "
            f"{in_short(differences_of_code(there, here, config['strategy']))}. Give this one "
            f"another name, or leave `--name` out."
        )
