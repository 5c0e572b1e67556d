"""The commands, and the flags of each."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cl_anomaly.cli.flags import Command
from cl_anomaly.report.pictures import PICTURES
from cl_anomaly.settings.kinds import Reader
from cl_anomaly.settings.options import REQUIRED, Option
from cl_anomaly.settings.run_config import (
    DEFAULT_STRATEGIES,
    Count,
    Name,
    is_text,
    settings_of_a_run,
)


def _path(value: Any) -> Path:
    if not is_text(str(value)):
        raise ValueError
    return Path(value)


_Place = Annotated[Path, Reader("a path", _path)]
AUROC = "auroc"
"""The kind of figure that shows several runs."""
CD = "cd"
"""The kind that ranks several runs: the critical-difference diagram."""
_KIND: Any = Literal[(AUROC, CD, *PICTURES)]  # type: ignore[valid-type]
_SETTINGS = tuple(option for option in settings_of_a_run() if not option.name.endswith("_options"))
_TRUST = Option(
    "trust", bool, False, "run the strategy file that a configuration names, whoever it is from"
)
_QUIET = Option("quiet", bool, False, "print only the folder, and no progress")
_TRACK = Option(
    "track",
    Name,
    None,
    "trackers that follow each run, separated by commas: tensorboard, mlflow, trackio, or those of "
    "installed packages",
)

OF_RESULTS = (
    Option("out", _Place, Path("results"), "folder for the results"),
    Option("name", str, None, "of the folder in it. Default: made from the configuration"),
    Option("again", bool, False, "run anew what is finished, in folders of its own"),
    Option("no_report", bool, False, "write no page at the end, and name none"),
    _TRACK,
    _QUIET,
    _TRUST,
)
"""How a run or a comparison is carried out."""

_WORKERS = Option(
    "workers", Count, None, "runs at a time. Default: one for each core, or what the engine allows"
)
OF_ENGINE = (
    Option(
        "engine",
        Literal["local", "ray", "slurm"],
        "local",
        "where runs are carried out; its own options are --engine.NAME VALUE",
    ),
    Option(
        "address",
        str,
        None,
        "of a Ray cluster: auto, or HOST:PORT. Default: --engine ray starts one on this machine",
    ),
)
"""Where runs are carried out."""

_RUN = Command(
    "run",
    "train one strategy, task by task",
    "Train one strategy on one scenario, and record AUROC after every task. The strategy's own "
    "options are --strategy.NAME VALUE, the model's --model.NAME VALUE; `cl-anomaly run "
    "--strategy ewc --help` shows those of EWC.",
    (
        Option("config", _Place, None, "a run's config.json, to run it again; flags change it"),
        *_SETTINGS,
        *OF_ENGINE,
        *OF_RESULTS,
    ),
    dotted=("strategy", "model", "engine"),
)
_COMPARE = Command(
    "compare",
    "run several, draw one figure",
    "Run several strategies on one scenario, and draw them in one figure. Each runs in a process "
    "of its own, of one thread. The options of a strategy are its defaults, or those in a suite.",
    (
        Option(
            "strategies",
            Name,
            ",".join(DEFAULT_STRATEGIES),
            "names from `list strategies`, or FILE.py:CLASS, separated by commas; start with what "
            "takes longest",
        ),
        Option(
            "suite",
            _Place,
            None,
            "a TOML file that names the runs and their settings, or a name from `list suites`, "
            "instead of --strategies; flags change the settings that its runs share",
        ),
        _WORKERS,
        *OF_ENGINE,
        *(
            replace(option, default=3) if option.name == "seeds" else option
            for option in _SETTINGS
            if option.name != "strategy"
        ),
        *OF_RESULTS,
    ),
    dotted=("model", "engine"),
)
_BENCH = Command(
    "bench",
    "run a suite, and make its table",
    "Run what is missing of a suite, several runs at a time, and write its table, statistics and "
    "figure. Options that the suite lets be chosen are chosen first, on other data than what is "
    "reported. The cost of what is missing is measured and shown before it starts. The same "
    "command goes on after an interruption, and runs only what is missing. `cl-anomaly list "
    "suites` shows those that ship with cl-anomaly.",
    (
        Option("check", bool, False, "only say what of the suite's results other code has made"),
        Option("estimate", bool, False, "only say what is missing, and what it costs"),
        Option("only", Name, None, "names of its runs, separated by commas; others are not run"),
        Option(
            "seeds_per_run",
            Count,
            None,
            "part every run by its seeds, so that its parts are carried out beside each other. "
            "Default: all seeds of a run train together",
        ),
        _WORKERS,
        *OF_ENGINE,
        *(option for option in _SETTINGS if option.name != "strategy"),
        *OF_RESULTS,
    ),
    dotted=("engine",),
    operand=Option("suite", _Place, REQUIRED, "a name from `list suites`, or a TOML file"),
)
_RESUME = Command(
    "resume",
    "go on with a run that was interrupted",
    "Go on with a run from its last checkpoint. So does the command that began it.",
    (_TRACK, _QUIET, _TRUST),
    operand=Option("run", _Place, REQUIRED, "the folder of a run"),
)
_RUNS = Command(
    "runs",
    "show which runs there are, and what tells them apart",
    "Show which runs there are: strategy and options that are not the defaults, data, headline "
    "AUROC, date, status with its reason, and whether they are of the code as it is now. "
    "Comparisons and suites follow, with their runs.",
    (
        replace(OF_RESULTS[0], help="folder with the results"),
        Option(
            "where",
            str,
            None,
            "NAME=VALUE of a setting, such as strategy=gr or model.latent_size=16, or of status, "
            "kind, code and name; may be given several times, and then all must be so",
        ),
        Option("sort", str, "date", "auroc, date, name, status, code, or a setting"),
        Option("json", bool, False, "print JSON, for other programs"),
    ),
    repeated=frozenset({"where"}),
)
_REMOVE = Command(
    "remove",
    "remove runs, after a question",
    "Remove the folders of runs, comparisons or suites. It shows what it will remove, and which "
    "comparison or suite uses it, and asks first. It removes only what cl-anomaly wrote: a folder "
    "that holds anything else stays, and so does one that a process is writing.",
    (Option("yes", bool, False, "do not ask, as in a script"),),
    operand=Option("runs", _Place, REQUIRED, "folders of runs, comparisons or suites"),
    operands=True,
)
_PLOT = Command(
    "plot",
    "draw finished runs",
    "Draw AUROC after every task, a line for each run with results. --kind cd ranks several runs; "
    "every other kind draws another picture, of one run.",
    (
        Option("kind", _KIND, AUROC, "what to draw"),
        Option("score", str, None, "which score. Default: the first run's"),
        Option(
            "out",
            _Place,
            None,
            "NAME.png, .svg or .pdf; NAME: png and svg. Default: the kind's name, and "
            "auroc_per_task",
        ),
        Option("overwrite", bool, False, "replace a figure that is there"),
        Option(
            "labels",
            Name,
            None,
            "names of the lines, in order (Ours,EWC), or OLD=NEW for some (gr=Ours); given several "
            "times, each is one name, which may hold commas",
        ),
        Option("title", Name, None, "above the figure. Default: data, score and seeds"),
        Option("task_names", Name, None, "of the tasks, in order, separated by commas"),
    ),
    operand=Option("runs", _Place, REQUIRED, "folders of runs or comparisons"),
    operands=True,
    repeated=frozenset({"labels"}),
)
_REPORT = Command(
    "report",
    "write a page that shows a run or a comparison",
    "Write one HTML page that shows a finished run, a comparison or a suite: tables, figures, "
    "samples, the command of each run, and what failed. It fetches nothing, so that it can be kept "
    "and sent as it is.",
    (
        Option("out", _Place, None, "NAME.html. Default: report.html in the folder, made anew"),
        Option("overwrite", bool, False, "replace a page that is there"),
    ),
    operand=Option("folder", _Place, REQUIRED, "the folder of a run, a comparison or a suite"),
    short={"-o": "out"},
)
_EXPORT = Command(
    "export",
    "write the table of a paper",
    "Write the table of a finished run, a comparison or a suite as a paper prints it, in LaTeX "
    "(with booktabs) or Markdown, or all its numbers as CSV or Parquet. The best is bold where it "
    "is better than every other by the tests that `compare` and `bench` make.",
    (
        Option("to", Literal["latex", "markdown", "csv", "parquet"], REQUIRED, "the format"),
        Option("out", _Place, None, "the file. Default: standard output"),
        Option(
            "spread",
            Literal["sd", "interval"],
            "sd",
            "what stands beside a mean, in LaTeX and Markdown: the standard deviation, or the "
            "95 % interval",
        ),
        Option("overwrite", bool, False, "replace a file that is there"),
    ),
    operand=Option("folder", _Place, REQUIRED, "the folder of a run, a comparison or a suite"),
    short={"-o": "out"},
)
_LIST = Command(
    "list",
    "show what there is, with its options",
    "Show names, what they are, and their options with defaults.",
    (),
    operand=Option(
        "what",
        Literal["strategies", "datasets", "models", "scores", "suites"],
        REQUIRED,
        "strategies, datasets, models, scores or suites",
    ),
)

_SCORE = Command(
    "score",
    "score samples with a trained detector",
    "Score samples with the detector of a finished run: a row of CSV for each, with its name, its "
    "score, the threshold, and whether it is an anomaly. `--input -` reads lines of JSON from "
    'standard input, such as [0.1, 0.9] or {"name": "pump 3", "x": [0.1, 0.9]}, and answers each '
    "at once.",
    (
        Option(
            "input",
            Name,
            None,
            "FILE.npy, .npz, .csv, .parquet or .jsonl, an image, a folder of images, or -",
        ),
        Option("output", _Place, None, "CSV file. Default: standard output"),
        Option("seed", int, None, "of the replica that scores. Default: the first"),
        Option("rate", float, 0.05, "false-positive rate of the threshold: 0.01 or 0.05"),
        Option("name_column", str, None, "column with the samples' names"),
        Option("ignore", str, None, "columns that are no features, separated by commas"),
    ),
    operand=Option("run", _Place, REQUIRED, "the folder of a finished run, or of a detector"),
)

COMMANDS = {
    command.name: command
    for command in (
        _RUN,
        _COMPARE,
        _BENCH,
        _SCORE,
        _RESUME,
        _RUNS,
        _REMOVE,
        _PLOT,
        _REPORT,
        _EXPORT,
        _LIST,
    )
}
