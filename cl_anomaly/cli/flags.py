"""How flags are written, and read before there is a parser for them."""

from collections.abc import Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from cl_anomaly.errors import InputError

# What `RunConfig` keeps in a dictionary is written with a dot on the command line.
_DOTTED = {"--strategy.": "--strategy-options.", "--model.": "--model-options."}


class Parser(ArgumentParser):
    """Writes flags with dashes, and the options of strategies and models with a dot."""

    def __init__(self, **settings: Any) -> None:
        # And not YAML where that is installed: its parser crashes on what is nested deeply.
        super().__init__(parser_mode="json", **settings)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # type: ignore[override]
        """Say what is wrong as the program says everything."""
        raise InputError(f"{message}\nSee `{self.prog} --help`.") from ex

    def add_argument(self, *flags: Any, **settings: Any) -> Any:
        """Add an argument."""
        dashed = [f.replace("_", "-") if f.startswith("--") else f for f in flags]
        action: Any = super().add_argument(*dashed, **settings)
        for shown, kept in _DOTTED.items():
            action.option_strings = [s.replace(kept, shown) for s in action.option_strings]
        return action


def undotted(argument: str) -> str:
    """Write the options of strategies and models as `RunConfig` keeps them."""
    for shown, kept in _DOTTED.items():
        if argument.startswith(shown):
            name, equals, value = argument.removeprefix(shown).partition("=")
            return kept + name.replace("-", "_") + equals + value
    return argument


def values_of(given: Sequence[str], flag: str) -> list[str]:
    """Read a flag that must be known before the parser can be made."""
    values = []
    for argument, following in zip(given, [*given[1:], None], strict=False):
        if argument == flag and following is not None:
            values.append(following)
        elif argument.startswith(f"{flag}="):
            values.append(argument.removeprefix(f"{flag}="))
    return values
