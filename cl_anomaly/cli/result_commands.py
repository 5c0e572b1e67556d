"""The commands that read or delete results: `score`, `runs`, `plot`, `report` and others."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cl_anomaly.cli.command import Command, Given
from cl_anomaly.cli.flags import OUT, Place, names_in
from cl_anomaly.cli.parameters import Flag, Operand, flag
from cl_anomaly.core.errors import InputError
from cl_anomaly.report.pictures import PICTURES
from cl_anomaly.settings.field_types import Name
from cl_anomaly.settings.options import REQUIRED, Option

_AUROC, _RANKS = "auroc", "cd"  # kinds of figure that show several runs
_KIND: Any = Literal[(_AUROC, _RANKS, *PICTURES)]  # type: ignore[valid-type]
_ONE = Operand(Option("folder", Place, REQUIRED, "the folder of a run, a comparison or a suite"))
_OVERWRITE = Option("overwrite", bool, False, "replace an existing file")


def _runs(given: Given) -> None:
    from cl_anomaly.cli.run_list import show_runs

    values = given.values
    out, sort = values.get("out", OUT.default), values.get("sort", "date")
    show_runs(out, values.get("where", []), sort, "json" in values)


def _remove(given: Given) -> None:
    from cl_anomaly.cli.remove import remove_folders

    remove_folders(given.operands, "yes" in given.values)


def _plot(given: Given) -> None:
    if not any(folder.is_dir() for folder in given.operands):
        one = len(given.operands) == 1
        raise InputError(
            f"{', '.join(map(str, given.operands))} {'is not a' if one else 'are not'} run "
            f"folder{'' if one else 's'}. `cl-anomaly runs` lists the runs."
        )
    from cl_anomaly.cli.plot import PlotRequest, plot, plot_picture, plot_ranks
    from cl_anomaly.report.words import Words

    values, kind = given.values, given.values.get("kind", _AUROC)
    out = values.get("out", Path("auroc_per_task" if kind == _AUROC else kind))
    words = Words(values.get("title", ""), tuple(names_in(values.get("task_names"))))
    labels = values.get("labels", [])
    request = PlotRequest(values.get("score"), out, "overwrite" in values, labels, words)
    if kind == _AUROC:
        plot(given.operands, request)
    elif kind == _RANKS:
        plot_ranks(given.operands, request)
    else:
        plot_picture(kind, given.operands, request)


def _report(given: Given) -> None:
    (folder,) = given.operands
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not the folder of a run, a comparison or a suite. `cl-anomaly runs` "
            f"lists the runs."
        )
    from cl_anomaly.cli.report import report

    report(folder, given.values.get("out"), "overwrite" in given.values)


def _export(given: Given) -> None:
    (folder,), values = given.operands, given.values
    if "to" not in values:
        raise InputError(setting="to", expected="with latex, markdown, csv or parquet", got="none")
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
        expected, but = "to be a file, a folder or -", f"there is no {source!r}"
        raise InputError(setting="input", expected=expected, but=but)
    from cl_anomaly.cli.score import ScoreRequest, score_input

    rate, column = values.get("rate", 0.05), values.get("name_column")
    request = ScoreRequest(source, values.get("seed"), rate, column, names_in(values.get("ignore")))
    score_input(folder, request, values.get("output"))


def _list(given: Given) -> None:
    from cl_anomaly.cli.list_names import show_names

    show_names(given.operands[0])


RUNS = Command(
    "runs",
    _runs,
    "list runs, and whether the current code made them",
    "List runs, and whether the current code made them: strategy and options other than the "
    "defaults, data, headline AUROC, date, and status with its reason. Comparisons and suites "
    "follow, with their runs.",
    (
        Flag(replace(OUT, help="folder with the results")),
        flag(
            "where",
            str,
            None,
            "NAME=VALUE of a setting, such as strategy=gr or model.latent_size=16, or of "
            "status, kind, code and name; give it several times to require all",
            multiple=True,
        ),
        flag("sort", str, "date", "auroc, date, name, status, code, or a setting"),
        flag("json", bool, False, "print JSON, for other programs"),
    ),
)
REMOVE = Command(
    "remove",
    _remove,
    "delete runs, after asking for confirmation",
    "Delete the folders of runs, comparisons or suites. The command shows what it will delete, and "
    "which comparison or suite uses it, and asks first. It deletes only what cl-anomaly wrote: a "
    "folder that holds anything else stays, and so does one that a process is writing.",
    (
        Operand(
            Option("runs", Place, REQUIRED, "folders of runs, comparisons or suites"), several=True
        ),
        flag("yes", bool, False, "do not ask, as in a script"),
    ),
)
PLOT = Command(
    "plot",
    _plot,
    "draw finished runs",
    "Draw AUROC after every task, one line per run. --kind cd ranks several runs; every other "
    "kind draws another picture, of one run.",
    (
        Operand(Option("runs", Place, REQUIRED, "folders of runs or comparisons"), several=True),
        flag("kind", _KIND, _AUROC, "what to draw"),
        flag("score", str, None, "score to draw. Default: the first run's"),
        flag(
            "out",
            Place,
            None,
            "NAME.png, .svg or .pdf; NAME: png and svg. Default: the kind, or auroc_per_task",
        ),
        Flag(_OVERWRITE),
        flag(
            "labels",
            Name,
            None,
            "names of the lines, in order (Ours,EWC), or OLD=NEW for some (gr=Ours); given "
            "several times, each is one name, which may hold commas",
            multiple=True,
        ),
        flag("title", Name, None, "title above the figure. Default: data, score and seeds"),
        flag("task_names", Name, None, "names of the tasks, in order, separated by commas"),
    ),
)
REPORT = Command(
    "report",
    _report,
    "write a page that shows a run or a comparison",
    "Write one HTML page that shows a finished run, a comparison or a suite: tables, figures, "
    "samples, the command of each run, and failures. The page is one file that needs no network.",
    (
        _ONE,
        flag(
            "out",
            Place,
            None,
            "NAME.html. Default: report.html in the folder, made anew",
            short="-o",
        ),
        Flag(_OVERWRITE),
    ),
)
EXPORT = Command(
    "export",
    _export,
    "write the table of a paper",
    "Write the table of a finished run, a comparison or a suite as a paper prints it, in LaTeX "
    "(with booktabs) or Markdown, or all its numbers as CSV or Parquet. The best is bold if it "
    "beats every other in the tests that `compare` and `bench` make.",
    (
        _ONE,
        flag("to", Literal["latex", "markdown", "csv", "parquet"], REQUIRED, "format"),
        flag("out", Place, None, "file. Default: standard output", short="-o"),
        flag(
            "spread",
            Literal["sd", "interval"],
            "sd",
            "spread beside a mean, in LaTeX and Markdown: the standard deviation, or the "
            "95 % interval",
        ),
        Flag(_OVERWRITE),
    ),
)
LIST = Command(
    "list",
    _list,
    "show strategies, datasets, models, scores or suites",
    "Show names, what they are, and their options with defaults.",
    (
        Operand(
            Option(
                "what",
                Literal["strategies", "datasets", "models", "scores", "suites"],
                REQUIRED,
                "strategies, datasets, models, scores or suites",
            )
        ),
    ),
)
SCORE = Command(
    "score",
    _score,
    "score samples with a trained detector",
    "Score samples with the detector of a finished run. Write a CSV row for each sample: name, "
    "score, threshold, and whether it is an anomaly. `--input -` reads lines of JSON from "
    'standard input, such as [0.1, 0.9] or {"name": "pump 3", "x": [0.1, 0.9]}, and answers each '
    "at once.",
    (
        Operand(Option("run", Place, REQUIRED, "the folder of a finished run, or of a detector")),
        flag(
            "input",
            Name,
            None,
            "FILE.npy, .npz, .csv, .parquet or .jsonl, an image, a folder of images, or -",
        ),
        flag("output", Place, None, "CSV file. Default: standard output"),
        flag("seed", int, None, "seed of the replica that scores. Default: the first"),
        flag("rate", float, 0.05, "false-positive rate of the threshold: 0.01 or 0.05"),
        flag("name_column", str, None, "column with the samples' names"),
        flag("ignore", str, None, "columns to leave out of the features, separated by commas"),
    ),
)
