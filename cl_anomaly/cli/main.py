"""The command line. Reading it imports no PyTorch, so that `--help` is answered at once."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from cl_anomaly.cli.flags import Parser, undotted, values_of
from cl_anomaly.code.trust import check_strategies
from cl_anomaly.config import DEFAULT_STRATEGIES, RunConfig, read_settings
from cl_anomaly.errors import CLAnomalyError, InputError
from cl_anomaly.runs.suites import check_flags, read_suite, suite_of
from cl_anomaly.version import __version__

_OF_ONE_RUN: set[str | int] = {"strategy", "strategy_options"}
_LISTS = ("strategies", "datasets", "models", "scores")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `cl-anomaly`.

    Exits with 2 where the input is at fault, 1 where a run or one of its replicas failed, 130 on
    Ctrl-C, and 143 on SIGTERM or SIGUSR1.
    """
    given = [undotted(a) for a in (sys.argv[1:] if arguments is None else arguments)]
    try:
        settings = _parsed(given)
        command = settings.command
        _check_code_that_files_name(settings[command], given)
        _COMMANDS[command](settings[command])
    except CLAnomalyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted at once: only what was saved before is kept", file=sys.stderr)
        sys.exit(130)


def _parsed(given: Sequence[str]) -> Namespace:
    files = values_of(given, "--config")
    for file in files:
        read_settings(Path(file))  # which says more of what is wrong with it than the parser
    try:
        return _parser(given).parse_args(given)
    except (ArithmeticError, RecursionError, TypeError, ValueError) as error:  # of what it reads
        places = " or ".join(["the arguments", *files, *values_of(given, "--suite")])
        raise InputError(f"Could not read {places}: {error}.") from error


def _parser(given: Sequence[str]) -> ArgumentParser:
    parser = Parser(
        prog="cl-anomaly",
        description="Continual learning in anomaly detection: train, compare, plot.",
        version=__version__,
    )
    commands = parser.add_subcommands(dest="command")
    commands.add_subcommand("run", _run_parser(given), help="train one strategy, task by task")
    commands.add_subcommand("compare", _compare_parser(given), help="run several, draw one figure")
    commands.add_subcommand(
        "resume", _resume_parser(), help="go on with a run that was interrupted"
    )
    commands.add_subcommand(
        "runs", _runs_parser(), help="show which runs there are, and their status"
    )
    commands.add_subcommand("plot", _plot_parser(), help="draw the AUROC of finished runs")
    commands.add_subcommand("list", _list_parser(), help="show what there is, with its options")
    return parser


def _run_parser(given: Sequence[str]) -> ArgumentParser:
    parser = Parser(
        description="Train one strategy on one scenario, and record AUROC after every task.",
        epilog="The strategy's own options are --strategy.NAME VALUE, the model's --model.NAME "
        "VALUE; `cl-anomaly run --strategy ewc --help` shows those of EWC.",
    )
    parser.add_argument(
        "--config", action="config", help="a run's config.json, to run it again; flags change it"
    )
    explained = _explained_strategy(given)
    if explained is None:
        parser.add_class_arguments(RunConfig, as_group=False)
    else:
        from cl_anomaly.strategies import find_strategy

        parser.add_class_arguments(RunConfig, as_group=False, skip={"strategy_options"})
        own, skip = find_strategy(explained).options_class()
        parser.add_class_arguments(
            own, "strategy_options", as_group=False, skip=set(skip), fail_untyped=False
        )
    return _add_output(parser)


def _explained_strategy(given: Sequence[str]) -> str | None:
    """Which strategy's options `--help` is to show."""
    names = values_of(given, "--strategy") if {"-h", "--help"} & set(given) else []
    return names[-1] if names else None


def _compare_parser(given: Sequence[str]) -> ArgumentParser:
    parser = Parser(
        description="Run several strategies on one scenario, and draw them in one figure. Each "
        "runs in a process of its own, of one thread."
    )
    parser.add_argument(
        "--strategies",
        type=str,
        default=",".join(DEFAULT_STRATEGIES),
        help="names from `list strategies`, or FILE.py:CLASS, separated by commas; start with "
        "what takes longest",
    )
    parser.add_argument(
        "--suite",
        type=str | None,
        default=None,
        help="a TOML file that names the runs and their settings, instead of --strategies; flags "
        "change the settings that its runs share",
    )
    parser.add_argument(
        "--workers",
        type=int | None,
        default=None,
        help="runs at a time. Default: one for each core",
    )
    parser.add_class_arguments(RunConfig, as_group=False, skip=_OF_ONE_RUN)
    parser.set_defaults(seeds=3)
    for suite in values_of(given, "--suite")[-1:]:
        read = read_suite(Path(suite))
        check_flags(read, suite, given)
        parser.set_defaults({k: v for k, v in read.shared.items() if k not in _OF_ONE_RUN})
    return _add_output(parser)


def _add_output(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("--out", type=str, default="results", help="folder for the results")
    parser.add_argument(
        "--name",
        type=str | None,
        default=None,
        help="of the folder in it. Default: made from the configuration",
    )
    parser.add_argument(
        "--again", action="store_true", help="run anew what is finished, in folders of its own"
    )
    return _add_trust(_add_quiet(parser))


def _add_trust(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run the strategy file that a configuration names, whoever it is from",
    )
    return parser


def _add_quiet(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument(
        "--quiet", action="store_true", help="print only the folder, and no progress"
    )
    return parser


def _resume_parser() -> ArgumentParser:
    parser = Parser(
        description="Go on with a run from its last checkpoint. So does the command that began it."
    )
    parser.add_argument("run", type=str, help="the run's folder")
    return _add_trust(_add_quiet(parser))


def _runs_parser() -> ArgumentParser:
    parser = Parser(description="Show which runs there are, with status and reason.")
    parser.add_argument("--out", type=str, default="results", help="folder with the results")
    return parser


def _plot_parser() -> ArgumentParser:
    parser = Parser(description="Draw AUROC after every task, a line for each run with results.")
    parser.add_argument("runs", nargs="+", type=str, help="folders of runs or comparisons")
    parser.add_argument(
        "--score", type=str | None, default=None, help="which score. Default: the first run's"
    )
    parser.add_argument(
        "--out",
        type=str,
        default="auroc_per_task",
        help="NAME.png, .svg or .pdf; NAME: png and svg",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a figure that is there")
    return parser


def _list_parser() -> ArgumentParser:
    parser = Parser(description="Show names, what they are, and their options with defaults.")
    parser.add_argument("what", choices=_LISTS, help="what to list")
    return parser


def _check_code_that_files_name(settings: Namespace, given: Sequence[str]) -> None:
    """Let no strategy's file run that only a file names, before it is known to be the user's."""
    for file in settings.get("config") or []:
        strategies = {settings["strategy"]} - set(values_of(given, "--strategy"))
        check_strategies(Path(file), strategies, settings["trust"])
    if suite := settings.get("suite"):
        runs = read_suite(Path(suite))
        named = [own.get("strategy", runs.shared.get("strategy")) for own in runs.runs.values()]
        check_strategies(Path(suite), named, settings["trust"])


def _run(settings: Namespace) -> None:
    from cl_anomaly.cli import commands

    values = settings.as_dict()
    how = _how(values)
    for file in values.pop("config") or []:
        _drop_options_of_another_strategy(values, read_settings(Path(file)))
    commands.run_one(RunConfig(**values), **how)


def _how(values: dict[str, Any]) -> dict[str, Any]:
    """Take out what is not of the configuration."""
    del values["trust"]
    how = {name: values.pop(name) for name in ("out", "quiet", "again", "name")}
    return how | {"out": Path(how["out"])}


def _drop_options_of_another_strategy(values: dict[str, Any], config: dict[str, Any]) -> None:
    """Where a flag changed the strategy of a `--config`, take its options out again."""
    if config.get("strategy", values["strategy"]) != values["strategy"]:
        theirs, options = config.get("strategy_options") or {}, values["strategy_options"] or {}
        values["strategy_options"] = {
            name: value
            for name, value in options.items()
            if name not in theirs or theirs[name] != value
        }


def _compare(settings: Namespace) -> None:
    from cl_anomaly.cli import commands

    values = settings.as_dict()
    how, workers = _how(values), values.pop("workers")
    file, names = values.pop("suite"), values.pop("strategies").split(",")
    names = [name.strip() for name in names]
    if workers is not None and workers < 1:
        raise InputError(f"Expected `workers` to be 1 or more, but got {workers}.")
    suite = read_suite(Path(file)) if file else suite_of(names)
    commands.compare(suite.configs(values), workers=workers, **how)


def _resume(settings: Namespace) -> None:
    from cl_anomaly.cli import commands

    commands.resume_one(Path(settings.run), settings.quiet, settings.trust)


def _runs(settings: Namespace) -> None:
    from cl_anomaly.cli.screen import show_runs
    from cl_anomaly.storage.status import find_runs

    show_runs(Path(settings.out), find_runs(Path(settings.out)))


def _plot(settings: Namespace) -> None:
    from cl_anomaly.cli import commands

    commands.plot(map(Path, settings.runs), settings.score, Path(settings.out), settings.overwrite)


def _list(settings: Namespace) -> None:
    from cl_anomaly.cli import commands

    commands.show(settings.what)


_COMMANDS = {
    "run": _run,
    "compare": _compare,
    "resume": _resume,
    "runs": _runs,
    "plot": _plot,
    "list": _list,
}
