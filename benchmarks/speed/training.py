"""Training: one replica and ten, beside a hand-written loop and the rate of matrix products."""

import copy
from collections.abc import Iterator
from functools import partial

import torch
from clock import gemm_rate, in_turns, seconds
from plain_loop import train as train_plain
from report import Row

from cl_anomaly.core.products import set_up_processor
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.shared.fisher import fisher_diagonal
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.run import Run
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.training.interfaces import GroupLearner
from cl_anomaly.training.loop import TaskTraining


class Ours:
    """Our training of the first task, from the same first weights at every measurement."""

    def __init__(self, config: RunConfig, **settings: object) -> None:
        together = config.to_dict() | {"strategy": "lower", "epochs": 1} | settings
        self.run = Run(prepare(RunConfig(**together)))  # type: ignore[arg-type]
        models = [learner.strategy.model for learner in self.run.detector.groups.learners]
        self._start = [copy.deepcopy(model.state_dict()) for model in models]

    @property
    def samples(self) -> torch.Tensor:
        """Those of the first task, (n, features), float32: what a plain loop trains on."""
        learner = self.run.detector.groups.learners[0]
        return learner.strategy.samples.batch(_visible(learner)).flatten(1)

    def seconds_per_sample(self) -> float:
        """Train for the configured epochs."""
        set_up_processor()
        total, samples = 0.0, 0
        for learner, start in zip(self.run.detector.groups.learners, self._start, strict=True):
            learner.strategy.model.load_state_dict(start)
            learner.begin(1)
            time = learner.train(_tell_nobody)
            total, samples = total + time.seconds, samples + time.samples
        return total / samples

    def flops_per_sample(self) -> int:
        """Of the matrix products: one forward, two backward but for the first layer's input."""
        parameters = self.run.detector.groups.learners[0].strategy.model.named_parameters()
        weights = [p[0].numel() for name, p in parameters if name.endswith("weight")]
        return 2 * (3 * sum(weights) - weights[0])


def one_replica(config: RunConfig, repeats: int) -> Iterator[Row]:
    """A single seed in float32, against the plain loop."""
    for epochs, flush, note in _PLAIN_LOOPS:
        ours = Ours(config, seeds=1, precision="float32", epochs=epochs)
        batch = ours.run.config.batch_size
        measured = _beside_plain_loop(ours, flush, repeats)
        yield Row(
            f"one replica, float32, batch {batch}: time per step, ours / plain loop ({note})",
            measured["ours"] / measured["plain"],
            f"{measured['ours'] * batch * 1e3:.2f} / {measured['plain'] * batch * 1e3:.2f} ms",
            at_most=1.05,
        )


def ten_replicas(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Ten seeds in the machine's own precision, against the plain loop with one in float32."""
    for epochs, flush, note in _PLAIN_LOOPS:
        ours = Ours(config, seeds=10, precision="auto", epochs=epochs)
        measured = _beside_plain_loop(ours, flush, repeats)
        yield Row(
            f"ten replicas, {ours.run.config.precision}, batch {ours.run.config.batch_size}: "
            f"samples/s, ours / plain float32 loop of one ({note})",
            measured["plain"] / measured["ours"],
            f"{1 / measured['ours']:,.0f} / {1 / measured['plain']:,.0f} samples/s",
            at_least=2.3,
        )


# A loop whose author knows what denormals cost, and one whose author does not. They come once the
# decoder is sure of its background, so that the second falls behind after some epochs.
_PLAIN_LOOPS = (
    (1, True, "1 epoch; denormals off in both"),
    (10, False, "10 epochs; the loop as one writes it"),
)


def _beside_plain_loop(ours: Ours, flush_denormals: bool, repeats: int) -> dict[str, float]:
    config = ours.run.config
    plain = partial(
        train_plain,
        ours.samples,
        config.epochs or 1,
        config.batch_size,
        config.model_options["latent_size"],
        flush_denormals,
    )
    return in_turns({"ours": ours.seconds_per_sample, "plain": plain}, repeats)


def share_of_gemm(config: RunConfig, repeats: int) -> Iterator[Row]:
    """How near training comes to the machine's own rate of matrix products."""
    tasks = Ours(config, seeds=1).run.plan.scenarios[0].tasks
    most = min(len(task.indices) for task in tasks)  # on digits, that is less than 320
    for precision, wanted, target in (("float32", 64, 0.75), ("auto", 320, 0.60)):
        batch = min(wanted, most)
        ours = Ours(config, seeds=10, precision=precision, batch_size=batch)
        gemm = partial(gemm_rate, ours.run.plan.precision)
        measured = in_turns({"ours": ours.seconds_per_sample, "gemm": gemm}, repeats)
        reached = ours.flops_per_sample() / measured["ours"]
        yield Row(
            f"ten replicas, {ours.run.config.precision}, batch {batch}: share of the GEMM rate",
            reached / measured["gemm"],
            f"{reached / 1e9:.0f} of {measured['gemm'] / 1e9:.0f} GFLOP/s",
            at_least=target,
        )


def fisher(config: RunConfig, repeats: int) -> Iterator[Row]:
    """EWC's Fisher information, against a training epoch on the same samples."""
    ours = Ours(config, seeds=1, precision="auto")
    (learner,) = ours.run.detector.groups.learners
    visible = [_visible(learner)[:6000]]
    model, samples = learner.strategy.model, learner.strategy.samples

    def fisher_seconds() -> float:
        random = ReplicaRandom(learner.seeds, "after task", 1)
        return seconds(lambda: fisher_diagonal(model, samples, visible, random))

    def epoch_seconds() -> float:
        training = TaskTraining(learner.strategy, visible, learner.seeds, learner.settings)
        return training.run(_tell_nobody).seconds

    measured = in_turns({"fisher": fisher_seconds, "epoch": epoch_seconds}, repeats)
    yield Row(
        f"Fisher information of {len(visible[0]):,} samples / one training epoch on them",
        measured["fisher"] / measured["epoch"],
        f"{measured['fisher'] * 1e3:.0f} / {measured['epoch'] * 1e3:.0f} ms",
        at_most=2,
    )


def curve(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Samples a second against the number of replicas, on the device that there is."""
    for replicas in (1, 4, 10, 40, 100):
        ours = Ours(config, seeds=replicas, precision="auto", device="auto")
        measured = in_turns({"ours": ours.seconds_per_sample}, repeats)
        at_once = max(len(learner.seeds) for learner in ours.run.detector.groups.learners)
        yield Row(
            f"samples/s, {replicas} replica{'s' if replicas > 1 else ''}, "
            f"{ours.run.plan.device.type}, {ours.run.config.precision}",
            1 / measured["ours"],
            f"{at_once} at once",
        )


def _visible(learner: GroupLearner) -> torch.Tensor:
    """Where the samples of the first task are, (n,)."""
    learner.begin(1)
    scenario = learner.scenarios[0]
    return learner.strategy.training_indices(scenario.tasks[0], scenario.tasks[:1])


def _tell_nobody(*_: object) -> None:
    pass
