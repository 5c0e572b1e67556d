"""Resuming the run in a folder: whether it may be resumed, and by which code."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.finished import Finished
from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.runs.perform import Listener, perform_in, remove_checkpoints
from cl_anomaly.settings.python_values import FAMILY
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.settings.strategy_names import family_of, file_of, with_file
from cl_anomaly.settings.trust import check_trusted, sha256_of
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import MANIFEST_FILE, check_files
from cl_anomaly.store.fingerprint import OWN_FILE, changes, in_short, recorded_code
from cl_anomaly.store.status import CONFIG_FILE, ENVIRONMENT_FILE, is_finished, status_of


def resume(
    folder: Path, listener: Listener, trust: bool = False, track: Sequence[str] = ()
) -> Finished:
    """Resume the run in a folder; of a finished run, nothing is loaded or executed.

    Args:
        trust: execute the strategy's file, whoever wrote it.
        track: names of trackers, beside those that it began with.

    Raises:
        InputError: there is no run, other code made it, or its strategy's file is not trusted.
        RunError, Interrupted: as in `perform`.
    """
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    config = _config_of(folder)
    if (folder / MANIFEST_FILE).exists():
        check_files(folder)
    if is_finished(folder):
        with claimed(folder.parent, folder.name, again=False):
            remove_checkpoints(folder)
            return Finished(folder, status_of(folder).why)
    config = config | _strategy_to_run(folder, config, trust)
    try:
        plan = prepare(RunConfig(**config))
    except TypeError as error:
        raise InputError(f"Expected {folder / CONFIG_FILE} to hold a run: {error}.") from error
    return perform_in(plan, folder.parent, folder.name, False, listener, track)


def _config_of(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG_FILE).exists():
        raise InputError(
            f"Expected {folder} to be the folder of a run, with a {CONFIG_FILE}, but it is none. "
            f"`cl-anomaly runs` lists those that there are."
        )
    config = read_configuration(folder / CONFIG_FILE)
    if "runs" in config:
        raise InputError(
            f"Expected {folder} to be a run's, but it is a comparison's, which is complete."
        )
    return config


def _strategy_to_run(folder: Path, config: dict[str, Any], trust: bool) -> dict[str, Any]:
    """Return the strategy to resume with, after checking its code and its trust."""
    if not isinstance(config.get("strategy"), str):
        return {}
    if family_of(config["strategy"]) == FAMILY:
        raise InputError(
            f"{folder} cannot be resumed from the command line: its strategy was given as a "
            f"class in Python. The same `run(..., out=...)` there goes on with it."
        )
    is_there = (folder / ENVIRONMENT_FILE).exists()
    recorded = read_json(folder / ENVIRONMENT_FILE) if is_there else {}
    sha256 = recorded.get("strategy_sha256")
    strategy = _strategy_or_its_copy(folder, config["strategy"], sha256, trust)
    code = recorded_code(recorded)
    if code and (other := changes(code, strategy)):
        raise InputError(
            f"{folder} cannot be resumed, for this is other code: {in_short(other)}. Begin a "
            f"new run with\n  {_how_to_begin_anew(folder, strategy)}"
        )
    if file := file_of(strategy):
        known = {sha256} if isinstance(sha256, str) else set()
        check_trusted(file, folder / CONFIG_FILE, folder, known, trust)
    return {"strategy": strategy}


def _strategy_or_its_copy(folder: Path, strategy: str, sha256: object, trust: bool) -> str:
    """Return the strategy's name, with the run's own copy if its file is gone."""
    file, copy = file_of(strategy), folder / OWN_FILE
    if file is None or file.exists() or not copy.is_file():
        return strategy
    if sha256_of(copy.read_bytes()) != sha256:
        return strategy
    if not trust:
        raise InputError(
            f"{file}, the strategy of this run, is gone. {copy} is the copy of it that the run "
            f"kept, unchanged: look into it, and add `--trust` to go on with it."
        )
    return with_file(strategy, copy)


def _how_to_begin_anew(folder: Path, strategy: str) -> str:
    # A file that is named on the command line needs no `--trust`.
    named = ["--strategy", strategy] if file_of(strategy) else []
    return shlex.join(["cl-anomaly", "run", "--config", str(folder / CONFIG_FILE), *named])
