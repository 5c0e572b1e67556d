"""What is shown on the screen."""

import pandas as pd
import pytest
import torch

from cl_anomaly.cli.screen_tables import show_aurocs, show_list, show_narrow_table, show_standings
from cl_anomaly.core.events import tell
from cl_anomaly.core.progress import Progress
from cl_anomaly.listeners.screen import Screen, mean_and_spread, show_notice
from cl_anomaly.report.run_names import one_line
from cl_anomaly.report.suite_table import COST, QUALITY, screen_rows
from cl_anomaly.results.reading import read_suite
from tests.support.places import ROOT


@pytest.fixture(autouse=True)
def _plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    # These make rich take a pipe for a terminal.
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


def learn_two_tasks(listener: Progress) -> None:
    for number, loss, aurocs in ((1, 12.25, [0.9]), (2, 7.5, [0.5, 0.7])):
        listener.task(number, 2, 10)
        listener.step(1, 4, torch.tensor([99.0, 99.0]))
        listener.step(4, 4, torch.tensor([loss - 1, loss + 1]))
        listener.evaluated(number, aurocs)


def rows(runs: dict[str, list[list[float]]], score: str = "recon") -> pd.DataFrame:
    """Headline AUROC by run: a list for each seed, a number for each task."""
    return (
        pd.DataFrame(
            [
                {"run": run, "seed": seed, "task": task, "score": score, "value": value}
                for run, seeds in runs.items()
                for seed, values in enumerate(seeds)
                for task, value in enumerate(values, 1)
            ]
        )
        .assign(metric="auroc_seen")
        .assign(dataset="digits", anomaly_class=0)
    )


def cells(table: str) -> list[list[str]]:
    """The body of a table as text: a list for each line."""
    lines = [line for line in table.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


@pytest.mark.parametrize(
    ("values", "text"),
    [([0.5], "0.500"), ([0.5, 0.7], "0.600 ± 0.141"), ([0.0, 0.0, 0.9], "0.300 ± 0.520")],
)
def test_mean_and_deviation(values: list[float], text: str) -> None:
    assert mean_and_spread(values) == text
    assert mean_and_spread(iter(values)) == text


def test_a_log_gets_one_line_for_each_task(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen() as screen:
        learn_two_tasks(screen.listener("gr"))
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert first.startswith("gr: task 1/2, loss 12.25, AUROC 0.900, ")
    assert second.startswith("gr: task 2/2, loss 7.50, AUROC 0.600 ± 0.141, ")
    assert not out, "the log does not belong to the results"


def test_a_task_took_as_long_as_the_event_log_says(capsys: pytest.CaptureFixture[str]) -> None:
    listener = Screen().listener("gr")
    tell(listener, {"event": "task", "time": 100.0, "number": 1, "tasks": 2, "epochs": 10})
    tell(listener, {"event": "evaluated", "time": 112.5, "number": 1, "aurocs": [0.9]})
    assert capsys.readouterr().err == "gr: task 1/2, AUROC 0.900, 12.5 s\n"


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen() as screen:
        listener = screen.listener("gr")
        listener.task(2, 9, 10)
        listener.update(25, 100, 12.25)
    out, err = capsys.readouterr()
    for shown in ("gr", "task 2/9 epoch 3/10", "loss 12.25"):
        assert shown in err
    assert not out


@pytest.mark.usefixtures("terminal")
def test_of_many_runs_a_bar_counts_those_that_are_over(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(runs=1000) as screen:
        for run in range(30):
            learn_two_tasks(screen.listener(f"run [{run}]"))
            screen.over(f"run [{run}]", "")
        screen.listener("another").task(1, 2, 10)
        capsys.readouterr()  # as it was while they went on
    err = capsys.readouterr().err
    assert "30 of 1,000" in err
    assert "another" in err
    assert "run [29]" not in err


@pytest.mark.usefixtures("terminal")
def test_of_many_runs_each_leaves_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(runs=1000) as screen:
        for run in range(3):
            learn_two_tasks(screen.listener(f"run [{run}]"))
            screen.over(f"run [{run}]", "")
        screen.listener("other").notice("It is a run of its own.")
        screen.over("other", "Its loss is NaN.\nAnd more.")
        screen.over("never begun", "Its process was lost.")
    err = capsys.readouterr().err
    for run in range(3):
        assert err.count(f"run [{run}]: AUROC 0.600 ± 0.141, ") == 1
    assert "other: It is a run of its own." in err
    assert "s; Its loss is NaN." in err
    assert "And more." not in err
    assert "never begun: Its process was lost." in err
    assert "5 of 1,000" in err


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(quiet=True) as screen:
        learn_two_tasks(screen.listener("gr"))
    assert capsys.readouterr() == ("", "")


def test_show_aurocs_shows_every_task_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = rows({"gr": [[0.9, 0.5], [0.9, 0.7]], "my run": [[0.3, 0.2], [0.3, 0.4]]})
    other_score = rows({"gr": [[0.111, 0.111]]}, score="mse")
    other_metric = rows({"gr": [[0.222, 0.222]]}).assign(metric="auroc_class_1")
    show_aurocs(pd.concat([other_score, wanted, other_metric]), "recon")
    out = capsys.readouterr().out
    assert "score recon" in out
    header = next(line for line in out.splitlines() if "task" in line and "┃" in line)
    assert [cell.strip() for cell in header.strip("┃").split("┃")] == ["task", "gr", "my run"]
    assert cells(out) == [
        ["1", "0.900 ± 0.000", "0.300 ± 0.000"],
        ["2", "0.600 ± 0.141", "0.300 ± 0.141"],
    ]


def test_show_aurocs_of_runs_with_different_numbers_of_tasks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # As in a suite whose runs have their own `classes_per_task`.
    show_aurocs(rows({"long": [[0.9, 0.8]], "short": [[0.7]]}), "recon")
    first, second = cells(capsys.readouterr().out)
    assert first == ["1", "0.900", "0.700"]
    assert second[:2] == ["2", "0.800"]


def test_a_notice_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_notice("This must not be missed.")
    out, err = capsys.readouterr()
    assert "This must not be missed." in err
    assert not out


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    # Folders, and the names of runs in a suite, may have them.
    show_notice("Looked in: /data [old]/MNIST")
    show_aurocs(rows({"gr [old]": [[0.9]]}), "recon")
    out, err = capsys.readouterr()
    assert "/data [old]/MNIST" in err
    assert "gr [old]" in out


def test_show_list(capsys: pytest.CaptureFixture[str]) -> None:
    show_list("things", [("a", "first"), ("b", "second")], ("name", "what it is"))
    out = capsys.readouterr().out
    assert cells(out) == [["a", "first"], ["b", "second"]]
    for word in ("things", "name", "what it is"):
        assert word in out


def test_of_several_anomaly_classes_the_mean_and_its_interval_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends = ((0, 0.8), (4, 0.6))
    parts = [rows({"gr": [[end]] * 2}).assign(anomaly_class=c) for c, end in ends]
    line = one_line(pd.concat(parts).assign(strategy="gr")).assign(run="gr")
    show_aurocs(line, "recon")
    out = " ".join(capsys.readouterr().out.split("\n"))
    assert "score recon, mean of anomaly classes 0, 4 ± 95 % t-interval:" in out
    # Of 0.8 and 0.6: Student's t of 1 degree, 12.706, times 0.1.
    assert "0.700 ± 1.271" in out


def test_many_runs_stand_in_tables_that_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_aurocs(rows({f"run {n}": [[0.9], [0.7]] for n in range(9)}), "recon")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert [len(line) for line in cells(out)] == [5, 5, 2]
    assert all(cell == "0.800 ± 0.141" for line in cells(out) for cell in line[1:])
    for n in range(9):
        assert f"run {n}" in out


def test_standings_name_forgetting_and_gap_and_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_standings(read_suite(ROOT / "results" / "reference" / "mnist"))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    lower = next(line for line in out.splitlines() if line.startswith("lower"))
    # Five seeds do not tell it from the best: 3 · 2 / 2⁵.
    assert lower.split() == "lower 0.626 (0.604 to 0.647) 4.00 0.00 0.418 upper".split()
    for word in ("AUROC", "(95 % interval)", "gap", "closed", "forgetting", "not different from"):
        assert word in out


def test_the_tables_of_a_suite_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"a method of a long name {n}" for n in range(9)]
    numbers = {"mean": 0.9, "low": 0.85, "high": 0.95, "rank": 10.25, "gap_closed": -0.25}
    numbers |= {"forgetting": 0.125, "seconds": 1234.5, "bytes": 3.1e6, "stores_samples": True}
    numbers |= {"steps": 1_234_567}
    table = pd.DataFrame([{"run": name, "score": "mse", "missing": 0} | numbers for name in names])
    table["not_different_from"] = [", ".join(n for n in names if n != name) for name in names]
    table.loc[0, "not_different_from"] = ", ".join(names[1:5])
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    for columns in (QUALITY, COST):
        show_narrow_table("small", screen_rows(rows, columns), ("method", *columns))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for word in (
        "0.900 (0.850 to 0.950)",
        "10.25",
        "-0.25",
        "0.125",
        "1234.5",
        "1,234,567",
        "3.10 MB",
        "yes",
    ):
        assert out.count(word) == 9, word
    said = [row[-1] for row in screen_rows(rows, QUALITY)]
    assert said == [f"{names[1]} and 3 more", *["all others"] * 8]
