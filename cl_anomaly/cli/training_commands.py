"""The commands that train: `run`, `compare`, `bench` and `resume`."""

from pathlib import Path
from typing import Any

from cl_anomaly.cli.command import Command, Given
from cl_anomaly.cli.flags import (
    OPTIONS_OF,
    QUIET,
    RESULTS,
    TRACK,
    TRUST,
    WHERE,
    WORKERS,
    Place,
    names_in,
    settings,
    split,
    trackers_of,
)
from cl_anomaly.cli.parameters import Operand, flag
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.loading import loading
from cl_anomaly.plan.places import check_folder, check_name_is_free
from cl_anomaly.plan.specification import specify
from cl_anomaly.settings.catalogue import check_strategy_name
from cl_anomaly.settings.field_types import Count, Name
from cl_anomaly.settings.options import REQUIRED, Option
from cl_anomaly.settings.run_config import DEFAULT_STRATEGIES, RunConfig, merged
from cl_anomaly.settings.trust import check_strategies
from cl_anomaly.store.config_files import read_settings
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.suites.shipped import shipped_suites, suite_file
from cl_anomaly.suites.suite import Suite, check_flags, suite_of
from cl_anomaly.suites.suite_file import read_suite_file


def _run(given: Given) -> None:
    settings, how = split(given)
    file = settings.pop("config", None)
    base = _settings_of(file, settings.get("strategy"), how["trust"]) if file else {}
    for owner in ("strategy", "model"):
        name = f"{owner}_options"
        settings[name] = base.get(name, {}) | given.dotted.get(owner, {})
    with loading():
        specification = specify(RunConfig(**merged(base, settings)))
    _check_place(how)
    if how["name"] and not how["again"]:
        check_name_is_free(how["out"] / how["name"], specification)
    with loading():
        from cl_anomaly.cli.run import run_one

    run_one(specification, **_without_trust(how))


def _settings_of(file: Path, strategy: str | None, trust: bool) -> dict[str, Any]:
    """Read the settings of `--config`, and check that its strategy may run.

    Args:
        strategy: given with a flag, in place of the file's.
        trust: whether to run a strategy file that the configuration names.
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
    settings, how = split(given)
    file = suite_file(given.operands[0])
    check = bool(settings.pop("check", False))
    only_estimate = bool(settings.pop("estimate", False))
    only = names_in(settings.pop("only", None))
    seeds_per_run = settings.pop("seeds_per_run", None)
    suite = read_suite_file(file)
    check_flags(suite, settings)
    if seeds_per_run is not None:
        suite = suite.parted(settings, seeds_per_run)
    check_strategies(file, _strategies_of(suite), how["trust"])
    _check_place(how)
    with loading():
        from cl_anomaly.cli import bench as benching

    if check:
        benching.check(suite, how["out"], how["name"])
        return
    benching.bench(suite, settings, only_estimate, only, **_without_trust(how))


def _strategies_of(suite: Suite) -> list[Any]:
    return [run.get("strategy", suite.shared.get("strategy")) for run in suite.runs.values()]


def _compare(given: Given) -> None:
    settings, how = split(given)
    if model_options := given.dotted.get("model"):
        settings["model_options"] = model_options
    suite = _suite(settings, how["trust"])
    specify(RunConfig(**settings))  # errors in flags name no run
    settings = settings if "seeds" in suite.shared else {"seeds": 3} | settings
    runs = suite.specifications(settings)
    _check_place(how)
    with loading():
        from cl_anomaly.cli.compare import compare

    compare(runs, suite.named_pairs(), **_without_trust(how))


def _suite(settings: dict[str, Any], trust: bool) -> Suite:
    """Separate the runs to compare from the settings that they share."""
    file = settings.pop("suite", None)
    if file is None:
        names = settings.pop("strategies", ",".join(DEFAULT_STRATEGIES)).split(",")
        names = [name.strip() for name in names]
        for name in names:
            check_strategy_name(name, "strategies")
        return suite_of(names)
    file = suite_file(file)
    suite = read_suite_file(file)
    check_flags(suite, settings)
    if suite.each or suite.tuning:
        raise InputError(
            f"`compare` runs on one scenario, but {file} has [each] or [tune]. Run it with "
            f"`cl-anomaly bench {file}`."
        )
    check_strategies(file, _strategies_of(suite), trust)
    if "model_options" in settings:
        settings["model_options"] = (
            suite.shared.get("model_options", {}) | settings["model_options"]
        )
    return suite


def _resume(given: Given) -> None:
    track = trackers_of(given.values.get("track"))
    with loading():
        from cl_anomaly.cli.run import resume_one

    (folder,) = given.operands
    resume_one(folder, "quiet" in given.values, "trust" in given.values, track)


RUN = Command(
    "run",
    _run,
    "train one strategy, task by task",
    "Train one strategy on one scenario, and record AUROC after every task. The strategy's own "
    "options are --strategy.NAME VALUE, the model's --model.NAME VALUE; for example, `cl-anomaly "
    "run --strategy ewc --help` lists those of EWC.",
    (
        *settings(),
        flag("config", Place, None, "config.json of a run to repeat; flags change it", "Training"),
        *RESULTS,
        *WHERE,
    ),
    OPTIONS_OF,
)
COMPARE = Command(
    "compare",
    _compare,
    "run several strategies, draw one figure",
    "Run several strategies on one scenario, and draw them in one figure. Each runs in its own "
    "process with one thread. Strategies use their default options, or those in a suite.",
    (
        flag(
            "strategies",
            Name,
            ",".join(DEFAULT_STRATEGIES),
            "names from `list strategies`, or FILE.py:CLASS, separated by commas; start with "
            "the slowest",
            "Training",
        ),
        flag(
            "suite",
            Place,
            None,
            "TOML file that names the runs and their settings, or a name from `list suites`, "
            "instead of --strategies; flags change the settings that its runs share",
            "Training",
            complete=shipped_suites,
        ),
        *settings(without=["strategy"], seeds=3),
        *RESULTS,
        WORKERS,
        *WHERE,
    ),
    {owner: OPTIONS_OF[owner] for owner in ("model", "engine")},
)
BENCH = Command(
    "bench",
    _bench,
    "run a suite, and make its table",
    "Run the missing parts of a suite, several at a time, and write its table, statistics and "
    "figure. Options to be tuned are tuned first, on data that the table does not report. The "
    "cost of the missing parts is measured and shown before they start. The same command resumes "
    "after an interruption. `cl-anomaly list suites` shows the suites that ship with cl-anomaly.",
    (
        Operand(
            Option("suite", Place, REQUIRED, "a name from `list suites`, or a TOML file"),
            complete=shipped_suites,
        ),
        flag("check", bool, False, "only list results that other code has made", "Suite"),
        flag("estimate", bool, False, "only list missing runs and their cost", "Suite"),
        flag("only", Name, None, "names of runs, separated by commas: run no others", "Suite"),
        flag(
            "seeds_per_run",
            Count,
            None,
            "number of seeds that train together; the parts of a run train in parallel. "
            "Default: all seeds of a run",
            "Suite",
        ),
        *settings(without=["strategy"]),
        *RESULTS,
        WORKERS,
        *WHERE,
    ),
    {"engine": OPTIONS_OF["engine"]},
)
RESUME = Command(
    "resume",
    _resume,
    "resume an interrupted run",
    "Resume a run from its last checkpoint, as does repeating the command that began it.",
    (Operand(Option("run", Place, REQUIRED, "the folder of a run")), TRACK, QUIET, TRUST),
)
