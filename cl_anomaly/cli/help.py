"""What `--help` shows."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any, Literal, get_args, get_origin

from cl_anomaly.cli.flags import Command
from cl_anomaly.settings.options import REQUIRED, Option

_WIDTH, _COLUMN = 100, 26


def overview(commands: Iterable[Command]) -> str:
    """Describe which commands there are."""
    lines = [
        "usage: cl-anomaly COMMAND ...",
        "",
        "Continual learning in anomaly detection: train, compare, plot.",
        "",
        *(_entry(command.name, command.summary) for command in commands),
        "",
        "`cl-anomaly COMMAND --help` says more; --version shows the version.",
    ]
    return "\n".join(lines)


def help_of(command: Command, own: Sequence[tuple[str, str, Sequence[Option]]] = ()) -> str:
    """Explain a command and its flags.

    Args:
        command: to be explained.
        own: whose own options are explained: the part of the flag before the dot, a heading, and
            the options.
    """
    operand = f" {command.operand.name.upper()}" if command.operand else ""
    more = " ..." if command.operands else ""
    lines = [
        f"usage: cl-anomaly {command.name}{operand}{more}"
        + " [--FLAG VALUE ...]" * bool(command.options),
        "",
        fill(command.description, _WIDTH),
    ]
    if command.operand:
        lines += ["", _entry(command.operand.name.upper(), command.operand.help)]
    if command.options:
        short = {name: flag for flag, name in command.short.items()}
        lines += ["", "flags:"]
        lines += [_flag("", option, short.get(option.name, "")) for option in command.options]
    for prefix, heading, options in own:
        lines += ["", f"{heading}:"]
        lines += [_flag(f"{prefix}.", option) for option in options] or ["  none"]
    return "\n".join(lines)


def _flag(prefix: str, option: Option, short: str = "") -> str:
    name = f"{short}{', ' * bool(short)}--{prefix}{option.name.replace('_', '-')}"
    if option.kind is bool and not prefix:
        return _entry(name, option.help)
    has_default = option.default is not None and option.default is not REQUIRED
    default = f" (default: {_written(option.default)})" if has_default else ""
    kinds = (option.kind, *get_args(option.kind))  # of what may be left open, too
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    names = f" One of {', '.join(map(str, choices))}." if choices else ""
    stop = "." if names and not option.help.endswith(".") else ""
    return _entry(f"{name} {option.name.upper()}", f"{option.help}{stop}{names}{default}".strip())


def _written(default: Any) -> str:
    if isinstance(default, list | tuple):
        return ",".join(map(str, default))
    return str(default)


def _entry(name: str, text: str) -> str:
    indent = " " * (_COLUMN + 2)
    if len(name) < _COLUMN:
        return fill(text, _WIDTH, initial_indent=f"  {name:<{_COLUMN}}", subsequent_indent=indent)
    return f"  {name}\n" + fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
