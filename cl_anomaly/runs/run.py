"""A run in progress: the loop over its tasks, its position, and its measurements so far."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from cl_anomaly.core.errors import InputError, explained
from cl_anomaly.core.machine import now, peak_memory
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.state import State
from cl_anomaly.plan.assemble import assemble
from cl_anomaly.plan.plan import Plan
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.measured_cost import cost_of, new_samples
from cl_anomaly.runs.measurements import Measurements
from cl_anomaly.runs.recorded_pictures import PictureRecorder
from cl_anomaly.runs.recorded_thresholds import ThresholdRecord
from cl_anomaly.runs.returned_tasks import about_returned
from cl_anomaly.scenarios.base import all_test_indices
from cl_anomaly.training.outcome import Learnt


@dataclass(frozen=True)
class Position:
    """A run's position.

    Attributes:
        learnt: number of tasks learnt.
        within: whether the next task has begun.
    """

    learnt: int
    within: bool

    @property
    def task(self) -> int:
        """Number of the current task, or of the last one learnt."""
        return self.learnt + self.within


class Run:
    """A run in progress, assembled from its plan."""

    def __init__(self, plan: Plan) -> None:
        """Assemble the parts; raise InputError if they do not fit together."""
        self.plan, self.config, self.environment = plan, plan.config, plan.environment
        self.detector = assemble(plan)
        self._test = plan.dataset.test.to(plan.device)
        # Replicas may differ in their anomaly classes, and in the order of the classes.
        self._test_indices = all_test_indices(plan.scenarios)
        names = plan.parts.recorded_scores(self.config)
        self.measured = Measurements(
            self.config, plan.strategy_name, plan.replicas, plan.scenarios, names
        )
        self.thresholds = ThresholdRecord(plan.replicas, plan.scenarios)
        self.pictures = PictureRecorder(plan.scenarios[0], plan.replicas, self._test_indices)
        self._learnt = 0
        self.resumed_on: list[dict[str, Any]] = []
        self._seconds, self._started, self._keeper = 0.0, time.perf_counter(), Keeper()

    @property
    def cannot_be_resumed(self) -> str | None:
        """Why the run cannot be resumed if interrupted, or None."""
        return self.detector.groups.learners[0].strategy.cannot_be_resumed

    @property
    def position(self) -> Position:
        """The run's current position."""
        return Position(self._learnt, within=self.detector.groups.has_begun)

    def execute(self, progress: Progress, keeper: Keeper | None = None) -> RunFolder:
        """Learn all remaining tasks in turn.

        Raises:
            RunError: a hook of the strategy raised an error or returned a wrong value, or memory
                ran out.
            Interrupted: the keeper was asked to end the run.
        """
        self._keeper = keeper or Keeper()
        self._started = time.perf_counter() - self._seconds
        with explained("before task 1"):
            self._measure_untrained()
        while self._learnt < self._tasks and not self.measured.all_failed:
            with explained(f"in task {self._learnt + 1}"):
                self._learn(self._learnt + 1, progress)
        return self._result()

    @property
    def _tasks(self) -> int:
        return len(self.plan.scenarios[0].tasks)

    def _measure_untrained(self) -> None:
        """Evaluate the detector with its initial weights, unless that has been done."""
        if self._learnt or self.position.within or self.measured.untrained:
            return
        with suppress(InputError):  # some models cannot score before they have learnt a task
            scores = self.detector.untrained_scores_of(self._test, self._test_indices)
            self.measured.add_untrained(scores)

    def _learn(self, task: int, progress: Progress) -> None:
        """Learn a task, or the rest of it, and evaluate."""
        progress.task(task, self._tasks, self.config.epochs)
        learnt = self.detector.learn(
            task,
            progress.step,
            self._keeper.pause_reason,
            paused=lambda: self._keep("in the middle"),
        )
        self.measured.fail(task, learnt.failures)
        for note in self._about_returned().get(task, []):
            progress.notice(note)
        if self.config.calibration:
            self._set_thresholds(task)
        started = now(self.detector.device)
        aurocs = self.measured.add(self.detector.scores_of(self._test, self._test_indices))
        evaluated = now(self.detector.device) - started
        self.measured.timing.append(self._times(task, learnt, evaluated))
        self._record_pictures(task)
        self._learnt = task
        progress.evaluated(task, aurocs)
        self._keep("at the end")

    def _set_thresholds(self, task: int) -> None:
        """Set thresholds after a task, and see how often test samples exceed limits."""
        found = self.detector.calibrate()
        alarms = self.detector.alarms_of(self._test, self._test_indices)
        self.thresholds.add(found, self._set_from(task), alarms)

    def _times(self, task: int, learnt: Learnt, evaluated: float) -> dict[str, Any]:
        """Return the time and the bytes that a task took; `evaluated` is in seconds."""
        groups = self.detector.groups
        return {
            "task": task,
            "training_seconds": learnt.trained.seconds,
            "replay_seconds": learnt.trained.replay_seconds,
            "after_task_seconds": learnt.after_task_seconds,
            "evaluation_seconds": evaluated,
            "samples": learnt.trained.samples,
            "steps": learnt.steps,
            "model_bytes": groups.model_bytes(),
            "strategy_bytes": groups.strategy_bytes(),
            "score_bytes": groups.score_bytes(),
        }

    def _record_pictures(self, task: int) -> None:
        """Keep the losses of a task, and what the first replica makes of test samples."""
        self.pictures.add_losses(task, self.detector.groups.losses())
        if 0 not in self.measured.failures:
            scaling = self.detector.groups.learners[0].strategy.samples.scaling
            test = self._test.scaled_by(scaling and scaling.part(0, 1))
            self.pictures.add(task, self.detector.first_replica(), test)

    def _about_returned(self) -> dict[int, list[str]]:
        models = [learner.strategy.model for learner in self.detector.groups.learners]
        return about_returned(models, list(self.measured.failures))

    def _set_from(self, task: int) -> str:
        learner = self.detector.groups.learners[0]
        if self.config.stream != "concept-agnostic":
            return learner.calibration.basis(task)
        return learner.calibration.basis(learner.strategy.task_number).replace("task", "portion")

    def _keep(self, where: str) -> None:
        self._seconds = time.perf_counter() - self._started
        self._keeper.keep(self.state, f"{where} of task {self.position.task} of {self._tasks}")

    def state(self) -> State:
        """Return everything that is needed to resume."""
        measured, groups = self.measured.state(), self.detector.groups.state()
        thresholds = self.thresholds.state()
        values = {
            "task": self.position.task,
            "learnt": not self.position.within,
            "tasks": self._tasks,
            "seconds": self._seconds,
            "environment": self.environment,
            "resumed_on": self.resumed_on,
            "measured": measured.values,
            "groups": groups.values,
            "thresholds": thresholds.values,
        }
        state = State(values, measured.tensors | groups.tensors | thresholds.tensors)
        state.add("pictures", self.pictures.state_dict())
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned.

        Raises:
            InputError: the run began on another kind of device.
        """
        values = state.values
        begun, here = values["environment"], self.environment
        if begun["device"] != here["device"]:
            raise InputError(
                f"This run began on {begun['device']} and cannot be resumed on {here['device']}."
            )
        # Neither the number of threads nor comments in the strategy's file change results.
        updated = {"strategy_sha256": here["strategy_sha256"]}
        others = [] if here == begun | updated | {"threads": here["threads"]} else [here]
        self.environment, self.resumed_on = begun | updated, values["resumed_on"] + others
        self._seconds = values["seconds"]
        self.measured.restore(State(values["measured"], state.tensors))
        self.thresholds.restore(State(values["thresholds"], state.tensors))
        self.pictures.load_state_dict(state.part("pictures"))
        # Groups may be at different steps, so they stay, whatever the number of threads is now.
        sizes = [group["replicas"] for group in values["groups"]["groups"]]
        self.detector = assemble(self.plan, sizes)
        self._learnt = values["task"] - (not values["learnt"])
        groups = State(values["groups"], state.tensors)
        self.detector.groups.restore(groups, values["task"])

    def _result(self) -> RunFolder:
        measured, plan = self.measured, self.plan
        scores = measured.scores()
        realised = self.thresholds.seen_rates(scores)
        return RunFolder(
            folder=None,
            config=self.config,
            settings=self.config.to_dict(),
            strategy_name=plan.strategy_name,
            environment=self.environment,
            metrics=measured.metrics(realised),
            replicas=plan.replicas,
            headline=measured.headline,
            s=measured.s,
            untrained=measured.untrained,
            seen={**measured.seen, **realised},
            cost=cost_of(plan, measured.timing),
            scores=scores,
            threshold_tables=self.thresholds.tables(scores),
            test_labels=plan.dataset.named_array(plan.dataset.test_labels[self._test_indices]),
            test_indices=self._test_indices.numpy(),
            weights={name: w.numpy() for name, w in self.detector.weights().items()},
            timing=self._timing(measured.timing),
            failures=list(measured.failures.values()),
            strategy_source=plan.strategy_source,
            made_from=asdict(self.detector.blueprint),
            notes=list(chain.from_iterable(self._about_returned().values())),
            statistics={name: s.numpy() for name, s in self.detector.statistics().items()},
            pictures=self.pictures.arrays(),
            losses=self.pictures.losses(measured.failures),
        )

    def _timing(self, tasks: Sequence[dict[str, Any]]) -> dict[str, Any]:
        training = sum(task["training_seconds"] for task in tasks)
        samples = sum(task["samples"] for task in tasks)
        return {
            "total_seconds": time.perf_counter() - self._started,
            "training_seconds": training,
            "checkpoint_seconds": self._keeper.seconds,
            "samples": samples,
            "new_samples": new_samples(self.plan),
            "samples_per_second": samples / training,
            "peak_memory": peak_memory(self.detector.device),
            "score_bytes": self.detector.groups.score_bytes(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "resumed_on": self.resumed_on,
            "tasks": tasks,
        }
