"""The arguments of a command, read once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.kinds import Text
from cl_anomaly.settings.options import Option, did_you_mean


@dataclass(frozen=True)
class Command:
    """A command, and what may be given with it.

    Attributes:
        name: what it is called.
        summary: what it does, in a line of `cl-anomaly --help`.
        description: the same at length.
        options: flags; those of type bool take no value.
        dotted: whose own options are flags too, such as --model.beta of "model".
        operand: what is given without a flag.
        operands: whether several of these may be given.
        short: other names of flags, such as -o of "out".
        repeated: flags that may be given several times; their values are a list.
    """

    name: str
    summary: str
    description: str
    options: tuple[Option, ...]
    dotted: tuple[str, ...] = ()
    operand: Option | None = None
    operands: bool = False
    short: Mapping[str, str] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()


@dataclass
class Given:
    """What was given with a command.

    Attributes:
        values: of flags, by the names of their options.
        dotted: options of strategies and models, not yet checked, such as {"model": {"beta": "2"}}.
        operands: what was given without a flag.
        help: whether the command is only to be explained.
    """

    values: dict[str, Any] = field(default_factory=dict)
    dotted: dict[str, dict[str, Any]] = field(default_factory=dict)
    operands: list[Any] = field(default_factory=list)
    help: bool = False


def read(command: Command, arguments: Sequence[str]) -> Given:
    """Read what was given with a command; of a flag that is given twice, the last counts.

    Raises:
        InputError: a flag is unknown, has no value, or one of the wrong type.
    """
    given, rest = Given(help=bool({"-h", "--help"} & set(arguments))), list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument.startswith("-") and len(argument) > 1:
            _take_flag(command, argument, rest, given)
        else:
            _take_operand(command, argument, given)
    if command.operand and not given.operands and not given.help:
        raise InputError(
            f"Expected {command.operand.help} after `cl-anomaly {command.name}`, but got nothing. "
            f"See `cl-anomaly {command.name} --help`."
        )
    return given


def _take_flag(command: Command, argument: str, rest: list[str], given: Given) -> None:
    flag, equals, value = argument.partition("=")
    if flag in ("-h", "--help"):
        return
    flag = f"--{command.short[flag]}" if flag in command.short else flag
    owner, dot, name = flag.removeprefix("--").partition(".")
    option = next((o for o in command.options if o.name == _name_of(owner) and not dot), None)
    is_dotted = dot and owner in command.dotted and name and flag.startswith("--")
    if not (is_dotted or option) or not flag.startswith("--"):
        raise InputError(_about_unknown(command, flag))
    if option and option.kind is bool:
        if equals:
            raise InputError(f"Expected `{flag}` without a value, but got {value!r}.")
        given.values[option.name] = True
        return
    if not equals:
        if not rest or rest[0].startswith("--"):
            got = f"the flag `{rest[0]}`" if rest else "nothing"
            raise InputError(f"Expected a value after `{flag}`, but got {got}.")
        value = rest.pop(0)
    if option and option.name in command.repeated:
        given.values.setdefault(option.name, []).append(option.checked(Text(value)))
    elif option:
        given.values[option.name] = option.checked(Text(value))
    else:
        given.dotted.setdefault(owner, {})[_name_of(name)] = Text(value)


def _take_operand(command: Command, argument: str, given: Given) -> None:
    if not command.operand or (given.operands and not command.operands):
        raise InputError(
            f"Expected a flag such as `--{_dashed(command.options[0].name)}`, but got "
            f"{argument!r}. `cl-anomaly {command.name} --help` lists what there is."
            if command.options
            else f"Expected nothing more, but got {argument!r}."
        )
    given.operands.append(command.operand.checked(Text(argument)))


def _about_unknown(command: Command, flag: str) -> str:
    if "strategies" in {option.name for option in command.options} and "--strategy." in flag:
        return (
            f"Expected settings that all runs share, but `{flag}` is an option of one strategy. "
            f"Give each run its own in a suite, `--suite FILE.toml`:\n[runs.NAME]  "
            f'strategy = "..."  strategy_options = {{ {flag.partition(".")[2]} = ... }}'
        )
    known = [f"--{_dashed(option.name)}" for option in command.options]
    known += [f"--{owner}.NAME" for owner in command.dotted]
    return (
        f"Expected a flag of `cl-anomaly {command.name}`, but got `{flag}`."
        f"{did_you_mean(flag, known)} `cl-anomaly {command.name} --help` lists them."
    )


def _name_of(flag: str) -> str:
    return flag.replace("-", "_")


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def as_typed(message: str, arguments: Iterable[str]) -> str:
    """Name settings in a message as they stand on the command line, where they do.

    Args:
        message: in which settings are named `so`.
        arguments: that were typed.
    """
    flags = [a.partition("=")[0] for a in arguments if a.startswith("--")]
    typed = {_name_of(flag.rpartition(".")[2].removeprefix("--")): flag for flag in flags}
    message = re.sub(r"`(\w+)`", lambda found: f"`{typed.get(found[1], found[1])}`", message)
    dotted = re.search(r"`(--\w+\.)[\w-]+`", message)
    if not dotted:
        return message
    return re.sub(
        r"Did you mean `(\w+)`",
        lambda found: f"Did you mean `{dotted[1]}{_dashed(found[1])}`",
        message,
    )
