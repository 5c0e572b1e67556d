"""The page's tables: what was measured, which differences are real, how to make it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cl_anomaly.report.cells import written
from cl_anomaly.report.page import numbers
from cl_anomaly.report.page.chart_data import Columns
from cl_anomaly.report.page.content import Content, MadeRun, Member
from cl_anomaly.report.page.detected import Scored
from cl_anomaly.report.page.markup import Html, element
from cl_anomaly.report.page.numbers import UNKNOWN
from cl_anomaly.report.page.ranking import Standing
from cl_anomaly.report.page.reproduction import command_of
from cl_anomaly.report.suite_table import in_short
from cl_anomaly.statistics.comparison import BETTER, WORSE, Comparison

MISSING = "missing"
_COLUMNS = {
    "rank": "mean rank",
    "not_different_from": "not different from",
    "gap_closed": "gap closed",
    "forgetting": "forgetting",
    "seconds": "seconds",
    "steps": "steps",
    "bytes": "bytes",
    "stores_samples": "stores real samples",
}
"""Columns of the table of runs, as the page calls them."""
_OF_NUMBERS = {
    *("AUROC", "95 % interval", "mean rank", "gap closed", "forgetting", "seconds", "steps"),
    *("bytes", "replicas", "difference", "better in", "p", "p (Holm)", "row"),
}


def headline_table(rows: Sequence[Standing], several_datasets: bool) -> Html:
    """Show each run: how well it did, what it cost, and what it has not done."""
    several_scores = len({row.member.results.score for row in rows if row.member.results}) > 1
    heads = ["run"] + ["dataset"] * several_datasets + ["score"] * several_scores
    shown = _shown([row.row for row in rows])
    heads += ["AUROC", "95 % interval", *(_COLUMNS[name] for name in shown), "replicas"]
    lines: dict[str, list[str]] = {}
    for row in rows:
        if row.number("rank") is not None:
            lines.setdefault(row.member.dataset, []).append(row.member.line)
    body = []
    for row in rows:
        own = _cells(row.row, shown, lines.get(row.member.dataset, []))
        own |= {
            "run": _name(row.member),
            "dataset": _cell(row.member.dataset),
            "score": _cell(row.member.results.score if row.member.results else UNKNOWN),
            "replicas": _number(row.number("replicas"), _replicas(row.row)),
        }
        stores = written(row.row, "stores_samples")
        keys = {"data_dataset": row.member.dataset, "data_stores": stores}
        body.append(element("tr", [own[head] for head in heads], **keys))
    return _table("standings", heads, body, first="AUROC")


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Leave out columns that are of several runs, or that no run has a number in."""
    alone = ("rank", "not_different_from") if len(rows) < 2 else ()
    some = {"gap_closed", "forgetting"}
    empty = {name for name in some if not any(numbers.is_known(row[name]) for row in rows)}
    return [name for name in _COLUMNS if name not in {*alone, *empty}]


def _cells(row: Mapping[str, Any], shown: Sequence[str], lines: Sequence[str]) -> dict[str, Html]:
    """Make the cells of a row of the table of runs, by their heads."""
    mean, low = row["mean"], row["low"]
    cells = {
        "AUROC": _number(mean, written(row, "mean"))
        if numbers.is_known(mean)
        else _cell(MISSING, class_="missing"),
        "95 % interval": _cell(numbers.interval(low, row["high"]), low, class_="n"),
    }
    for name in shown:
        words = written(row, name, UNKNOWN)
        if name == "not_different_from":
            others = [own for own in lines if own != row["run"]]
            cells[_COLUMNS[name]] = _cell(in_short(written(row, name), others) or UNKNOWN)
        else:
            is_text = name == "stores_samples"
            cells[_COLUMNS[name]] = _cell(words) if is_text else _number(row[name], words)
    return cells


def _name(member: Member) -> Html:
    more = [element("small", member.name)] if member.line != member.name else []
    if member.has_problems:
        more.append(element("a", "see problems", href="#problems"))
    return element("th", member.line, *[[" ", own] for own in more], scope="row")


def _replicas(row: Mapping[str, Any]) -> str:
    if not row["replicas"]:
        return "none"
    count, missing = int(row["replicas"]), int(row["missing"])
    return f"{count} of {count + missing}" if missing else str(count)


def pairs_table(compared: Comparison, name: str) -> Html:
    """Show every two runs: the difference, its interval, and what the test says of it."""
    heads = ["run", "other", "difference", "95 % interval", "better in", "p", "family", "p (Holm)"]
    heads.append("decision")
    body = []
    for pair in compared.pairs.to_dict("records"):
        share = pair["probability_of_improvement"]
        percent = f"{100 * share:.0f} %" if numbers.is_known(share) else UNKNOWN
        said = str(pair["decision"])
        real = "real" if said in (BETTER, WORSE) else None
        cells = [
            element("th", pair["run"], scope="row"),
            _cell(pair["other"]),
            _number(pair["difference"], _signed(pair["difference"])),
            _cell(numbers.interval(pair["low"], pair["high"]), pair["low"], class_="n"),
            _number(share, percent),
            _number(pair["p_wilcoxon"], numbers.number(pair["p_wilcoxon"])),
            _cell(pair["family"] or UNKNOWN),
            _number(pair["p_holm"], numbers.number(pair["p_holm"])),
            _cell(f"{pair['run']} is {said}" if real else said, class_=real),
        ]
        body.append(element("tr", cells))
    return _table(name, heads, body)


def _signed(value: float) -> str:
    return f"{value:+.3f}" if numbers.is_known(value) else UNKNOWN


def overall_table(table: pd.DataFrame) -> Html:
    """Show each method over all datasets."""
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    shown = _shown(rows)
    heads = ["method", "AUROC", "95 % interval", *(_COLUMNS[name] for name in shown), "replicas"]
    lines = [str(row["run"]) for row in rows if numbers.is_known(row["rank"])]
    body = []
    for row in rows:
        cells = _cells(row, shown, lines) | {
            "method": element("th", row["run"], scope="row"),
            "replicas": _number(row["replicas"], _replicas(row)),
        }
        body.append(element("tr", [cells[head] for head in heads]))
    return _table("overall", heads, body, first="AUROC")


def auroc_table(columns: Columns, score: str, panel: str) -> Html:
    """Show the AUROC after every task by one score, for those who see or print no figure."""
    keys = ("run", "panel", "score", "task", "mean")
    found: dict[str, dict[int, float | None]] = {}
    for run, own_panel, own_score, task, mean in zip(*(columns[k] for k in keys), strict=True):
        if own_score == score and own_panel == panel:
            found.setdefault(run, {})[task] = mean
    tasks = sorted({task for own in found.values() for task in own})
    body = [
        element(
            "tr",
            element("th", run, scope="row"),
            [_number(own.get(task), numbers.number(own.get(task))) for task in tasks],
        )
        for run, own in found.items()
    ]
    return _table("aurocs", ["run", *(f"task {task}" for task in tasks)], body)


def reproduction_table(runs: Sequence[MadeRun]) -> Html:
    """Show how each run is made again, and of which code and data it is."""
    heads = ["run", "command", "code", "data", "made"]
    body = []
    for own in runs:
        environment = own.environment
        command = element("code", command_of(own.config), tabindex="0")
        button = element(
            "button",
            "copy",
            type="button",
            data_copy=True,
            aria_label=f"copy the command of {own.name}",
        )
        cells = [
            element("th", own.name, scope="row"),
            element("td", command, " ", button, class_="command"),
            _cell(_code(environment, own.code)),
            _cell(str(environment.get("data_sha256") or UNKNOWN)[:8]),
            _cell(_made(environment, own.finished)),
        ]
        body.append(element("tr", cells))
    return _table("reproduction", heads, body)


def _code(environment: Mapping[str, object], changed: str | None) -> str:
    code = environment.get("code")
    sha256 = str(code.get("sha256"))[:8] if isinstance(code, dict) else UNKNOWN
    commit = str(environment.get("git_commit") or "")[:8]
    words = [sha256, *([f"commit {commit}"] if commit else [])]
    return ", ".join([*words, *(["not this code"] if changed else [])])


def _made(environment: Mapping[str, object], finished: str) -> str:
    version = environment.get("cl_anomaly")
    words = [finished[:10], f"version {version}" if version else ""]
    words += [str(environment.get("device") or "")]
    return ", ".join(filter(None, words)) or UNKNOWN


def chosen_table(content: Content) -> Html:
    """Show what was tuned, and on what; says so plainly where nothing is recorded."""
    tuned = [member for member in content.members if member.chosen]
    if not tuned:
        return element(
            "p",
            "No tuning is recorded: each run has the settings of its command, and whether these "
            "were chosen with a look at test data is not known to this page.",
        )
    by_method = {member.method: member.chosen for member in tuned}
    keys = list(dict.fromkeys(key for chosen in by_method.values() for key in chosen))
    body = [
        element(
            "tr",
            element("th", method, scope="row"),
            [_cell(_in_words(chosen.get(key))) for key in keys],
        )
        for method, chosen in by_method.items()
    ]
    return _table("chosen", ["run", *(key.replace("_", " ") for key in keys)], body)


def detected_table(found: Mapping[str, Sequence[Scored]], name: str) -> Html:
    """Show samples by their rows in the test set, kind after kind."""
    body = [
        element(
            "tr",
            element("th", kind, scope="row"),
            _number(float(sample.row), str(sample.row)),
            _cell(sample.label),
            _number(sample.score, numbers.short_score(sample.score)),
        )
        for kind, samples in found.items()
        for sample in samples
    ]
    return _table(name, ["samples", "row", "class", "score"], body)


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_in_words(own)}" for key, own in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value))
    return UNKNOWN if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _table(name: str, heads: Sequence[str], body: Sequence[Html], first: str = "") -> Html:
    """Make a table whose columns sort; `first` is the one that it is sorted by already."""
    cells = [
        element(
            "th",
            element("button", head, type="button"),
            scope="col",
            aria_sort="descending" if head == first else "none",
            class_="n" if head in _OF_NUMBERS or head.startswith("task ") else None,
        )
        for head in heads
    ]
    whole = element(
        "table", element("thead", element("tr", cells)), element("tbody", body), id=name
    )
    return element(
        "div", whole, class_="scroll", tabindex="0", role="region", aria_label=f"table: {name}"
    )


def _number(value: float | None, words: str) -> Html:
    return _cell(words, value, class_="n")


def _cell(words: str, value: float | None = None, class_: str | None = None) -> Html:
    """Make a cell; `value` is what it sorts by where that is not its words."""
    key = value if numbers.is_known(value) else None
    missing = "" if words in (UNKNOWN, MISSING) else None
    return element("td", words, class_=class_, data_value=missing if key is None else key)
