"""A run in its folder: begun, gone on with after an interruption, finished, and never twice."""

import shlex
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cl_anomaly.checkpoints import Checkpoints, Keeper
from cl_anomaly.components import resolve
from cl_anomaly.config import RunConfig
from cl_anomaly.durable import (
    MANIFEST_FILE,
    DamagedError,
    check_files,
    locked,
    publish,
    read_json,
    remove_partial,
)
from cl_anomaly.errors import CLAnomalyError, InputError, Interrupted, RunError, explained
from cl_anomaly.experiment import Result, Run
from cl_anomaly.interrupts import stop_requested_by_signals
from cl_anomaly.names import checked_name
from cl_anomaly.progress import Progress
from cl_anomaly.runs import (
    CHECKPOINTS_FOLDER,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    differences,
    identity,
    is_finished,
    status_of,
    write_status,
)
from cl_anomaly.store import (
    BEGINNING_FILES,
    check_writable,
    folder_name,
    run_fingerprint,
    write_beginning,
    write_results,
)

Listener = Callable[[str], Progress]
"""Makes, from a strategy's name, what is told of a run's progress."""


@dataclass(frozen=True)
class Finished:
    """A run that has its results.

    Attributes:
        folder: with them.
        failures: a sentence for each replica that failed.
        is_new: whether it was not finished before.
    """

    folder: Path
    failures: list[str]
    is_new: bool


def prepare(config: RunConfig) -> Run:
    """Put a run together.

    Raises:
        InputError: its parts do not fit together, or are missing.
        RunError: there is not enough memory for it.
    """
    with explained("in preparation"):
        return Run(resolve(config))


def perform(
    run: Run, out: Path, listener: Listener, again: bool = False, name: str | None = None
) -> Finished:
    """Do what is left of a run: all, the rest after an interruption, or nothing.

    Args:
        run: as it was prepared.
        out: folder for its folder.
        listener: makes what is told of its progress.
        again: do all of it in a folder of its own, whatever there is.
        name: of its folder. Default: made from the configuration, the data, the strategy's file.

    Raises:
        InputError: the folder of that name holds another run or something else, or is damaged.
        RunError: another process writes there, the run failed, or could not be written.
        Interrupted: a signal has asked for its end.
    """
    check_writable(out)
    return _perform(run, out, checked_name(name) if name else folder_name(run), again, listener)


def _perform(run: Run, out: Path, name: str, again: bool, listener: Listener) -> Finished:
    with claimed(out, name, again) as folder:
        remove_partial(folder)
        if found := _finished(folder, run):
            _remove_checkpoints(folder)
            return found
        _begin(folder, run)
        result = _execute(folder, run, listener)
        return Finished(folder, [str(failure) for failure in result.failures], is_new=True)


def find_finished(run: Run, out: Path) -> Finished | None:
    """Find the results of a run, where it has been finished.

    Raises:
        InputError: they are damaged, or those of another run.
    """
    return _finished(out / folder_name(run), run)


def _finished(folder: Path, run: Run) -> Finished | None:
    if not is_finished(folder):
        return None
    _check_same(folder, run)
    return Finished(folder, status_of(folder).why, is_new=False)


def resume(folder: Path, listener: Listener) -> Finished:
    """Go on with the run in a folder.

    Raises:
        InputError: there is none.
        RunError, Interrupted: as in `perform`.
    """
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    if not (folder / CONFIG_FILE).exists():
        raise InputError(
            f"Expected {folder} to be the folder of a run, with a {CONFIG_FILE}, but it is none. "
            f"`cl-anomaly runs` lists those that there are."
        )
    config = read_json(folder / CONFIG_FILE)
    if "runs" in config:
        raise InputError(
            f"Expected {folder} to be a run's, but it is a comparison's, which is complete."
        )
    if (folder / MANIFEST_FILE).exists():
        check_files(folder)
    try:
        run = prepare(RunConfig(**config))
    except TypeError as error:
        raise InputError(f"Expected {folder / CONFIG_FILE} to hold a run: {error}.") from error
    return _perform(run, folder.parent, folder.name, again=False, listener=listener)


def write_run(result: Result, out: Path) -> Path:
    """Write the results of a run that was not performed in a folder into a new one.

    Returns:
        The folder.

    Raises:
        RunError: it could not be written; nothing is left of it.
    """
    with claimed(out, folder_name(result), again=True) as folder:
        publish(folder, lambda partial: write_results(result, partial), complete=True)
        return folder


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
        is_new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=not again)
        except FileExistsError:  # a file, or a folder where a new one is asked for
            continue
        except OSError as error:
            raise RunError(f"Could not make {folder}: {error.strerror}.") from error
        return folder, is_new
    raise AssertionError("unreachable: there is always a next number")


def _check_same(folder: Path, run: Run) -> None:
    """Refuse to take another run, or a damaged one, for this one."""
    try:
        check_files(folder)
    except DamagedError as error:
        raise InputError(f"{error} `--again` runs it anew, in a folder of its own.") from error
    there = identity(read_json(folder / CONFIG_FILE), read_json(folder / ENVIRONMENT_FILE))
    different = differences(there, identity(run.config.to_dict(), run.environment))
    if different:
        listed = "\n  ".join(different)
        raise InputError(
            f"{folder} holds a run of that name with another configuration:\n  {listed}\n"
            f"Give this one another name, or leave `--name` out."
        )


def _begin(folder: Path, run: Run) -> None:
    """Make sure that what is left of a run there is of this one."""
    if (folder / MANIFEST_FILE).exists():
        _check_same(folder, run)
        return
    visible = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    # The configuration is the first that is written.
    if strangers := visible if CONFIG_FILE not in visible else visible - BEGINNING_FILES:
        raise InputError(
            f"Expected {folder} to be the folder of a run, but it holds something else: "
            f"{', '.join(sorted(strangers)[:3])}. Give this run another name, or move that away."
        )
    # What a process leaves that was killed before it had written the manifest is this run's own.
    if ENVIRONMENT_FILE in visible:
        _check_same(folder, run)


def _execute(folder: Path, run: Run, listener: Listener) -> Result:
    progress = listener(run.strategy_name)
    with stop_requested_by_signals() as stop:
        try:
            checkpoints = _load(folder, run, progress)
            keeper = Keeper(checkpoints, stop)
            result = run.execute(progress, keeper)
            with explained("while writing the results"):
                publish(folder, lambda partial: write_results(result, partial), complete=True)
        except Interrupted as interrupted:
            _try_to_write_status(folder, interrupted)
            message = f"interrupted {interrupted}{_how_to_resume(folder, interrupted.cannot_keep)}"
            raise Interrupted(message, interrupted.signal) from None
        except RunError as error:
            _try_to_write_status(folder, error)
            raise
        _remove_checkpoints(folder)
        return result


def _load(folder: Path, run: Run, progress: Progress) -> Checkpoints:
    """Put a run where its last checkpoint was taken, or begin it."""
    checkpoints = Checkpoints(folder / CHECKPOINTS_FOLDER, run_fingerprint(run))
    state = checkpoints.load()
    where = "the beginning"
    if state is not None:
        with explained(f"while going on from the checkpoint in {folder}"):
            run.restore(state)
        where = f"task {state.values['task']} of {state.values['tasks']}"
    for refused in checkpoints.refused:
        progress.notice(f"{refused} Going on from an earlier checkpoint: {where}.")
    if state is None:
        if (folder / MANIFEST_FILE).exists() and not checkpoints.refused:
            progress.notice(f"Nothing had been saved in {folder}: the run begins anew.")
        publish(folder, lambda partial: write_beginning(run, partial), complete=False)
    elif not checkpoints.refused:
        progress.notice(f"Going on with {folder} from {where}.")
    if why := run.cannot_be_resumed:
        progress.notice(f"If this run is interrupted, it will have to begin anew: {why}.")
    if run.resumed_on:
        progress.notice(
            "This is not the machine, or not the versions, that the run began with: its last "
            "digits may differ. `timing.json` will say so, under `resumed_on`."
        )
    write_status(folder, "running", [])
    return checkpoints


def _how_to_resume(folder: Path, cannot_keep: str | None) -> str:
    if cannot_keep:
        why = f". It could not be saved: {cannot_keep}"
        return f"{why}. The same command goes on from the checkpoint before, or begins anew."
    return f", and saved. Go on with\n  cl-anomaly resume {shlex.quote(str(folder))}"


def _try_to_write_status(folder: Path, error: CLAnomalyError) -> None:
    name = "interrupted" if isinstance(error, Interrupted) else "failed"
    trace = "".join(traceback.format_exception(error))
    # Not where the disk is full, which the message says, or where only the last fsync has failed.
    with suppress(RunError):
        if not is_finished(folder):
            write_status(folder, name, [str(error)], trace if name == "failed" else None)


def _remove_checkpoints(folder: Path) -> None:
    shutil.rmtree(folder / CHECKPOINTS_FOLDER, ignore_errors=True)
