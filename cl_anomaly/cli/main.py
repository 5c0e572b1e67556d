"""The command line. It imports no PyTorch at first, so mistakes and `--help` are answered fast."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click
from click.shell_completion import shell_complete

from cl_anomaly.cli.command import Command
from cl_anomaly.cli.result_commands import EXPORT, LIST, PLOT, REMOVE, REPORT, RUNS, SCORE
from cl_anomaly.cli.training_commands import BENCH, COMPARE, RESUME, RUN
from cl_anomaly.core.errors import CLAnomalyError, InputError
from cl_anomaly.settings.options import did_you_mean
from cl_anomaly.version import __version__

_NAME = "cl-anomaly"
_COMPLETE = "_CL_ANOMALY_COMPLETE"
COMMANDS: dict[str, Command] = {
    str(command.name): command
    for command in (
        *(RUN, COMPARE, BENCH, SCORE, RESUME, RUNS),
        *(REMOVE, PLOT, REPORT, EXPORT, LIST),
    )
}


class _App(click.Group):
    """All commands, in the order in which users need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in that order."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the typed command; raise InputError if it is unknown."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise _no_command(args[0])
        return super().resolve_command(ctx, args)


_APP = _App(
    _NAME,
    commands=list(COMMANDS.values()),
    invoke_without_command=True,
    help="Train, compare and plot: continual learning in anomaly detection.",
    epilog="`cl-anomaly COMMAND --help` says more.",
    options_metavar="",
    subcommand_metavar="COMMAND ...",
    params=[click.Option(["--version"], is_flag=True, help="Show the version and exit.")],
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "token_normalize_func": lambda name: name.replace("_", "-"),
    },
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `cl-anomaly`.

    Exits with 2 if the input is at fault, 1 if a run or one of its replicas failed, 130 on Ctrl-C,
    and 143 on SIGTERM or SIGUSR1.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    if asked := os.environ.get(_COMPLETE):
        sys.exit(shell_complete(_APP, {}, _NAME, _COMPLETE, asked))
    try:
        _main(typed)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader stopped early, as `head` does
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CLAnomalyError as error:
        print(f"error: {_written(error, typed)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted at once: work since the last save is lost", file=sys.stderr)
        sys.exit(130)


def _main(typed: Sequence[str]) -> None:
    if typed[:1] == ["--version"]:
        print(f"{_NAME} {__version__}")
        return
    if not typed or (typed[0].startswith("-") and typed[0] not in ("-h", "--help")):
        raise _no_command(*typed[:1])
    try:
        with _APP.make_context(_NAME, list(typed)) as context:
            _APP.invoke(context)
    except click.exceptions.Exit:  # after `--help`
        return


def _no_command(name: str = "") -> InputError:
    like = did_you_mean(name, COMMANDS, quote="'")
    return InputError(
        f"Expected a command, one of {', '.join(COMMANDS)}, but got "
        f"{repr(name) if name else 'nothing'}.{like} See `cl-anomaly --help`."
    )


def _written(error: CLAnomalyError, typed: Sequence[str]) -> str:
    """Write an error with the settings named as on the command line."""
    command = COMMANDS.get(typed[0]) if typed else None
    if command is None or not isinstance(error, InputError):
        return str(error)
    return command.written(error, typed)
