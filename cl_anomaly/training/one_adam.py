"""Steps on a portion: those of a task, by an Adam that goes on from one portion to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.state import State
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import named
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.step import TrainingSettings, TrainStep
from cl_anomaly.training.task import TaskTraining

_ADAM = "adam."


class PortionTraining(TaskTraining):
    """Training on a portion, with the Adam that was trained with before.

    Args:
        strategy: prepared for the portion.
        indices: R tensors (n,), int64, the samples that each replica may see; all as many.
        seeds: one for each replica.
        settings: how.
        adam: its moments so far, by name as in `TrainStep.state`; empty at the beginning.

    Attributes:
        adam: the same after the portion.

    Raises:
        RunError: replicas see different numbers of samples: one Adam could not count their steps.
    """

    def __init__(
        self,
        strategy: Strategy,
        indices: Sequence[Tensor],
        seeds: Sequence[int],
        settings: TrainingSettings,
        adam: Mapping[str, Tensor],
    ) -> None:
        super().__init__(strategy, indices, seeds, settings)
        self.adam = adam
        if len(set(self.steps)) > 1:
            counts = ", ".join(str(len(own)) for own in indices)
            raise RunError(
                f"Expected {named(strategy, 'training_indices')} to give as many samples to each "
                f"replica of a stream without boundaries, but in portion {strategy.task_number} it "
                f"gave {counts}. Run one seed at a time."
            )

    def _new_step(self) -> TrainStep:
        step = super()._new_step()
        if self.adam:
            begun = step.state()
            begun.tensors.update(self.adam)
            step.restore(begun)
        return step

    def _conclude(self) -> None:
        if self._step:
            moments = self._step.state().tensors
            self.adam = {name: own for name, own in moments.items() if name.startswith(_ADAM)}
        super()._conclude()


class LearnerOfPortions(Learner):
    """Replicas whose tasks are portions: Adam goes on from one to the next."""

    adam: Mapping[str, Tensor] = MappingProxyType({})

    def _new_steps(self, visible: Sequence[Tensor], settings: TrainingSettings) -> PortionTraining:
        adam = {} if self.strategy.begins_anew else self.adam
        return PortionTraining(self.strategy, visible, self.seeds, settings, adam)

    def conclude(self) -> None:
        """Keep Adam for the next portion, and let the strategy keep what it needs of this one."""
        if isinstance(self.training, PortionTraining):
            self.adam = self.training.adam
        super().conclude()

    def state(self) -> State:
        """Return what `Learner` does, and Adam between two portions."""
        state = super().state()
        state.add("adam", dict(self.adam))
        return state

    def restore(self, state: State, number: int) -> None:
        """Be where `state` was given, see `Learner`; `number` is the portion's."""
        self.adam = state.part("adam")
        super().restore(state, number)
