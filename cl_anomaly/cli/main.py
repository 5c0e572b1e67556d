"""The command line. Reading it imports no PyTorch: mistakes and `--help` are answered at once."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cl_anomaly.cli.command_table import AUROC, CD, COMMANDS
from cl_anomaly.cli.flags import Given, as_typed, read
from cl_anomaly.cli.help import help_of, overview
from cl_anomaly.cli.own_options import own_options
from cl_anomaly.cli.ways import parted, trackers_of
from cl_anomaly.core.errors import CLAnomalyError, InputError
from cl_anomaly.plan.places import check_folder, check_name_is_free
from cl_anomaly.plan.specification import specify
from cl_anomaly.settings.catalogue import check_strategy_name
from cl_anomaly.settings.options import did_you_mean
from cl_anomaly.settings.run_config import DEFAULT_STRATEGIES, RunConfig, merged
from cl_anomaly.settings.trust import check_strategies
from cl_anomaly.store.config_files import read_settings
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.suites.shipped import suite_file
from cl_anomaly.suites.suite import Suite, check_flags, suite_of
from cl_anomaly.suites.suite_file import read_suite_file
from cl_anomaly.version import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `cl-anomaly`.

    Exits with 2 where the input is at fault, 1 where a run or one of its replicas failed, 130 on
    Ctrl-C, and 143 on SIGTERM or SIGUSR1.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _main(typed)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has had enough, as `head` has
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CLAnomalyError as error:
        print(f"error: {as_typed(str(error), typed)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted at once: only what was saved before is kept", file=sys.stderr)
        sys.exit(130)


def _main(typed: Sequence[str]) -> None:
    name = typed[0] if typed else ""
    if name in ("-h", "--help"):
        print(overview(COMMANDS.values()))
    elif name == "--version":
        print(f"cl-anomaly {__version__}")
    elif name not in COMMANDS:
        got = repr(name) if typed else "nothing"
        like = did_you_mean(name, COMMANDS, quote="'")
        raise InputError(
            f"Expected a command, one of {', '.join(COMMANDS)}, but got {got}.{like} See "
            f"`cl-anomaly --help`."
        )
    else:
        command = COMMANDS[name]
        given = read(command, typed[1:])
        if given.help:
            print(help_of(command, own_options(command, given)))
        else:
            _PERFORM[name](given)


def _run(given: Given) -> None:
    settings, how = parted(given)
    file = settings.pop("config", None)
    kept = _settings_of(file, settings.get("strategy"), how["trust"]) if file else {}
    for owner in ("strategy", "model"):
        name = f"{owner}_options"
        settings[name] = kept.get(name, {}) | given.dotted.get(owner, {})
    specification = specify(RunConfig(**merged(kept, settings)))
    _check_place(how)
    if how["name"] and not how["again"]:
        check_name_is_free(how["out"] / how["name"], specification)
    from cl_anomaly.cli import commands

    commands.run_one(specification, **_without_trust(how))


def _settings_of(file: Path, strategy: str | None, trust: bool) -> dict[str, Any]:
    """Read the settings of `--config`, whose strategy may run.

    Args:
        file: that was given.
        strategy: that was given with a flag, in place of the file's.
        trust: whether to run any strategy's file that it names.
    """
    settings = read_settings(file)
    if strategy is None:
        check_strategies(file, [settings.get("strategy")], trust)
    elif strategy != settings.get("strategy", RunConfig.strategy):
        settings.pop("strategy_options", None)
    return settings


def _without_trust(how: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in how.items() if name != "trust"}


def _check_place(how: dict[str, Any]) -> None:
    check_folder(how["out"])
    if how["name"] is not None:
        checked_name(how["name"])


def _bench(given: Given) -> None:
    settings, how = parted(given)
    file = suite_file(given.operands[0])
    check = bool(settings.pop("check", False))
    only_estimate = bool(settings.pop("estimate", False))
    only = [name.strip() for name in (settings.pop("only", None) or "").split(",") if name.strip()]
    seeds_per_run = settings.pop("seeds_per_run", None)
    suite = read_suite_file(file)
    check_flags(suite, settings)
    if seeds_per_run is not None:
        suite = suite.parted(settings, seeds_per_run)
    check_strategies(file, _strategies_of(suite), how["trust"])
    _check_place(how)
    from cl_anomaly.cli import bench as benching

    if check:
        benching.check(suite, how["out"], how["name"])
        return
    benching.bench(suite, settings, only_estimate, only, **_without_trust(how))


def _strategies_of(suite: Suite) -> list[Any]:
    return [own.get("strategy", suite.shared.get("strategy")) for own in suite.runs.values()]


def _compare(given: Given) -> None:
    settings, how = parted(given)
    if model_options := given.dotted.get("model"):
        settings["model_options"] = model_options
    suite = _suite(settings, how["trust"])
    specify(RunConfig(**settings))  # what flags say is at fault is no run's
    settings = settings if "seeds" in suite.shared else {"seeds": 3} | settings
    runs = suite.specifications(settings)
    _check_place(how)
    from cl_anomaly.cli import commands

    commands.compare(runs, suite.named_pairs(), **_without_trust(how))


def _suite(settings: dict[str, Any], trust: bool) -> Suite:
    """Take the runs to compare out of the settings that are given for all of them."""
    file = settings.pop("suite", None)
    if file is None:
        names = settings.pop("strategies", ",".join(DEFAULT_STRATEGIES)).split(",")
        return _suite_of([name.strip() for name in names])
    file = suite_file(file)
    suite = read_suite_file(file)
    check_flags(suite, settings)
    if suite.each or suite.tuning:
        raise InputError(
            f"Expected `compare` with runs on one scenario, but {file} has [each] or [tune]: "
            f"`cl-anomaly bench {file}` runs it."
        )
    check_strategies(file, _strategies_of(suite), trust)
    if "model_options" in settings:
        settings["model_options"] = (
            suite.shared.get("model_options", {}) | settings["model_options"]
        )
    return suite


def _suite_of(names: list[str]) -> Suite:
    for name in names:
        try:
            check_strategy_name(name)
        except InputError as error:
            raise InputError(str(error).replace("`strategy`", "`strategies`")) from error
    return suite_of(names)


def _resume(given: Given) -> None:
    track = trackers_of(given.values.get("track"))
    from cl_anomaly.cli import commands

    (folder,) = given.operands
    commands.resume_one(folder, "quiet" in given.values, "trust" in given.values, track)


def _runs(given: Given) -> None:
    from cl_anomaly.cli.run_list import show_runs

    values = given.values
    out, sort = values.get("out", Path("results")), values.get("sort", "date")
    show_runs(out, values.get("where", []), sort, "json" in values)


def _remove(given: Given) -> None:
    from cl_anomaly.cli.remove import remove_folders

    remove_folders(given.operands, "yes" in given.values)


def _plot(given: Given) -> None:
    if not any(folder.is_dir() for folder in given.operands):
        raise InputError(
            f"Expected folders of runs, but got {', '.join(map(str, given.operands))}, which are "
            f"none. `cl-anomaly runs` lists the runs that there are."
        )
    from cl_anomaly.cli.plot import Wanted, plot, plot_picture, plot_ranks
    from cl_anomaly.report.words import Words

    values, kind = given.values, given.values.get("kind", AUROC)
    out = values.get("out", Path("auroc_per_task" if kind == AUROC else kind))
    names = [name.strip() for name in values.get("task_names", "").split(",") if name.strip()]
    words, labels = Words(values.get("title", ""), tuple(names)), values.get("labels", [])
    wanted = Wanted(values.get("score"), out, "overwrite" in values, labels, words)
    if kind == AUROC:
        plot(given.operands, wanted)
    elif kind == CD:
        plot_ranks(given.operands, wanted)
    else:
        plot_picture(kind, given.operands, wanted)


def _report(given: Given) -> None:
    (folder,) = given.operands
    if not folder.is_dir():
        raise InputError(
            f"Expected the folder of a run, a comparison or a suite, but {folder} is none. "
            f"`cl-anomaly runs` lists the runs that there are."
        )
    from cl_anomaly.cli.report import report

    report(folder, given.values.get("out"), "overwrite" in given.values)


def _export(given: Given) -> None:
    (folder,), values = given.operands, given.values
    if "to" not in values:
        raise InputError("Expected `--to` with latex, markdown, csv or parquet, but got none.")
    from cl_anomaly.cli.export import export

    spread, overwrite = values.get("spread", "sd"), "overwrite" in values
    export(folder, values["to"], values.get("out"), spread, overwrite)


def _score(given: Given) -> None:
    values, (folder,) = given.values, given.operands
    source = values.get("input")
    if source is None:
        raise InputError(
            "Expected `--input FILE`, or `--input -` for standard input, but got none."
        )
    if source != "-" and not Path(source).exists():
        raise InputError(
            f"Expected `input` to be a file, a folder or -, but there is no {source!r}."
        )
    from cl_anomaly.cli.score import Wanted, score_input

    ignored = [name.strip() for name in values.get("ignore", "").split(",") if name.strip()]
    rate, column = values.get("rate", 0.05), values.get("name_column")
    wanted = Wanted(source, values.get("seed"), rate, column, ignored)
    score_input(folder, wanted, values.get("output"))


def _list(given: Given) -> None:
    from cl_anomaly.cli import commands

    commands.show(given.operands[0])


_PERFORM: dict[str, Callable[[Given], None]] = {
    "run": _run,
    "compare": _compare,
    "bench": _bench,
    "score": _score,
    "resume": _resume,
    "runs": _runs,
    "remove": _remove,
    "plot": _plot,
    "report": _report,
    "export": _export,
    "list": _list,
}
