"""A click command with our error messages and our `--help`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from click.core import ParameterSource

from cl_anomaly.cli.parameters import Flag, Operand, choices, dashed, without_value
from cl_anomaly.core.errors import InputError, UnknownSetting
from cl_anomaly.settings.options import REQUIRED, Option, alike
from cl_anomaly.settings.values import Text

_HELP = {"-h", "--help"}
_COLUMN = 26
OptionsOf = Callable[[str | None], tuple[str, Sequence[Option]]]
"""Returns the name, or the default one, and the options of what it names."""


@dataclass
class Given:
    """The arguments given to a command.

    Attributes:
        values: values of flags, by option name.
        dotted: options of strategies, models and engines, not yet checked, such as
            {"model": {"beta": "2"}}.
        operands: arguments without a flag.
    """

    values: dict[str, Any] = field(default_factory=dict)
    dotted: dict[str, dict[str, Any]] = field(default_factory=dict)
    operands: list[Any] = field(default_factory=list)


class Command(click.Command):
    """A command that calls a function with what was `Given`.

    Args:
        summary: one line for `cl-anomaly --help`.
        description: paragraph for the command's own `--help`.
        params: flags, and at most one operand.
        dotted: by flag, such as `--model`: the options of what it names, given as `--model.beta`.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Given], None],
        summary: str,
        description: str,
        params: Sequence[Flag | Operand],
        dotted: dict[str, OptionsOf] | None = None,
    ) -> None:
        super().__init__(
            name,
            params=list(params),
            help=description,
            short_help=summary,
            context_settings={"allow_extra_args": True, "help_option_names": sorted(_HELP)},
        )
        self.perform, self.dotted = perform, dotted or {}
        self.flags = [param for param in params if isinstance(param, Flag)]
        self.operand = next((param for param in params if isinstance(param, Operand)), None)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; if a flag is given twice, the last one counts.

        Raises:
            InputError: a flag is unknown, or its value is missing or of the wrong type.
        """
        given = ctx.obj = Given()
        if wants_help := bool(_HELP & set(args)) and not ctx.resilient_parsing:
            ctx.resilient_parsing = True
        rest = self._take_dotted([argument for argument in args if argument not in _HELP], given)
        try:
            super().parse_args(ctx, rest)
        except click.NoSuchOption as error:
            raise self._about_unknown(error.option_name) from None
        except click.BadOptionUsage as error:
            raise self._about_value(error.option_name, args) from None
        if wants_help:
            click.echo(self.get_help(ctx))
            ctx.exit()
        if not ctx.resilient_parsing:
            self._fill(ctx, given)
        return ctx.args

    def invoke(self, ctx: click.Context) -> None:
        """Perform it."""
        self.perform(ctx.obj)

    def _fill(self, ctx: click.Context, given: Given) -> None:
        typed = {
            name: list(value) if isinstance(value, tuple) and name != "operand" else value
            for name, value in ctx.params.items()
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        }
        operands = typed.pop("operand", ())
        given.operands = list(operands) if isinstance(operands, tuple) else [operands]
        given.values = typed
        if self.operand and not given.operands:
            raise InputError(
                f"Expected {self.operand.option.help} after `cl-anomaly {self.name}`, but got "
                f"nothing. See `cl-anomaly {self.name} --help`."
            )
        if ctx.args:
            flag = f"a flag such as `{self.flags[0].opts[0]}`" if self.flags else "nothing more"
            raise InputError(
                f"Expected {flag}, but got {ctx.args[0]!r}. See `cl-anomaly {self.name} --help`."
            )

    def _take_dotted(self, args: list[str], given: Given) -> list[str]:
        """Move flags such as --model.beta from the arguments to `given`, and return the others."""
        others, rest = [], list(args)
        while rest:
            argument = rest.pop(0)
            flag, equals, value = argument.partition("=")
            owner, _, name = flag.removeprefix("--").partition(".")
            if not (flag.startswith("--") and name and owner in self.dotted):
                others.append(argument)
                continue
            if not equals:
                if not rest or rest[0].startswith("--"):
                    raise without_value(flag, *rest[:1])
                value = rest.pop(0)
            given.dotted.setdefault(owner, {})[name.replace("-", "_")] = Text(value)
        return others

    def _about_unknown(self, flag: str) -> InputError:
        if flag.startswith("--strategy.") and "strategies" in self._names():
            return InputError(
                f"Expected settings that all runs share, but `{flag}` is an option of one "
                f"strategy. Give each run its own in a suite, `--suite FILE.toml`:\n[runs.NAME]  "
                f'strategy = "..."  strategy_options = {{ {flag.partition(".")[2]} = ... }}'
            )
        known = [known.opts[0] for known in self.flags] + [
            f"--{owner}.NAME" for owner in self.dotted
        ]
        hint = f"`cl-anomaly {self.name} --help` lists them."
        expected = f"a flag of `cl-anomaly {self.name}`"
        return UnknownSetting(flag, expected=expected, like=alike(flag, known), hint=hint)

    def _about_value(self, flag: str, args: Sequence[str]) -> InputError:
        value = next(
            (argument.partition("=")[2] for argument in args if argument.startswith(f"{flag}=")),
            None,
        )
        if value is None:
            return without_value(flag)
        return InputError(setting=flag, expected="without a value", got=repr(value))

    def _names(self) -> set[str]:
        return {flag.option.name for flag in self.flags}

    def written(self, error: InputError, arguments: Sequence[str]) -> str:
        """Write an error with this command's flags in place of the settings' names."""
        typed = [argument.partition("=")[0] for argument in arguments]
        dotted = {flag.partition(".")[2].replace("-", "_"): flag for flag in typed if "." in flag}
        prefix = next((f"{flag.partition('.')[0]}." for flag in dotted.values()), None)

        def flag_of(setting: str) -> str:
            if setting in dotted:
                return dotted[setting]
            if setting in self._names():
                return dashed(setting)
            is_like = isinstance(error, UnknownSetting) and error.setting in dotted
            return f"{prefix}{setting.replace('_', '-')}" if is_like else setting

        return error.written(flag_of)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags in their groups, and the options of the named strategy or model."""
        if self.operand:
            formatter.write_paragraph()
            formatter.write_dl([(str(self.operand.metavar), self.operand.option.help)], _COLUMN)
        groups: dict[str, list[tuple[str, str]]] = {}
        for flag in self.flags:
            names = ", ".join([*flag.opts[1:], flag.opts[0]])
            groups.setdefault(flag.group, []).append(_entry(names, flag.option))
        for owner, options_of in self.dotted.items():
            name, options = options_of(ctx.params.get(owner))
            heading = f"Options of the {owner} {name}"
            rows = [
                _entry(f"--{owner}{dashed(option.name, '.')}", option, False) for option in options
            ]
            groups[heading] = rows or [("none", "")]
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows, _COLUMN)


def _entry(names: str, option: Option, can_be_flag: bool = True) -> tuple[str, str]:
    if option.kind is bool and can_be_flag:
        return names, option.help
    has_default = option.default is not None and option.default is not REQUIRED
    default = f" (default: {_written(option.default)})" if has_default else ""
    listed = ", ".join(map(str, choices(option)))
    one_of = f" One of {listed}." if listed else ""
    stop = "." if one_of and not option.help.endswith(".") else ""
    return f"{names} {option.name.upper()}", f"{option.help}{stop}{one_of}{default}".strip()


def _written(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, list | tuple) else str(default)
