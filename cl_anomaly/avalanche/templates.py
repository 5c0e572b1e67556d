"""Avalanche's templates and plugins by name, fixed where version 0.6 cannot train our model."""

import importlib
import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import torch
from avalanche.core import BasePlugin
from avalanche.training import supervised
from avalanche.training.plugins import GenerativeReplayPlugin, SynapticIntelligencePlugin
from avalanche.training.templates import SupervisedTemplate

from cl_anomaly.avalanche.steps import OurSteps
from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.own_files import load_class, loading
from cl_anomaly.settings.strategy_names import file_of


class ReplayOfInputs(GenerativeReplayPlugin):
    """Generative Replay in which the model is its own generator, and targets are inputs.

    The original extends the targets by labels of 0, and its weighted form computes the loss of the
    batch before the replay.
    """

    old_generator: Any

    def before_training_iteration(self, strategy: Any, **_: Any) -> None:
        """Join the batch with samples from the model as it was after the last task."""
        if not (self.is_weighted_replay or self.untrained_solver):
            replayed = self.old_generator.generate(self._count(strategy))
            strategy.mbatch = [torch.cat([part, replayed]) for part in strategy.mbatch]

    def before_backward(self, strategy: Any, **_: Any) -> None:
        """Add the weighted loss of such samples."""
        if self.is_weighted_replay and not self.untrained_solver:
            replayed = self.old_generator.generate(self._count(strategy))
            loss = strategy._criterion(strategy.model(replayed), replayed)
            strategy.loss += self.weight_replay_loss * loss
            self.weight_replay_loss *= self.weight_replay_loss_factor

    def _count(self, strategy: Any) -> int:
        if self.replay_size:
            return self.replay_size
        past = strategy.experience.current_experience if self.increasing_replay_size else 1
        return len(strategy.mbatch[0]) * past


class GenerativeReplay(SupervisedTemplate):
    """Avalanche's Generative Replay, with the model as its own generator.

    Shin et al., "Continual Learning with Deep Generative Replay" (NeurIPS 2017).
    """

    def __init__(
        self,
        *,
        replay_size: int | None = None,
        increasing_replay_size: bool = False,
        is_weighted_replay: bool = False,
        weight_replay_loss_factor: float = 1.0,
        weight_replay_loss: float = 0.0001,
        plugins: list[Any] | None = None,
        **base: Any,
    ) -> None:
        replay = ReplayOfInputs(
            None,  # type: ignore[arg-type]  # the model is the generator
            True,
            replay_size,
            increasing_replay_size,
            is_weighted_replay,
            weight_replay_loss_factor,
            weight_replay_loss,
        )
        super().__init__(plugins=[*(plugins or []), replay], **base)


class WorkingSI(SynapticIntelligencePlugin):
    """Synaptic Intelligence that keeps copies of weights.

    On a processor, the original's `param.detach().cpu().flatten()` is a view of the weights: every
    difference is 0, and with it the penalty.
    """

    def before_training_exp(self, strategy: Any, **settings: Any) -> None:
        """Keep the weights as they are before the task."""
        super().before_training_exp(strategy, **settings)
        _copy(self.ewc_data[0])

    def before_training_iteration(self, strategy: Any, **settings: Any) -> None:
        """Keep the weights as they are before the step."""
        super().before_training_iteration(strategy, **settings)
        _copy(self.syn_data["old_theta"])


def _copy(weights: Any) -> None:
    for parameter in weights.values():
        parameter.data = parameter.data.clone()


class SynapticIntelligence(SupervisedTemplate):
    """Avalanche's Synaptic Intelligence, working on a processor too.

    Zenke et al., "Continual Learning Through Synaptic Intelligence" (ICML 2017).
    """

    def __init__(
        self,
        *,
        si_lambda: float = 1.0,
        eps: float = 1e-7,
        plugins: list[Any] | None = None,
        **base: Any,
    ) -> None:
        super().__init__(plugins=[*(plugins or []), WorkingSI(si_lambda, eps)], **base)


_MENDED: dict[str, type] = {
    "GenerativeReplay": GenerativeReplay,
    "SI": SynapticIntelligence,
    "SynapticIntelligence": SynapticIntelligence,
}
NAMES = ("Naive", "Cumulative", "Replay", "SI", "EWC", "GenerativeReplay")
"""Names that are known to work behind `avalanche:`."""


def find_template(name: str) -> type:
    """Look up a template or a plugin of Avalanche, or one that is written for it.

    Args:
        name: a name in `avalanche.training.supervised`, a dotted path in Avalanche, FILE.py:CLASS,
            or an entry point in the group `cl_anomaly.avalanche`.

    Raises:
        InputError: there is none.
    """
    found = _look_up(name)
    if not (inspect.isclass(found) and issubclass(found, SupervisedTemplate | BasePlugin)):
        raise InputError(
            f"Expected {name} to be a SupervisedTemplate or a plugin of Avalanche, but got "
            f"{found!r}."
        )
    return found


def _look_up(name: str) -> Any:
    if name in _MENDED:
        return _MENDED[name]
    if (file := file_of(name)) is not None:
        return load_class(file, name.rpartition(":")[2])
    if name in (offered := entry_points(group="cl_anomaly.avalanche")).names:
        with loading(f"the entry point {name} ({offered[name].value})"):
            return offered[name].load()
    module, _, attribute = name.rpartition(".")
    try:
        # A configuration may come from anybody: it must not import arbitrary modules.
        if module and not name.startswith("avalanche."):
            raise ImportError("that is none of Avalanche's own modules")
        return getattr(importlib.import_module(module) if module else supervised, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            setting="strategy",
            expected=f"to be avalanche: and one of {', '.join(NAMES)}, or the dotted "
            "path of another of Avalanche's own, or FILE.py:CLASS",
            got=f"avalanche:{name}: {error}",
        ) from error


# Of version 0.6, whose classes do not declare that they store samples.
_STORING = frozenset(
    "AGEM AGEMPlugin AR1 BiC BiCPlugin CoPE CoPEPlugin Cumulative DER ER_ACE ER_AML GDumb "
    "GDumbPlugin GEM GEMPlugin GSS_greedy GSS_greedyPlugin ICaRL JointTraining MER MIR MIRPlugin "
    "RARPlugin Replay ReplayPlugin SCR".split()
)


def keeps_samples(found: type) -> bool:
    """Return whether a template or plugin, or one of its bases, stores real samples."""
    return any(cls.__name__ in _STORING for cls in found.__mro__)


Make = Callable[..., SupervisedTemplate]


def template_with(found: type, options: dict[str, Any]) -> tuple[Make, list[Any], dict[str, Any]]:
    """Return the template that trains, its plugins, and its options; a plugin is put into Naive."""
    plugins: list[Any] = []
    if issubclass(found, BasePlugin):
        plugins, options, found = [found(**options)], {}, supervised.Naive
    made: Any = type(found.__name__, (OurSteps, found), {"__module__": __name__})
    return made, plugins, options
