"""Perform a run in its folder: begin, resume or finish it, and never repeat it."""

import shlex
import shutil
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cl_anomaly.core.errors import CLAnomalyError, Interrupted, RunError, explained
from cl_anomaly.core.progress import Progress
from cl_anomaly.plan.build import check_together
from cl_anomaly.plan.plan import Plan
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.finished import Finished, find_finished
from cl_anomaly.runs.folder_lock import check_begun, claimed
from cl_anomaly.runs.interrupts import stop_requested_by_signals
from cl_anomaly.runs.run import Run
from cl_anomaly.runs.run_events import RunEvents
from cl_anomaly.runs.tracking import tracked
from cl_anomaly.runs.write_files import write_beginning, write_results
from cl_anomaly.settings.python_values import FAMILY
from cl_anomaly.settings.strategy_names import family_of
from cl_anomaly.store.checkpoints import Checkpoints
from cl_anomaly.store.files import MANIFEST_FILE, check_writable, publish, remove_partial
from cl_anomaly.store.folder_names import checked_name, folder_name
from cl_anomaly.store.provenance import same_by_other_code
from cl_anomaly.store.status import (
    CHECKPOINTS_FOLDER,
    fingerprint_of,
    is_finished,
    write_status,
)

Listener = Callable[[str], Progress]
"""Returns a listener to a run's progress, from the strategy's name."""


def perform(
    plan: Plan,
    out: Path,
    listener: Listener,
    again: bool = False,
    name: str | None = None,
    track: Sequence[str] = (),
) -> Finished:
    """Perform a run, resume it after an interruption, or return its results if it is finished.

    Args:
        again: repeat the run in a new folder.
        name: name of its folder. Default: made from the configuration, the data and the code.
        track: names of trackers that follow the run, see `runs.tracking`.

    Raises:
        InputError: the folder of that name holds another run or something else, or is damaged; or
            the run's parts do not fit together.
        RunError: another process writes there, the run failed, or it could not be written.
        Interrupted: a signal asked the run to end.
    """
    name = checked_name(name) if name else plan.folder
    if again or not (out / name).exists():
        check_together(plan)  # before the folder is made
    check_writable(out)
    return perform_in(plan, out, name, again, listener, track)


def perform_in(
    plan: Plan, out: Path, name: str, again: bool, listener: Listener, track: Sequence[str] = ()
) -> Finished:
    """Perform or resume a run in the folder of that name, see `perform`."""
    with claimed(out, name, again) as folder:
        remove_partial(folder)
        if finished := find_finished(folder, plan):
            remove_checkpoints(folder)
            return finished
        check_begun(folder, plan.config.to_dict(), plan.environment)
        result = _execute(folder, plan, listener, track)
        failures = [str(failure) for failure in result.failures]
        return Finished(folder, failures, True)


def write_run(result: RunFolder, out: Path) -> Path:
    """Write a run that has no folder yet, and return its new folder.

    Raises:
        RunError: it could not be written; no file remains.
    """
    name = folder_name(result.config, result.environment, result.strategy_name)
    with claimed(out, name, again=True) as folder:
        publish(folder, lambda partial: write_results(result, partial), complete=True)
        return folder


def _execute(folder: Path, plan: Plan, listener: Listener, track: Sequence[str]) -> RunFolder:
    with explained("in preparation"):
        run = Run(plan)
    events = RunEvents(run, folder, listener(plan.strategy_name))
    with stop_requested_by_signals() as stop:
        try:
            checkpoints = _load(folder, run, events)
            keeper = Keeper(checkpoints, stop)
            with tracked(run, folder, track, events):
                result = run.execute(events, keeper)
                with explained("while writing the results"):
                    publish(folder, lambda partial: write_results(result, partial), complete=True)
        except Interrupted as interrupted:
            _try_to_write_status(folder, interrupted)
            message = f"interrupted {interrupted}{_how_to_resume(folder, plan, interrupted)}"
            raise Interrupted(message, interrupted.signal) from None
        except RunError as error:
            _try_to_write_status(folder, error)
            raise
        remove_checkpoints(folder)
        return result


def _load(folder: Path, run: Run, progress: Progress) -> Checkpoints:
    """Restore a run from its last checkpoint, or begin it."""
    name = fingerprint_of(run.config.to_dict(), run.environment)
    checkpoints = Checkpoints(folder / CHECKPOINTS_FOLDER, name)
    state = checkpoints.load()
    where = "the beginning"
    if state is not None:
        with explained(f"while resuming from the checkpoint in {folder}"):
            run.restore(state)
        where = f"task {state.values['task']} of {state.values['tasks']}"
    for refused in checkpoints.refused:
        progress.notice(f"{refused} Resuming from an earlier checkpoint: {where}.")
    if state is None:
        if (folder / MANIFEST_FILE).exists() and not checkpoints.refused:
            progress.notice(f"{folder} has no checkpoint: the run starts again.")
        if other := same_by_other_code(folder.parent, run.config.to_dict(), run.environment):
            progress.notice(other)
        publish(folder, lambda partial: write_beginning(run.plan, partial), complete=False)
    elif not checkpoints.refused:
        progress.notice(f"Resuming {folder} from {where}.")
    if why := run.cannot_be_resumed:
        progress.notice(f"If interrupted, this run cannot be resumed: {why}.")
    if run.resumed_on:
        progress.notice(
            "The run began on another machine or with other versions: its last digits may differ. "
            "`timing.json` records this under `resumed_on`."
        )
    write_status(folder, "running", [])
    return checkpoints


def _how_to_resume(folder: Path, plan: Plan, interrupted: Interrupted) -> str:
    if interrupted.cannot_keep:
        why = f". It could not be saved: {interrupted.cannot_keep}"
        return f"{why}. The same command resumes the last checkpoint, or starts again."
    if family_of(plan.config.strategy) == FAMILY:
        return f", and saved in {folder}. The same `run(..., out=...)` in Python resumes it."
    return f", and saved. Resume it with\n  cl-anomaly resume {shlex.quote(str(folder))}"


def _try_to_write_status(folder: Path, error: CLAnomalyError) -> None:
    name = "interrupted" if isinstance(error, Interrupted) else "failed"
    trace = "".join(traceback.format_exception(error))
    # This fails if the disk is full, which the message says, or if only the last fsync failed.
    with suppress(RunError):
        if not is_finished(folder):
            write_status(folder, name, [str(error)], trace if name == "failed" else None)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a finished run."""
    shutil.rmtree(folder / CHECKPOINTS_FOLDER, ignore_errors=True)
