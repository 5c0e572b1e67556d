"""A continual anomaly detector with scikit-learn's interface."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from cl_anomaly.core.errors import InputError
from cl_anomaly.detector.stream import (
    Learnt,
    Recipe,
    begin,
    detector_of,
    learn,
    score_each,
    thresholds_of_each,
)
from cl_anomaly.store.estimators import read_estimator, write_estimator

# With contamination="auto": the share kept aside, and the rate of alarms among it.
_RATE = 0.05


class ContinualAnomalyDetector(OutlierMixin, BaseEstimator):
    """Learn normal samples from tasks that arrive one after another, and detect anomalies.

    `fit` learns a first task, `partial_fit` one more. No earlier sample is kept, unless the
    strategy keeps some, as `upper` and `replay` do. Features are scaled so that those of the first
    task range from 0 to 1.

    Args:
        strategy: a name from `cl-anomaly list strategies`, or FILE.py:CLASS.
        model: a name from `cl-anomaly list models`.
        anomaly_score: a name from `cl-anomaly list scores`. (scikit-learn calls a method `score`.)
        strategy_options: the strategy's own keyword arguments.
        model_options: the model's own keyword arguments.
        sample_shape: of one sample, if a row of X holds an image, such as (28, 28).
        epochs: passes over each task's samples.
        batch_size: samples in each batch; all of a task that has fewer.
        learning_rate: of Adam.
        contamination: share of anomalies among the samples of a task, above 0 and at most 0.5; or
            "auto", which keeps every twentieth sample aside, and sets the threshold so that one in
            twenty normal samples is an alarm.
        random_state: an int, a NumPy RandomState, or None for another seed at each fit.

    Attributes:
        offset_: `decision_function` is `score_samples` minus this. NaN if each task has its own
            limit, as with the model `gaussians`: see `decision_function`.
        n_tasks_: how many tasks have been learnt.
        n_features_in_: columns of X.
        feature_names_in_: their names, if X has some.
    """

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        strategy: str = "gr",
        *,
        model: str = "vae",
        anomaly_score: str = "mse",
        strategy_options: dict[str, Any] | None = None,
        model_options: dict[str, Any] | None = None,
        sample_shape: tuple[int, ...] | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        contamination: float | Literal["auto"] = "auto",
        random_state: Any = None,
    ) -> None:
        self.strategy = strategy
        self.model = model
        self.anomaly_score = anomaly_score
        self.strategy_options = strategy_options
        self.model_options = model_options
        self.sample_shape = sample_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.contamination = contamination
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: N803
        """Learn a first task, and forget everything learnt before.

        Args:
            X: (n, n_features), normal samples of the task, two or more.
            y: ignored.

        Raises:
            ValueError: X or an argument of the estimator is invalid.
        """
        return self._learn(X, first=True)

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: N803
        """Learn one more task, or the first; see `fit`."""
        return self._learn(X, first=not hasattr(self, "n_tasks_"))

    def _learn(self, X: ArrayLike, first: bool) -> Self:  # noqa: N803
        x = self._validated(X, reset=first, ensure_min_samples=2)
        self._check_arguments(x.shape[1])
        recipe, shaped = self._recipe(), self._shaped(x)
        try:
            share = _RATE if self.contamination == "auto" else 0.0
            if first:
                seed = int(check_random_state(self.random_state).randint(2**31))
                self._learnt = begin(recipe, shaped, seed, share)
            self._learnt = learn(recipe, self._learnt, shaped, share)
        except InputError as error:
            raise ValueError(str(error)) from error
        self._detector = detector_of(self._learnt)
        self.n_tasks_ = self._learnt.tasks
        if self.contamination != "auto":
            share = float(self.contamination)
            self.offset_ = float(np.percentile(self._normality(x), 100 * share))
        elif self._detector.blueprint.thresholds:
            self.offset_ = -float(self._detector.thresholds(_RATE)[0])
        else:  # each task has a limit
            self.offset_ = math.nan
        return self

    def _validated(self, X: Any, **how: Any) -> NDArray[np.float32]:  # noqa: N803
        checked: Any = validate_data(self, X, dtype=np.float32, **how)
        return checked

    def _check_arguments(self, columns: int) -> None:
        share = self.contamination
        is_share = isinstance(share, int | float) and 0 < share <= 0.5
        if not (share == "auto" or is_share):
            raise ValueError(
                f"Expected `contamination` to be 'auto', or above 0 and at most 0.5, but got "
                f"{share!r}."
            )
        for name in ("epochs", "batch_size"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"Expected `{name}` of 1 or more, but got {getattr(self, name)}.")
        if self.sample_shape is not None and np.prod(self.sample_shape) != columns:
            raise ValueError(
                f"Expected X with {np.prod(self.sample_shape)} columns, as `sample_shape` "
                f"{self.sample_shape} has, but it has {columns}."
            )

    def _recipe(self) -> Recipe:
        return Recipe(
            self.strategy,
            self.strategy_options or {},
            self.model,
            self.model_options or {},
            self.anomaly_score,
            self.epochs,
            self.batch_size,
            self.learning_rate,
        )

    def _shaped(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x.reshape(len(x), *(self.sample_shape or x.shape[1:]))

    def _normality(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        return -score_each(self._detector, self._shaped(x))

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the negative anomaly scores, (n,), as scikit-learn does: higher is more normal."""
        check_is_fitted(self)
        return self._normality(self._validated(X, reset=False))

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return `score_samples` minus `offset_`, (n,): below 0 is an anomaly.

        If each task has its own limit, the offset is that of each sample's nearest task.
        """
        check_is_fitted(self)
        x = self._validated(X, reset=False)
        if not math.isnan(self.offset_):
            return self._normality(x) - self.offset_
        return thresholds_of_each(self._detector, self._shaped(x), _RATE) + self._normality(x)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        """Return 1 for normal samples and -1 for anomalies, (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def nearest_tasks(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        """Return each sample's nearest and second nearest task, which explain an alarm.

        Returns:
            (n, 2), numbers of tasks, from 1; after one task, 0 in the second column.

        Raises:
            InputError: the score knows no distance from each task.
        """
        check_is_fitted(self)
        return self._detector.nearest_tasks(self._shaped(self._validated(X, reset=False)))

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the detector, which `__setstate__` rebuilds."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[arg-type]
        state.pop("_detector", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what `__getstate__` returned."""
        super().__setstate__(state)
        if "_learnt" in state:
            self._detector = detector_of(self._learnt)

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator into a new folder, without pickle.

        Raises:
            InputError: something else is there, or a setting cannot be written as JSON.
            RunError: it could not be written.
        """
        check_is_fitted(self)
        offset = None if math.isnan(self.offset_) else self.offset_  # JSON has no NaN
        fitted: dict[str, Any] = {"offset": offset, "n_features": self.n_features_in_}
        if hasattr(self, "feature_names_in_"):
            fitted["feature_names"] = self.feature_names_in_.tolist()
        values = {"settings": self.get_params(), "fitted": fitted}
        write_estimator(Path(folder), values, dataclasses.asdict(self._learnt))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load an estimator that `save` wrote; no code that lies beside it is run.

        Raises:
            InputError: there is none, or it is damaged.
        """
        values, learnt = read_estimator(Path(folder))
        try:
            estimator, fitted = cls(**values["settings"]), values["fitted"]
            estimator._learnt = Learnt(**learnt)
            offset = fitted["offset"]
            estimator.offset_ = math.nan if offset is None else offset
            estimator.n_features_in_ = fitted["n_features"]
        except (KeyError, TypeError) as error:
            raise InputError(f"Expected {folder} to hold an estimator, but: {error}.") from error
        if names := fitted.get("feature_names"):
            estimator.feature_names_in_ = np.array(names, dtype=object)
        estimator.n_tasks_ = estimator._learnt.tasks
        estimator._detector = detector_of(estimator._learnt)
        return estimator
