"""Flags and operands of commands, read by the types of the settings."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import Option
from cl_anomaly.settings.values import Text


class Kind(click.ParamType):
    """An option's type as click's parameter type."""

    def __init__(self, option: Option, complete: Callable[[], Iterable[str]] | None = None) -> None:
        self.option, self.name, self._complete = option, option.name, complete

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Convert the typed value to the option's type; refuse a flag in place of a value."""
        if isinstance(param, Flag) and value.startswith("--"):
            raise without_value(param.opts[0], value)
        return self.option.checked(Text(value))

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Offer known names and files."""
        names = self._complete() if self._complete else choices(self.option)
        items = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return items or [CompletionItem(incomplete, type="file")]


class Flag(click.Option):
    """An option given as `--name VALUE`, or as `--name` if it is true or false.

    Args:
        group: heading in `--help`.
        multiple: whether the flag may be given several times; its values are then a list.
        short: short name, such as -o.
        complete: returns the names that a shell offers.
    """

    def __init__(
        self,
        option: Option,
        group: str = "Options",
        multiple: bool = False,
        short: str = "",
        complete: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        is_flag = option.kind is bool
        super().__init__(
            [option.name, dashed(option.name), *filter(None, [short])],
            type=None if is_flag else Kind(option, complete),
            is_flag=is_flag or None,
            multiple=multiple,
        )
        self.option, self.group = option, group


def flag(
    name: str, kind: Any, default: Any, help: str, group: str = "Options", **more: Any
) -> Flag:
    """Make a flag of an option; see `Option` and `Flag`."""
    return Flag(Option(name, kind, default, help), group, **more)


class Operand(click.Argument):
    """An argument given without a flag.

    Args:
        complete: returns the names that a shell offers.
    """

    def __init__(
        self,
        option: Option,
        several: bool = False,
        complete: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        # The command reports a missing one.
        nargs = -1 if several else 1
        kind = Kind(option, complete)
        super().__init__(["operand"], type=kind, nargs=nargs, required=False)
        self.metavar = f"{option.name.upper()}{' ...' * several}"
        self.option = option


def dashed(name: str, start: str = "--") -> str:
    """Return the flag of a setting."""
    return f"{start}{name.replace('_', '-')}"


def choices(option: Option) -> tuple[str, ...]:
    """Return the possible values of an option, if they are a few names."""
    kinds = (option.kind, *get_args(option.kind))  # optional values are unions with None
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())


def without_value(flag: str, following: str = "") -> InputError:
    """Return the error of a flag whose value is missing."""
    got = f"the flag `{following}`" if following else "nothing"
    return InputError(f"Expected a value after `{flag}`, but got {got}.")
