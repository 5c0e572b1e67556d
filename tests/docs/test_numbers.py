"""The numbers on the pages are those of the reference results."""

import json
import re
import shlex

import pandas as pd
import pytest

from cl_anomaly.settings.options import options_of
from cl_anomaly.strategies import find_strategy
from cl_anomaly.suites.suite_file import read_suite_file
from tests.docs.pages import AVALANCHE, PUBLISHED, README, SCORES, SPEED, STRATEGIES, rows
from tests.support.places import ROOT

_REFERENCE = ROOT / "results" / "reference"


def _cell(summary: pd.DataFrame, run: str, task: int, metric: str, score: str) -> str:
    keys = {"run": run, "task": task, "metric": metric, "score": score}
    row = summary.loc[(summary[list(keys)] == pd.Series(keys)).all(axis=1)].iloc[0]
    return f"{row['mean']:.3f} ± {row['sd']:.3f}"


def test_table_of_strategies() -> None:
    summary = pd.read_csv(_REFERENCE / "mnist" / "summary.csv")
    expected = []
    for run in ("upper", "gr", "ewc", "lower"):
        cells = [_cell(summary, run, task, "auroc_seen", "recon") for task in (3, 5, 7, 9)]
        cells.append(_cell(summary, run, 9, "auroc_seen", "mse"))
        cells.append(_cell(summary, run, 9, "forgetting", "recon"))
        expected.append([f"`{run}`", *cells])
    shown = rows(README.section("## Four strategies on MNIST"))
    assert [row[1:] for row in shown] == expected


def test_table_of_pairs() -> None:
    table = pd.read_csv(_REFERENCE / "avalanche" / "pairs.csv")
    recon = table[table["score"] == "recon"]
    assert recon["within_after_every_task"].all()
    expected = []
    for row in recon.to_dict("records"):
        ours, theirs = row["strategy"].split(" / ")
        cells = [
            f"{row[f'{one}_mean']:.3f} ± {row[f'{one}_sd']:.3f}" for one in ("first", "second")
        ]
        seconds = f"{row['first_seconds']:.0f} / {row['second_seconds']:.0f}"
        largest = f"{row['largest_after_any_task']:.4f}"
        expected.append([f"`{ours}`", f"`{theirs}`", *cells, largest, seconds])
    shown = rows(AVALANCHE.section("## The same strategy, ours and theirs"))
    assert len(shown) == 4
    assert sorted(shown) == sorted(expected)


def test_readme_says_that_lower_and_naive_agree_to_the_fourth_decimal() -> None:
    assert "agree on MNIST to the fourth decimal" in " ".join(README.text.split())
    (pair,) = [row for row in rows(AVALANCHE.text) if row[0] == "`lower`"]
    assert pair[4] == "0.0000"


def test_table_of_speed() -> None:
    measures = json.loads((_REFERENCE / "speed" / "speed.json").read_text())["measures"]
    every = [row for measured in measures.values() for row in measured]
    measured = {(f"{row['value']:,.2f}", row["detail"]) for row in every}
    shown = [(value, detail) for _, value, detail in rows(SPEED.text)]
    assert len(shown) >= 10
    assert set(shown) <= measured


def test_readme_takes_its_figures_from_the_table_of_speed() -> None:
    table = " ".join(word for row in rows(SPEED.text) for word in row[1:]).split()
    figures = re.findall(r"\d+\.\d+|\d{3,}", README.section("## How fast"))
    assert len(figures) == 4
    assert set(figures) <= set(table)


def test_table_of_scores() -> None:
    summary, expected = pd.read_csv(_REFERENCE / "scores" / "summary.csv"), []
    for row in summary.to_dict("records"):
        mean = f"{row['mean']:.3f} ± {row['half_interval']:.3f}"
        expected.append([f"`{row['score']}`", mean, f"{row['lowest_class']:.3f}"])
        assert row["replicas"] == 30
    shown = rows(SCORES.section("## On MNIST, against the literature"))
    assert sorted(row[:3] for row in shown) == sorted(expected)


def test_table_of_tuning() -> None:
    expected, chosen = [], {}
    for file in sorted((_REFERENCE / "tuning").glob("*.csv")):
        table = pd.read_csv(file, dtype={"value": str}, keep_default_na=False)
        for option, rows_of in table[table["option"] != ""].groupby("option", sort=False):
            best = rows_of["value"].iloc[int(rows_of["auroc"].to_numpy().argmax())]
            tried = ", ".join(
                f"{v}: {a:.3f}" for v, a in zip(rows_of["value"], rows_of["auroc"], strict=True)
            )
            expected.append([f"`{file.stem}`", f"`{option}`", tried, best])
            chosen[file.stem, option] = best
    shown = rows(STRATEGIES.section("## Where the defaults come from"))
    assert sorted(shown) == sorted(expected)
    for (strategy, option), value in chosen.items():
        options = {own.name: own for own in options_of(find_strategy(strategy))}
        assert str(options[str(option)].default) == value, (strategy, option)


_SUITES = sorted(path.name for path in (_REFERENCE / "suites").iterdir())


@pytest.mark.parametrize("name", _SUITES)
def test_table_of_a_suite(name: str) -> None:
    results = _REFERENCE / "suites" / name
    table = pd.read_csv(results / "table.csv")
    (page,) = [part for part in PUBLISHED.text.split("\n## ") if f"suites/{name}/" in part]
    performed = table.loc[table["mean"].notna(), "run"].tolist()
    shown = rows(page)
    assert [row[0] for row in shown] == performed
    lines = (results / "table.md").read_text().splitlines()
    assert {line for line in lines if line.startswith("| ") and "| no results |" not in line} <= {
        *page.splitlines()
    }
    for row in shown:
        own = table.set_index("run").loc[row[0]]
        known = own[["low", "high"]].notna().all()
        interval = f" ({own['low']:.3f} to {own['high']:.3f})" if bool(known) else ""
        assert row[1] == f"{own['mean']:.3f}{interval}"


@pytest.mark.parametrize("name", _SUITES)
def test_command_of_a_suite_names_the_runs_that_are_shown(name: str) -> None:
    (page,) = [part for part in PUBLISHED.text.split("\n## ") if f"suites/{name}/" in part]
    (block,) = re.findall(r"```console\n(.*?)\n```", page, flags=re.DOTALL)
    _, command, file, *flags = shlex.split(block.replace("\\\n", ""))
    assert command == "bench"
    runs = list(read_suite_file(ROOT / file).runs)
    wanted = flags[flags.index("--only") + 1].split(",") if "--only" in flags else runs
    assert set(wanted) <= set(runs)
    performed = {row[0].partition(" · ")[0] for row in rows(page)}
    assert performed == set(wanted)


def test_readme_shows_the_best_method_beside_the_four() -> None:
    table = pd.read_csv(_REFERENCE / "suites" / "digits" / "table.csv").set_index("run")
    shown = rows(README.section("## Digits, with eight classes as the anomaly in turn"))
    assert {row[0] for row in shown} >= {
        f"`{run}`" for run in ("upper", "gr", "ewc", "lower", "gaussians")
    }
    for name, auroc, steps, kept, samples in shown:
        own = table.loc[name.strip("`")]
        assert auroc == f"{own['mean']:.3f} ({own['low']:.3f} to {own['high']:.3f})"
        assert kept == f"{own['bytes'] / 1e6:.2f} MB"
        assert steps == f"{own['steps']:,.0f}"
        assert samples == ("yes" if bool(own["stores_samples"]) else "no")
