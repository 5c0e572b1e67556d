"""Lock a run's folder for one process, and check that it belongs to the run."""

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
    """Make a folder or use the existing one, and lock it against other processes.

    Args:
        out: parent folder.
        name: the folder's name; a new one may become `name-2`, `name-3`...
        again: make a new folder.

    Raises:
        RunError: the folder cannot be made, or another process writes to it.
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
        except FileExistsError:  # a file, or a folder although a new one is required
            continue
        except OSError as error:
            raise RunError(f"Could not make {folder}: {error.strerror}.") from error
        return folder, is_new
    raise AssertionError("unreachable: there is always a next number")


def check_begun(folder: Path, config: dict[str, Any], environment: dict[str, Any]) -> None:
    """Check that an unfinished run in a folder is this one.

    Raises:
        InputError: the folder holds another run or something else.
    """
    if (folder / MANIFEST_FILE).exists():
        check_same(folder, config, environment)
        return
    visible = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    visible.discard(EVENTS_FILE)
    # The configuration is the first file of a run.
    if strangers := visible if CONFIG_FILE not in visible else visible - _BEGINNING_FILES:
        raise InputError(
            f"{folder} is not a run folder; it holds {', '.join(sorted(strangers)[:3])}. "
            f"Give this run another name, or move these files."
        )
    # Without a manifest, the files are this run's: its process was killed before it wrote one.
    if ENVIRONMENT_FILE in visible:
        check_same(folder, config, environment)


def check_same(folder: Path, config: dict[str, Any], environment: dict[str, Any]) -> None:
    """Raise InputError if a finished run is another one or is damaged; see `check_begun`."""
    try:
        check_files(folder)
    except DamagedError as error:
        raise InputError(f"{error} `--again` repeats it in a new folder.") from error
    recorded = read_json(folder / ENVIRONMENT_FILE)
    there, here = recorded_code(recorded), recorded_code(environment)
    if there is None:
        # Then only the strategy's file can be compared.
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
            f"{folder} holds a run with the same name, settings and data, made by different code: "
            f"{in_short(differences_of_code(there, here, config['strategy']))}. Give this one "
            f"another name, or omit `--name`."
        )
