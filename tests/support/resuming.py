"""A run whose state goes by way of the disk, as when a process ends and another goes on."""

from pathlib import Path
from typing import Any

from cl_anomaly import RunConfig
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.plan.build import prepare
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.run import Run
from cl_anomaly.store.checkpoints import Checkpoints


def kept(state: State, folder: Path) -> State:
    """Save a state, and load it again."""
    Checkpoints(folder, "test").save(state)
    loaded = Checkpoints(folder, "test").load()
    assert loaded
    return loaded


class Recorder(Keeper):
    """Saves the state every few steps, and keeps it."""

    def __init__(self, folder: Path, every: int) -> None:
        super().__init__()
        self.states: list[State] = []
        self._folder, self._every, self._asked = folder, every, 0

    def pause_reason(self) -> PauseReason:
        self._asked += 1
        return PauseReason.NONE if self._asked % self._every else PauseReason.CHECKPOINT

    def keep(self, state: Any, where: str) -> None:
        self.states.append(kept(state(), self._folder))


def run_from(config: dict[str, Any], keeper: Keeper, state: State | None = None) -> RunFolder:
    """Do a run, or what is left of it where a state was kept."""
    run = Run(prepare(RunConfig(**config)))
    if state:
        run.restore(state)
    return run.execute(Progress(), keeper)
