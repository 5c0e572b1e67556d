"""What every strategy is: hooks around the one training loop."""

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
    """How a detector learns task after task. Subclass it, and override the hooks that you need.

    Left as it is, it trains on each task alone: the Lower Bound. Hyperparameters are the typed
    keyword arguments of the subclass's `__init__`, which need not call this class's; the command
    line (`--strategy.NAME`), the config file and `cl-anomaly list strategies` read them from there.

    Every tensor in training has the replica axis first: R replicas, each with its own seed, learn
    side by side. A replica's numbers must depend on that replica alone. A run with many seeds may
    divide them among several objects of the class.

    Before each task a copy of the strategy is asked for `extend` and `penalty`, a few times on the
    same batch, to see that it keeps to this; nothing is left of it.

    On a GPU, what is called at every step (`extend`, `loss`, `penalty`, `after_backward`,
    `after_step`) is recorded in the first steps of a task and then replayed without Python: it must
    do the same work on the same tensors at every step, draw from `random` alone, and read no values
    back (`.item()`, `if` on a tensor). What it keeps, it changes in place (`add_`, `copy_`).

    `extend` gives the visible samples first and what it adds after them: where the user weighs
    classes, the weights are those of the first.

    Attributes:
        name: what `--strategy` calls it. Default: the class's name.
        needs: abilities of a model that it needs, see `models.base.ABILITIES`.
        needs_boundaries: whether it must be told where a task ends and the next begins. Default:
            that of the class above; yes where it has a `before_task` or `after_task` of its own.
            One that need not be told learns a stream without boundaries, too: there, what its hooks
            are called for, and `task_number` counts, are portions.
        begins_anew: whether it trains from the first weights at every task. If so, Adam begins anew
            with each portion of a stream without boundaries, too.
        stores_samples: whether it keeps real samples of past tasks. Default: that of the class
            above; yes where it has a `training_indices` of its own.
        model: the model in training.
        samples: the training samples; `samples.batch(indices)` looks them up.
        task_number: of the task that is being learnt, from 1.
        random: draws numbers for each replica, from new generators at every task, and again for
            `after_task`.
        kept: what later tasks need, by name: tensors (R, ...), dictionaries or lists of them, or
            frozen modules. What resume writes and loads, and the memory in bytes, follow from it.
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
        """Name the subclass and say what its hooks tell of it, where it does not do so itself."""
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        if "needs_boundaries" not in cls.__dict__ and cls._has_its_own("before_task", "after_task"):
            cls.needs_boundaries = True
        if "stores_samples" not in cls.__dict__ and cls._has_its_own("training_indices"):
            cls.stores_samples = True

    @classmethod
    def _has_its_own(cls, *hooks: str) -> bool:
        """Get whether the class has one of these hooks from elsewhere than from all strategies."""
        above = [base for base in cls.__bases__ if issubclass(base, Strategy)]
        return any(
            all(getattr(cls, hook) is not getattr(base, hook) for base in above) for hook in hooks
        )

    def training_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        """Describe which training samples one replica may see during a task.

        Args:
            task: the one that has arrived.
            seen: the tasks so far, this one included.

        Returns:
            (n,), int64, places in the training set, each used once an epoch; one that is given
            twice is used twice. Samples that have not arrived are refused.
        """
        return task.indices

    def calibration_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        """Describe from which samples one replica's thresholds may be set after a task.

        Args:
            task: the one that has been learnt.
            seen: the tasks so far, this one included.

        Returns:
            (n,), int64, places in the training set, of what was kept aside. A strategy that keeps
            no past samples has those of its own task alone.
        """
        return task.calibration

    def recall(self, count: int) -> Tensor | None:
        """Make samples that stand for the past tasks, to set thresholds; None if there are none.

        Args:
            count: how many, for each replica.

        Returns:
            (R, count, *features), drawn from `random`. Past tasks count the same among them.
        """
        return None

    def store_aside(self, tasks: Sequence[Task]) -> None:
        """Store samples that were kept aside of a task, to set thresholds after later tasks.

        Called after `after_task`, where samples were kept aside; no other hook may look them up.

        Args:
            tasks: the task that has just been learnt, as each of the R replicas saw it.
        """

    def stored_aside(self) -> tuple[Tensor, Sequence[int], Sequence[int]] | None:
        """Return stored samples of past tasks that were kept aside, to set thresholds, or None.

        They were never trained on, see `store_aside`.

        Returns:
            Samples (R, m, *features), as `samples.batch` gives them; how many of the m are each
            replica's, the first ones; and for how many samples of its past these stand.
        """
        return None

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Keep what the task needs of how things were before it, such as the model.

        Args:
            tasks: the task that has arrived, as each of the R replicas will see it.
        """

    def extend(self, x: Tensor) -> Tensor:
        """Return the batch that is trained on; called once a step, it must not change any state.

        Args:
            x: (R, B, *features), the batch of visible samples.

        Returns:
            (R, B', *features), float32 in [0, 1], each sample with the same weight in the loss.
        """
        return x

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return each sample's loss, (R, B'), float32: the model's, unless it is overridden.

        Args:
            x: (R, B', *features), the batch as `extend` gave it.
            random: what the model draws from.
        """
        return self.model.loss(x, random)

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return what is added to each replica's loss, (R,).

        A model's parameters have the replica axis first too: `(p**2).flatten(1).sum(1)`.

        Args:
            x: (R, B', *features), the batch as `extend` gave it.
        """
        return 0.0

    def after_backward(self) -> None:
        """Change or read the gradients, which are there; the step has not been made yet."""

    def after_step(self) -> None:
        """Take note of a step that has been made."""

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Keep what later tasks need.

        Args:
            tasks: the task that has just been learnt, as each of the R replicas saw it.
        """

    @property
    def stepped(self) -> Sequence[Tensor]:
        """List what steps change beside the model's weights, (R, ...) each, always in place.

        What requires gradients is trained with the weights, by the same Adam. A replica that is
        through with its task before others is put back, at the end, to where it was then. The order
        is the same after `load_state_dict`, whatever the order of the state is.
        """
        return ()

    @property
    def told_boundaries(self) -> str | None:
        """Name what must be told where a task ends, with the options as they are, or None."""
        return f"the strategy {self.name}" if self.needs_boundaries else None

    @property
    def cannot_be_resumed(self) -> str | None:
        """Describe why nothing else can go on from what `state_dict` gives, where that is so."""
        own = type(self)
        if own.state_dict is not Strategy.state_dict or _mentions(own, "kept"):
            return None
        for hook in ("before_task", "after_backward", "after_step", "after_task", "store_aside"):
            if getattr(own, hook) is not getattr(Strategy, hook):
                return f"{self.name} overrides `{hook}`, but keeps nothing in `self.kept`"
        return None

    @classmethod
    def options_class(cls) -> tuple[type, frozenset[str]]:
        """Describe whose typed arguments the options are, and which of them are none: its own."""
        return cls, frozenset()

    @property
    def kept(self) -> Kept:
        """Everything that the hooks keep for later tasks."""
        own = vars(self)  # as `__init__` of a subclass need not call this class's
        if "kept" not in own:
            own["kept"] = Kept()
        return own["kept"]

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything that is kept, by name; its bytes are the memory."""
        return self.kept.tensors()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""
        self.kept.load(state)


def _mentions(cls: type[Strategy], attribute: str) -> bool:
    """Return whether a method of a strategy, or of what it is built on, names an attribute."""
    above = cls.__mro__[: cls.__mro__.index(Strategy)]
    members = [member for base in above for member in vars(base).values()]
    methods = [getattr(own, "fget", getattr(own, "func", own)) for own in members]
    codes = [inspect.unwrap(own).__code__ for own in methods if inspect.isfunction(own)]
    return any(attribute in own.co_names for own in codes)
