"""A configuration with its names and options checked, and the classes that it names.

Making one imports no PyTorch; its classes are loaded when they are first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from cl_anomaly.data.dataset_names import located
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.plan.agnostic import check_portion
from cl_anomaly.plan.check import check_classes, check_dataset_name, check_scenario
from cl_anomaly.settings.catalogue import (
    check_strategy_name,
    model_options_of,
    names_of,
    options_by_name,
)
from cl_anomaly.settings.options import fill
from cl_anomaly.settings.python_values import GivenStrategy
from cl_anomaly.settings.run_config import ResolvedConfig, RunConfig
from cl_anomaly.settings.strategy_names import within_family

if TYPE_CHECKING:
    from cl_anomaly.plan.classes import Parts

FITTED_TO_DATA = frozenset({"reconstruction"})
"""Options of models whose default depends on the data: they are left open until it is loaded."""


@dataclass(frozen=True, eq=False)
class Specification:
    """What was asked for, checked as far as that needs no data.

    Attributes:
        config: whose names exist, and whose options are filled in. Those of a strategy from a file,
            another package or a family are as they were given.
    """

    config: RunConfig

    @cached_property
    def classes(self) -> Parts:
        """The classes of its strategy and its model; a strategy's file is run for that.

        Raises:
            InputError: there is no such strategy, or it cannot be loaded.
        """
        from cl_anomaly.plan.classes import find_parts

        return find_parts(self.config)


def specify(config: RunConfig) -> Specification:
    """Check names and options as far as that needs no loading, and fill in the options' defaults.

    Raises:
        InputError: there is no such strategy, model or dataset, or it has no such option, or that
            has the wrong type.
    """
    if isinstance(config, ResolvedConfig):  # checked before; its data may have been sent here
        return Specification(config)
    if not isinstance(config.strategy, GivenStrategy):
        check_strategy_name(config.strategy)
    dataset = config.dataset and located(config.dataset, data_roots(config.data_root))
    if dataset != config.dataset:
        config = replace(config, dataset=dataset)
    check_dataset_name(config)
    check_scenario(config)
    check_portion(config)
    check_classes(config)
    options = config.strategy_options
    if config.strategy in names_of("strategy"):
        options = fill(options_by_name("strategy", config.strategy), options, config.strategy)
    given = config.model_options
    model_options = fill(model_options_of(config.model), given, within_family(config.model))
    for name in FITTED_TO_DATA - given.keys():
        model_options.pop(name, None)
    return Specification(replace(config, strategy_options=options, model_options=model_options))
