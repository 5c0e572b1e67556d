"""README's own examples, run as they stand there."""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from cl_anomaly.cli import main as cli
from tests.places import ROOT

README = (ROOT / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_strategy_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = [block for block in _blocks("python") if "my_file.py" in block]
    assert len(source.splitlines()) <= 22
    monkeypatch.chdir(tmp_path)
    Path("my_file.py").write_text(source)
    shared = ["--dataset", "digits", "--epochs", "1", "--quiet"]
    cli.main(["run", "--strategy", "my_file.py:MyStrategy", "--strategy.per-task", "100", *shared])
    cli.main(["compare", "--strategies", "my_file.py:MyStrategy,lower", *shared])
    assert {path.name.rsplit("-", 1)[0] for path in Path("results").iterdir()} == {
        "digits-MyStrategy",
        "digits-lower",
        "digits",
    }


def test_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = [block for block in _blocks("python") if "RunConfig(" in block]
    short = source.replace("epochs=10", "epochs=1")
    assert short != source
    exec(compile(short, "README.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.split()[:4] == ["seed", "0", "1", "2"]


def test_avalanche_users_script(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = [block for block in _blocks("python") if "to_avalanche" in block]
    short = source.replace("train_epochs=10", "train_epochs=1")
    assert short != source
    added = [line for line in source.splitlines() if line.endswith(("# 1", "# 2"))]
    assert len(added) == 2
    exec(compile(short, "README.md", "exec"), {})  # noqa: S102
    aurocs = [line for line in capsys.readouterr().out.splitlines() if line.startswith("0.")]
    assert len(aurocs) == 9
    assert all(0 < float(line) <= 1 for line in aurocs)


def test_strategies_of_avalanche(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in README.splitlines() if line.startswith("cl-anomaly ")]
    commands = [shlex.split(line, comments=True) for line in lines if "avalanche:" in line]
    assert len(commands) == 4
    monkeypatch.chdir(tmp_path)
    short = "--dataset digits --epochs 1 --task-order 1,2 --seeds 1 --quiet --device cpu".split()
    for command in commands:
        if "--help" not in command:
            cli.main([*command[1:], *short])
    names = {path.name.rsplit("-", 1)[0] for path in Path("results").iterdir()}
    assert {"digits-avalanche_EWC", "digits-avalanche_ReplayPlugin", "digits"} <= names


def test_first_block_holds_the_two_commands() -> None:
    first, second = _blocks("")[0].strip().splitlines()
    assert first == (
        'python3 -m venv .venv && . .venv/bin/activate && pip install -e ".[test]" '
        "&& cl-anomaly run --strategy gr"
    )
    assert second == "python -m pytest"


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_promises_are_linked_to_tests_that_exist() -> None:
    section = README.split("## What survives what")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    for row in rows:
        links = re.findall(r"\[`(test_\w+)`\]\((tests/[\w/]+\.py)\)", row)
        assert links, row
        for name, file in links:
            assert f"def {name}(" in (ROOT / file).read_text(), name


def _cell(summary: pd.DataFrame, run: str, task: int, metric: str, score: str) -> str:
    keys = {"run": run, "task": task, "metric": metric, "score": score}
    row = summary.loc[(summary[list(keys)] == pd.Series(keys)).all(axis=1)].iloc[0]
    return f"{row['mean']:.3f} ± {row['sd']:.3f}"


def test_table_is_the_references() -> None:
    summary = pd.read_csv(ROOT / "results/reference/mnist/summary.csv")
    for run in ("upper", "gr", "ewc", "lower"):
        cells = [_cell(summary, run, task, "auroc_seen", "recon") for task in (3, 5, 7, 9)]
        cells.append(_cell(summary, run, 9, "auroc_seen", "mse"))
        cells.append(_cell(summary, run, 9, "forgetting", "recon"))
        assert f"`{run}` | {' | '.join(cells)} |" in README


def test_table_of_pairs_is_the_measured_one() -> None:
    table = pd.read_csv(ROOT / "results/reference/avalanche/pairs.csv")
    recon = table[table["score"] == "recon"]
    assert recon["within_after_every_task"].all() and len(recon) == 4
    for row in recon.to_dict("records"):
        ours, theirs = row["strategy"].split(" / ")
        cells = [
            f"{row[f'{one}_mean']:.3f} ± {row[f'{one}_sd']:.3f}" for one in ("first", "second")
        ]
        seconds = f"{row['first_seconds']:.0f} / {row['second_seconds']:.0f}"
        largest = f"{row['largest_after_any_task']:.4f}"
        assert f"| `{ours}` | `{theirs}` | {' | '.join([*cells, largest, seconds])} |" in README


def test_speed_table_is_the_measured_one() -> None:
    folder = ROOT / "results" / "reference" / "speed"
    measures = json.loads((folder / "speed.json").read_text())["measures"]
    rows = [row for measured in measures.values() for row in measured]
    measured = {(f"{row['value']:,.2f}", row["detail"]) for row in rows}
    section = README.split("## How fast")[1].split("\n## ")[0]
    lines = [line.split("|") for line in section.splitlines() if line.startswith("| ")]
    shown = [(cells[2].strip(), cells[3].strip()) for cells in lines[2:]]
    assert len(shown) >= 10
    assert set(shown) <= measured
