"""AUROC as a metric for Avalanche's evaluation plugin."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from avalanche.evaluation import GenericPluginMetric, Metric
from avalanche.evaluation.metric_results import MetricValue
from avalanche.evaluation.metric_utils import get_metric_name
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.statistics.detection import placements

Score = Callable[[Any], Tensor]
"""Scores of a batch, (B,), from a strategy after an evaluation step; higher is more anomalous."""


def reconstruction_error(strategy: Any) -> Tensor:
    """Return the mean squared error of a model's output, or of its first part, (B,).

    Raises:
        ValueError: the output does not have the size of the input.
    """
    output, x = strategy.mb_output, strategy.mb_x
    if isinstance(output, tuple | list):
        output = output[0]
    if not isinstance(output, Tensor) or output.numel() != x.numel():
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f"Expected the model to reconstruct its input {tuple(x.shape)}, but got {got}. Give "
            "`AUROC(score=...)` a function of the strategy that returns one number for each "
            "sample, such as `lambda strategy: -strategy.mb_output.logsumexp(1)`."
        )
    return (output.flatten(1) - x.flatten(1)).square().mean(1)


class _Scores(Metric[tuple[NDArray[Any], NDArray[Any]]]):
    """The scores and labels of a pass over a stream."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, **_: Any) -> None:
        self.scores: list[Tensor] = []
        self.labels: list[Tensor] = []

    def update(self, scores: Tensor, labels: Tensor) -> None:
        self.scores.append(scores.detach().float().cpu())
        self.labels.append(labels.detach().cpu())

    def result(self, **_: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        return torch.cat(self.scores).numpy(), torch.cat(self.labels).numpy()


class AUROC(GenericPluginMetric[Any, _Scores]):
    """AUROC of the anomaly class, after each evaluation on a whole test stream.

    Emits `AUROC/eval_phase/test_stream`, against all classes trained on so far, and the same with
    the suffix `/Class001` against each normal class. Nothing is emitted for a part of the stream
    without the anomaly class. The first is left out if any of its classes is missing.

    Args:
        anomaly_class: never trained on.
        score: of each sample. Default: the mean squared error of a reconstruction.
    """

    def __init__(self, anomaly_class: int = 0, score: Score = reconstruction_error) -> None:
        super().__init__(_Scores(), reset_at="stream", emit_at="stream", mode="eval")
        self._anomaly_class, self._score = anomaly_class, score
        self._seen: set[int] = set()
        self._position = 0

    def __str__(self) -> str:
        """Return the head of the metric's name."""
        return "AUROC"

    def before_training_exp(self, strategy: Any) -> Any:
        """Note which classes are trained on."""
        self._seen |= {int(label) for label in strategy.experience.dataset.targets.uniques}
        return super().before_training_exp(strategy)

    def before_eval_exp(self, strategy: Any) -> Any:
        """Begin with an experience's first sample."""
        self._position = 0
        return super().before_eval_exp(strategy)

    def update(self, strategy: Any) -> None:
        """Score a batch.

        Raises:
            ValueError: there is not one score for each sample.
        """
        scores, labels = self._score(strategy), strategy.mb_y
        if labels.dim() != 1 or labels.is_floating_point():
            # Targets are not labels; evaluation goes through them in order.
            targets = strategy.experience.dataset.targets
            places = range(self._position, self._position + len(strategy.mb_x))
            labels = torch.tensor([int(targets[place]) for place in places])
        if scores.shape != labels.shape:
            raise ValueError(
                f"Expected `score` to give one number for each sample, {tuple(labels.shape)}, but "
                f"got {tuple(scores.shape)}."
            )
        self._position += len(labels)
        self._metric.update(scores, labels)

    def _package_result(self, strategy: Any) -> list[MetricValue]:
        scores, labels = self._metric.result()
        normal = labels != self._anomaly_class
        if normal.all() or not normal.any():
            return []
        placed, classes = placements(scores[normal], scores[~normal]), labels[normal]
        name = get_metric_name(self, strategy, add_experience=False, add_task=False)
        values = {
            f"{name}/Class{label:03d}": placed[classes == label].mean()
            for label in np.unique(classes)
        }
        seen = self._seen - {self._anomaly_class}
        if seen and seen <= set(classes.tolist()):
            values[name] = placed[np.isin(classes, list(seen))].mean()
        step = strategy.clock.train_iterations
        return [MetricValue(self, key, float(value), step) for key, value in values.items()]
