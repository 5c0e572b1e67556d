"""The base class of strategies: hooks around the one training loop."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from cl_anomaly.core.randomness import Draws, ReplicaRandom
from cl_anomaly.data.datasets import Samples
from cl_anomaly.models import Model
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.shared.kept import Kept


class Strategy:
    """The way a detector learns tasks. Subclass it, and override the hooks that you need.

    Left as it is, it trains on each task alone: the Lower Bound. Hyperparameters are the typed
    keyword arguments of the subclass's `__init__`, which need not call this class's; the command
    line (`--strategy.NAME`), the config file and `cl-anomaly list strategies` read them from there.

    Every tensor in training has the replica axis first: R replicas, each with its own seed, learn
    side by side. A replica's numbers must depend on that replica alone. A run with many seeds may
    divide them among several objects of the class.

    Before each task, `extend` and `penalty` of a copy are called a few times on the same batch, to
    check this; nothing is left of it.

    On a GPU, the hooks of each step (`extend`, `loss`, `penalty`, `after_backward`, `after_step`)
    are recorded in the first steps of a task and then replayed without Python: they must do the
    same work on the same tensors at every step, draw from `random` alone, read no values back
    (`.item()`, `if` on a tensor), and change what they keep in place (`add_`, `copy_`).

    `extend` returns the visible samples first, and those it adds after them: class weights apply to
    the first.

    Attributes:
        name: what `--strategy` calls it. Default: the class's name.
        needs: abilities of a model that it needs, see `models.base.ABILITIES`.
        needs_boundaries: whether it must be told where a task ends and the next begins. Default:
            that of the parent class; yes if it overrides `before_task` or `after_task`. A strategy
            that need not be told learns a stream without boundaries, too: there, hooks are called
            for portions, and `task_number` counts them.
        begins_anew: whether it trains from the first weights at every task. If so, Adam begins anew
            with each portion of a stream without boundaries, too.
        stores_samples: whether it keeps real samples of past tasks. Default: that of the parent
            class; yes if it overrides `training_indices`.
        model: the model in training.
        samples: the training samples; `samples.batch(indices)` looks them up.
        task_number: of the task that is being learnt, from 1.
        random: draws numbers for each replica, from new generators at every task, and again for
            `after_task`.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    needs_boundaries: ClassVar[bool] = False
    begins_anew: ClassVar[bool] = False
    stores_samples: ClassVar[bool] = False
    model: Model
    samples: Samples
    task_number: int
    random: ReplicaRandom

    def __init_subclass__(cls) -> None:
        """Name the subclass, and set its attributes from its hooks, unless it sets them itself."""
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        if "needs_boundaries" not in cls.__dict__ and cls._has_its_own("before_task", "after_task"):
            cls.needs_boundaries = True
        if "stores_samples" not in cls.__dict__ and cls._has_its_own("training_indices"):
            cls.stores_samples = True

    @classmethod
    def _has_its_own(cls, *hooks: str) -> bool:
        """Return whether the class overrides one of these hooks of all its parents."""
        above = [base for base in cls.__bases__ if issubclass(base, Strategy)]
        return any(
            all(getattr(cls, hook) is not getattr(base, hook) for base in above) for hook in hooks
        )

    def training_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        """Return the training samples that one replica may see during a task.

        Args:
            task: the one that has arrived.
            seen: the tasks so far, this one included.

        Returns:
            (n,), int64, places in the training set, each used once an epoch, repeated ones
            repeatedly. Samples that have not arrived are refused.
        """
        return task.indices

    def calibration_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        """Return the samples that set one replica's thresholds after a task.

        Args:
            task: the one that has been learnt.
            seen: the tasks so far, this one included.

        Returns:
            (n,), int64, places in the training set, of samples kept aside. A strategy that keeps no
            past samples has only those of the task.
        """
        return task.calibration

    def recall(self, count: int) -> Tensor | None:
        """Return samples that stand for the past tasks, to set thresholds; None if there are none.

        They are (R, count, *features), drawn from `random`. Past tasks count the same among them.
        """
        return None

    def store_aside(self, tasks: Sequence[Task]) -> None:
        """Store samples kept aside of a task, to set thresholds after later tasks.

        Called after `after_task`, if samples were kept aside; no other hook may look them up.

        Args:
            tasks: the task that has just been learnt, as each of the R replicas saw it.
        """

    def stored_aside(self) -> tuple[Tensor, Sequence[int], Sequence[int]] | None:
        """Return what `store_aside` stored of past tasks, to set thresholds, or None.

        Returns:
            Samples (R, m, *features), as `samples.batch` returns them; how many of the m, the first
            ones, are each replica's; and how many samples of its past these stand for.
        """
        return None

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Keep what the task needs from before it, such as the model.

        Args:
            tasks: the task that has arrived, as each of the R replicas will see it.
        """

    def extend(self, x: Tensor) -> Tensor:
        """Return the batch to train on; called once a step, it must not change any state.

        Args:
            x: (R, B, *features), the batch of visible samples.

        Returns:
            (R, B', *features), float32 in [0, 1], each sample with the same weight in the loss.
        """
        return x

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return each sample's loss, (R, B'), float32: the model's, unless it is overridden.

        Args:
            x: (R, B', *features), the batch that `extend` returned.
            random: what the model draws from.
        """
        return self.model.loss(x, random)

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return the term to add to each replica's loss, (R,).

        A model's parameters have the replica axis first too: `(p**2).flatten(1).sum(1)`.

        Args:
            x: (R, B', *features), the batch that `extend` returned.
        """
        return 0.0

    def after_backward(self) -> None:
        """Read or change the gradients, before the step."""

    def after_step(self) -> None:
        """Take note of the step."""

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Keep what later tasks need.

        Args:
            tasks: the task that has just been learnt, as each of the R replicas saw it.
        """

    @property
    def stepped(self) -> Sequence[Tensor]:
        """List tensors that steps change beside the weights, (R, ...) each, always in place.

        Tensors that require gradients are trained with the weights, by the same Adam. A replica
        that finishes its task before others is reset, at the end, to its last step. The order is
        the same after `load_state_dict`, whatever the order of the state.
        """
        return ()

    @property
    def told_boundaries(self) -> str | None:
        """Name the part that must be told where a task ends, given the options, or None."""
        return f"the strategy {self.name}" if self.needs_boundaries else None

    @property
    def cannot_be_resumed(self) -> str | None:
        """Describe why a run cannot be resumed from `state_dict`, or None if it can."""
        own = type(self)
        if own.state_dict is not Strategy.state_dict or _mentions(own, "kept"):
            return None
        for hook in ("before_task", "after_backward", "after_step", "after_task", "store_aside"):
            if getattr(own, hook) is not getattr(Strategy, hook):
                return f"{self.name} overrides `{hook}`, but keeps nothing in `self.kept`"
        return None

    @classmethod
    def options_class(cls) -> tuple[type, frozenset[str]]:
        """Return the class whose typed arguments are the options, and those to leave out."""
        return cls, frozenset()

    @property
    def kept(self) -> Kept:
        """Everything that later tasks need, by name.

        Tensors (R, ...), dictionaries or lists of them, or frozen modules. Checkpoints and the
        memory in bytes follow from it.
        """
        attributes = vars(self)  # a subclass's `__init__` need not call this class's
        if "kept" not in attributes:
            attributes["kept"] = Kept()
        return attributes["kept"]

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything that is kept, by name; its bytes are the memory."""
        return self.kept.tensors()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.kept.load(state)


def _mentions(cls: type[Strategy], attribute: str) -> bool:
    """Return whether a method of a strategy, or of a parent, names an attribute."""
    above = cls.__mro__[: cls.__mro__.index(Strategy)]
    members = [member for base in above for member in vars(base).values()]
    methods = [getattr(own, "fget", getattr(own, "func", own)) for own in members]
    codes = [inspect.unwrap(own).__code__ for own in methods if inspect.isfunction(own)]
    return any(attribute in own.co_names for own in codes)
