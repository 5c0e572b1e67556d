"""Options of a strategy or a model that `--help` is asked about."""

from collections.abc import Callable, Sequence

from cl_anomaly.cli.flags import Command, Given
from cl_anomaly.engines.registry import engine_options
from cl_anomaly.settings.catalogue import catalogue, check_strategy_name, model_entry
from cl_anomaly.settings.options import Option
from cl_anomaly.settings.run_config import RunConfig


def own_options(command: Command, given: Given) -> list[tuple[str, str, Sequence[Option]]]:
    """Return the options of the strategy and the model that `--help` is asked about."""
    own: list[tuple[str, str, Sequence[Option]]] = []
    for owner in command.dotted:
        name = given.values.get(owner) or _DEFAULTS[owner]
        options = _OPTIONS_OF[owner](name)
        own.append((owner, f"options of the {owner} {name}", options))
    return own


def _options_of_strategy(name: str) -> Sequence[Option]:
    check_strategy_name(name)
    if known := catalogue("strategies").get(name):
        return known.options
    from cl_anomaly.plan.classes import strategy_options_of
    from cl_anomaly.strategies import find_strategy

    return strategy_options_of(find_strategy(name))


def _options_of_model(name: str) -> Sequence[Option]:
    return model_entry(name).options


_OPTIONS_OF: dict[str, Callable[[str], Sequence[Option]]] = {
    "strategy": _options_of_strategy,
    "model": _options_of_model,
    "engine": engine_options,
}
_DEFAULTS = {"strategy": RunConfig.strategy, "model": RunConfig.model, "engine": "local"}
