"""Resume the run in a folder, after checking its code and its strategy's file."""

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
    """Resume the run in a folder; for a finished run, nothing is loaded or executed.

    Args:
        trust: execute the strategy's file, whoever wrote it.

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
            f"{folder} is not a run folder: it has no {CONFIG_FILE}. `cl-anomaly runs` lists the "
            f"runs."
        )
    config = read_configuration(folder / CONFIG_FILE)
    if "runs" in config:
        raise InputError(
            f"{folder} is the folder of a comparison, which is complete, and not of a run."
        )
    return config


def _strategy_to_run(folder: Path, config: dict[str, Any], trust: bool) -> dict[str, Any]:
    """Return the strategy to resume with, after checking its code and its trust."""
    if not isinstance(config.get("strategy"), str):
        return {}
    if family_of(config["strategy"]) == FAMILY:
        raise InputError(
            f"{folder} cannot be resumed from the command line: its strategy was given as a "
            f"class in Python. The same `run(..., out=...)` there resumes it."
        )
    is_there = (folder / ENVIRONMENT_FILE).exists()
    recorded = read_json(folder / ENVIRONMENT_FILE) if is_there else {}
    sha256 = recorded.get("strategy_sha256")
    strategy = _strategy_or_its_copy(folder, config["strategy"], sha256, trust)
    code = recorded_code(recorded)
    if code and (other := changes(code, strategy)):
        raise InputError(
            f"{folder} cannot be resumed with the current code: {in_short(other)}. Start a "
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
            f"{file}, the strategy of this run, is missing. {copy} is the run's unchanged copy: "
            f"read it, and add `--trust` to resume with it."
        )
    return with_file(strategy, copy)


def _how_to_begin_anew(folder: Path, strategy: str) -> str:
    # A file that is named on the command line needs no `--trust`.
    named = ["--strategy", strategy] if file_of(strategy) else []
    return shlex.join(["cl-anomaly", "run", "--config", str(folder / CONFIG_FILE), *named])
