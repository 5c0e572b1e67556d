"""The interface from Python: perform a run, on the screen and in a folder if wanted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.progress import Progress
from cl_anomaly.listeners.screen import Screen
from cl_anomaly.listeners.trackers import check_trackers
from cl_anomaly.plan.build import prepare
from cl_anomaly.results.run_folder import RunFolder, read_run
from cl_anomaly.runs.perform import Listener, perform
from cl_anomaly.runs.run import Run
from cl_anomaly.settings.run_config import RunConfig


def run(
    config: RunConfig,
    progress: Progress | bool | None = None,
    *,
    out: str | Path | None = None,
    again: bool = False,
    name: str | None = None,
    track: Sequence[str] = (),
) -> RunFolder:
    """Train one strategy on one scenario, and evaluate it after every task.

    A replica whose training or scores are no longer finite numbers ends; see `RunFolder.failures`.

    Args:
        config: all of the run.
        progress: True shows it, False does not, and an object of yours is told of it. Default:
            shown in a terminal and in a notebook.
        out: folder for the run's folder, as `cl-anomaly run --out` leaves it. With it, a run that
            is finished there is read and not repeated, and one that was interrupted is gone on
            with. Default: nothing is kept.
        again: with `out`, run it anew in a folder of its own, whatever there is.
        name: with `out`, the name of the run's folder.
        track: with `out`, names of trackers that follow the run, such as "tensorboard".

    Raises:
        InputError: something in the configuration or the data is not as expected; raised before
            training starts.
        RunError: training failed, or the results could not be written.
        Interrupted: with `out`, a signal has asked for the end, as Ctrl-C does.
    """
    if check_trackers(track) and out is None:
        raise InputError(
            "Expected `out` with `track`: what is tracked lies beside the run's folder."
        )
    plan = prepare(config)
    if out is not None and plan.strategy_source == "":
        raise InputError(
            f"Expected a strategy with source code that can be read, so that its results are known "
            f"by it, but Python has kept none of {plan.strategy_name}. Put the class into a file, "
            f"or leave `out` out."
        )
    with _shown(progress) as listener:
        if out is None:
            return Run(plan).execute(listener(plan.strategy_name))
        done = perform(plan, Path(out), listener, again, name, track)
    return read_run(done.folder)


@contextmanager
def _shown(progress: Progress | bool | None) -> Iterator[Listener]:
    """Return what makes, from a strategy's name, what is told of a run's progress."""
    if isinstance(progress, Progress):
        yield lambda _: progress
        return
    console = Console(stderr=True)
    if console.is_terminal or console.is_jupyter if progress is None else progress:
        with Screen() as screen:
            yield screen.listener
    else:
        yield lambda _: Progress()
