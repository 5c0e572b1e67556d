"""The classes that a configuration names: looked up once, and made with its options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cl_anomaly.core.errors import CLAnomalyError, InputError
from cl_anomaly.models import Model, find_model
from cl_anomaly.models.base import check_abilities
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.plan.agnostic import is_agnostic
from cl_anomaly.scores import CHEAP_SCORES, SCORES
from cl_anomaly.settings.options import Option, fill, options_of
from cl_anomaly.settings.run_config import ResolvedConfig, RunConfig
from cl_anomaly.strategies import Strategy, find_strategy
from cl_anomaly.training.closed_form_fit import check_fits
from cl_anomaly.training.learner import TrainsItself


@dataclass(frozen=True, eq=False)
class Parts:
    """What a configuration names.

    Attributes:
        strategy: its class.
        model: its class.
    """

    strategy: type[Strategy]
    model: type[Model]

    def check_together(self, config: RunConfig) -> None:
        """Refuse what the model cannot do, and options that the strategy does not take.

        Raises:
            InputError: the strategy, the model and the score do not fit together.
        """
        strategy = self.make_strategy(config)
        check_abilities(self.model, strategy.needs, f"the strategy {strategy.name}")
        check_fits(self.model, strategy)
        for name in config.scores:
            check_abilities(self.model, SCORES[name].needs, f"the score {name}")
        if config.class_weights and not self.makes_our_steps:
            raise InputError(
                setting="class_weights",
                expected="with a model and a strategy that train step by step, because"
                " the weights are the loss's",
                got=f"the model {self.model.name} and the strategy {strategy.name}",
            )
        if is_agnostic(config):
            _check_is_agnostic(config, strategy, self.model)
        if config.stream == "concept-aware":
            self._check_is_aware(config)

    @property
    def makes_our_steps(self) -> bool:
        """Whether it is trained by the steps of the one loop, and not in closed form or its own."""
        is_trained = not issubclass(self.model, ClosedForm)
        return is_trained and not issubclass(self.strategy, TrainsItself)

    def _check_is_aware(self, config: RunConfig) -> None:
        """Refuse what can make no use of the task that a test sample belongs to."""
        able = [name for name, score in SCORES.items() if score.can_be_told()]
        told = f"{{}} concept-aware, which needs the score {' or '.join(able)}"
        if not any(SCORES[name].needs <= self.model.abilities for name in able):
            raise InputError(
                setting="stream",
                expected="a model with a distance from each task, such as experts or gaussians, "
                f"for {told}",
                got=self.model.name,
            )
        for name in config.scores:
            if name not in able:
                raise InputError(setting="stream", expected=f"no other score with {told}", got=name)

    def recorded_scores(self, config: ResolvedConfig) -> list[str]:
        """Name the scores that a run records: its own, and the cheap ones that the model allows."""
        if config.stream == "concept-aware":
            return config.scores
        able = [name for name in CHEAP_SCORES if SCORES[name].needs <= self.model.abilities]
        if config.stream == "concept-agnostic":  # nobody is told where a task ends
            able = [name for name in able if not SCORES[name].learns()]
        return list(dict.fromkeys([*able, *config.scores]))

    def strategy_options(self, config: RunConfig) -> dict[str, Any]:
        """Check the strategy's options, and fill in the defaults.

        Raises:
            InputError: one is unknown, missing, or of the wrong type.
        """
        options = strategy_options_of(self.strategy)
        return fill(options, config.strategy_options, self.strategy.name)

    def make_strategy(self, config: RunConfig) -> Strategy:
        """Make the strategy with its options, which are filled in.

        Raises:
            InputError: it does not take them.
        """
        options = config.strategy_options
        try:
            return self.strategy(**options)
        except (CLAnomalyError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit, too
            raise InputError(
                f"{self.strategy.__name__} does not take {options}: {type(error).__name__}: {error}"
            ) from error

    def make_model(
        self, config: RunConfig, features: tuple[int, ...], seeds: Sequence[int]
    ) -> Model:
        """Make R replicas of the model with its options, which are filled in, one for each seed.

        Raises:
            InputError: it does not take them.
        """
        make: Any = self.model
        return make(features, seeds, **config.model_options)


def find_parts(config: RunConfig) -> Parts:
    """Look up what a configuration names; a strategy's file is run for that.

    Raises:
        InputError: there is no such strategy or model, or it cannot be loaded.
    """
    return Parts(find_strategy(config.strategy), find_model(config.model))


def strategy_options_of(strategy: type[Strategy]) -> Sequence[Option]:
    """List the options of a strategy."""
    own, skip = strategy.options_class()
    return options_of(own, skip, untyped=own is not strategy)


def _check_is_agnostic(config: RunConfig, strategy: Strategy, model: type[Model]) -> None:
    """Refuse what must be told where concepts end, or which samples belong to which.

    Args:
        config: of an agnostic stream.
        strategy: with its options.
        model: its class.

    Raises:
        InputError: something must be told.
    """
    told = [strategy.told_boundaries]
    if isinstance(strategy, TrainsItself):
        told.append(f"the strategy {strategy.name}, which trains by a loop of its own,")
    if model.keeps_tasks_apart or model.begin_task is not Model.begin_task:
        told.append(f"the model {model.name}")
    told += [f"the score {name}" for name in config.scores if SCORES[name].learns()]
    if found := next(filter(None, told), None):
        raise InputError(
            setting="stream",
            expected=f"to be concept-incremental, because {found} has to be told where a task ends "
            "and the next begins",
            got="concept-agnostic",
            hint="Give `ratio` a number, such as 1." if found.startswith("`ratio`") else "",
        )
    if config.class_weights:
        raise InputError(
            setting="class_weights",
            expected="no {} with {stream} concept-agnostic, in which training is not told the "
            "class of a sample",
            got=config.class_weights,
        )
