"""The table of runs: its numbers by hand, and the same ones wherever it is shown."""

import io
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cl_anomaly import read_suite
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.report.page.page import page_of
from cl_anomaly.report.page.run_content import read_content
from cl_anomaly.report.suite_table import COLUMNS, COST, QUALITY
from cl_anomaly.results.cost import COST_COLUMNS, of_one_replica
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.results.table import part_of_table
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.comparison import compare_runs
from cl_anomaly.suites.comparison_folder import write_comparison
from cl_anomaly.suites.folder import write_suite
from cl_anomaly.suites.suite import Suite
from tests.report.page.reading import rows as rows_of_page
from tests.report.page.reading import script
from tests.statistics.test_comparison import metrics_of
from tests.statistics.test_summary import rows
from tests.support.command import cli
from tests.support.folders import write_folder
from tests.support.made_up import code_of_now

ENDS = {
    **{("vae", "lower"): 0.50, ("vae", "gr"): 0.45, ("vae", "upper"): 0.90},
    **{("flow", "lower"): 0.70, ("flow", "gr"): 0.75, ("flow", "upper"): 0.80},
}
"""Headline AUROC after the last task."""
CLOSED = {
    **{"vae lower": 0.0, "vae gr": -0.125, "vae upper": 1.0},  # (0.45 - 0.50) / (0.90 - 0.50)
    **{"flow lower": 0.0, "flow gr": 0.5, "flow upper": 1.0},  # (0.75 - 0.70) / (0.80 - 0.70)
}
REPLICAS = 4
COST_OF_ALL: dict[str, Any] = {
    **{"replicas": REPLICAS, "training_seconds": 500.0, "after_task_seconds": 1.0},
    **{"evaluation_seconds": 2.0, "samples": 1000, "forward_flops": 10, "training_flops": 40_000},
    **{"model_bytes": 4 * 1_000_000, "strategy_bytes": 4 * 500_000},
    # Of the scores, the shown one alone counts.
    **{"score_bytes": {"recon": 4 * 20_000, "mahalanobis": 4 * 900_000}, "stores_samples": False},
}


def config_of(model: str, strategy: str, **settings: Any) -> ResolvedConfig:
    whole: dict[str, Any] = {
        **{"model": model, "strategy": strategy, "dataset": "digits", "epochs": 2},
        **{"batch_size": 32, "anomaly_class": [0, 4], "seeds": [0, 1], "score": "recon"},
    }
    return ResolvedConfig(**whole | settings)


def made_up(out: Path, config: ResolvedConfig, end: float, cost: Mapping[str, Any]) -> Path:
    """A run of two anomaly classes, two seeds and two tasks."""
    lost = 0.9 - end

    def write(folder: Path) -> None:
        write_json(folder / "config.json", config.to_dict())
        environment = {"data_sha256": "0" * 64, "code": code_of_now()}
        write_json(folder / "environment.json", environment)
        write_json(folder / "cost.json", dict(cost))
        tables = [
            rows(config.strategy, seed, [0.9, end + shift], [[0.9, 0.5], [0.9 - lost, 0.9]])
            .assign(anomaly_class=label)
            .drop(columns="run")
            for label, seed, shift in ((0, 0, 0.01), (0, 1, -0.01), (4, 0, 0.02), (4, 1, -0.02))
        ]
        pd.concat(tables).to_csv(folder / "metrics.csv", index=False)

    return write_folder(out, f"{config.model}-{config.strategy}", write)


def member(folder: Path, name: str, config: ResolvedConfig, method: str = "") -> RunFolder:
    return RunFolder(folder, name, method=method, config=config, settings=config.to_dict())


def members_in(out: Path) -> list[RunFolder]:
    members = []
    for number, ((model, strategy), end) in enumerate(ENDS.items(), 1):
        config = config_of(model, strategy)
        cost = COST_OF_ALL | {"steps": 14_320 * number}
        folder = made_up(out, config, end, cost)
        members.append(member(folder, f"{model} {strategy}", config))
    return members


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("standings")
    members = members_in(out)
    suite = Suite({}, {run.name: {} for run in members}, pairs=(("vae gr", "vae lower"),))
    return write_suite(suite, members, {}, out, "two-models")


def test_the_gap_is_between_the_bounds_of_the_same_model_in_every_file(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv").set_index("run")["gap_closed"]
    summary = pd.read_csv(folder / "summary.csv").query("metric == 'gap_closed'")
    of_all = summary[summary["anomaly_class"] == "mean"].set_index("run")["mean"]
    read = read_suite(folder).table.set_index("run")["gap_closed"]
    content = read_content(folder)
    (dataset,) = content.standings.values()
    on_page = dataset.set_index("run")["gap_closed"]
    exported = pd.read_csv(io.StringIO(cli("export", folder, "--to", "csv").out))
    for found in (table, of_all, read, on_page, exported.set_index("run")["gap_closed"]):
        assert found.to_dict() == pytest.approx(CLOSED, abs=1e-12)
    # Of each class alone, too: there, every run ends 0.01 or 0.02 away on either side.
    of_class = summary[summary["anomaly_class"] == "4"].set_index("run")["mean"]
    assert of_class.to_dict() == pytest.approx(CLOSED, abs=1e-12)


def test_costs_are_those_of_one_replica_by_hand(folder: Path) -> None:
    row = read_suite(folder).table.set_index("run").to_dict("index")["vae gr"]
    assert row["seconds"] == pytest.approx(500 / 4)
    assert row["steps"] == 2 * 14_320
    assert row["operations"] == pytest.approx(10_000)
    # Model, strategy and the shown score.
    assert row["bytes"] == pytest.approx(1_000_000 + 500_000 + 20_000)
    assert bool(row["stores_samples"]) is False
    # (0.9 - 0.45) of each replica's first task.
    assert row["forgetting"] == pytest.approx(0.45)
    # Of the two classes' means, which are both 0.45.
    assert (row["mean"], row["sd"]) == (pytest.approx(0.45), pytest.approx(0.0))


def test_the_recorded_table_is_read_without_pandas(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cl_anomaly.results.recorded import read_rows; "
        "from cl_anomaly.report.suite_table import cells_of; "
        f"print(*[cells[0] for cells in cells_of(read_rows(Path({str(folder)!r})))], sep=', '); "
        "print([name for name in ('torch', 'pandas', 'numpy', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    names, loaded = done.stdout.splitlines()
    assert names.split(", ") == read_suite(folder).table["run"].tolist()
    assert loaded == "[]"


def test_every_surface_shows_the_same_words(folder: Path) -> None:
    """Forgetting, gap, seconds, steps and bytes: in files, on the page, screen, and in a paper."""
    expected = {
        "vae gr": ["-0.12", "0.450", "125.0", "28,640", "1.52 MB"],
        "flow upper": ["1.00", "0.100", "125.0", "85,920", "1.52 MB"],
    }
    latex = cli("export", folder, "--to", "latex").out
    markdown = (folder / "table.md").read_text().splitlines()
    page = rows_of_page(page_of(read_content(folder)), "standings")
    screen = cli("export", folder, "--to", "markdown").out.splitlines()
    for run, (gap, lost, seconds, steps, size) in expected.items():
        line = next(own for own in markdown if own.startswith(f"| {run} |")).split(" | ")
        places = [COLUMNS.index(name) for name in ("gap closed", "forgetting", *COST[:3])]
        assert [line[place] for place in places] == expected[run]
        assert line[COLUMNS.index("real samples")] == "no"
        (row,) = [own for own in page if own[0] == run]
        assert row[-7:] == [gap, lost, seconds, steps, size, "no", "4"]
        assert f"| {lost} | {gap} | {seconds} | {steps} | {size} |" in next(
            own for own in screen if own.startswith(f"| {run} |")
        )
        assert rf"& ${lost}$ & ${gap}$ & ${seconds}$ & {steps} & {size} \\" in latex
    numbers = pd.read_csv(folder / "table.csv")
    exported = pd.read_csv(io.StringIO(cli("export", folder, "--to", "csv").out))
    for own in (exported, read_suite(folder).table):
        pd.testing.assert_frame_equal(own, numbers, check_dtype=False, rtol=1e-12)


def test_the_screen_shows_quality_and_cost(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cl_anomaly.cli.bench import show_suite
    from cl_anomaly.cli.screen_tables import show_standings

    monkeypatch.setenv("COLUMNS", "80")
    show_suite(folder, quiet=False)
    of_bench = capsys.readouterr().out
    show_standings(read_suite(folder))
    of_compare = capsys.readouterr().out
    for out in (of_bench, of_compare):
        assert max(map(len, out.splitlines())) <= 80
        quality, cost = (line.split() for line in out.splitlines() if line.startswith("vae gr"))
        assert quality[2] == "0.450" and " ".join(quality).count("-0.12 0.450") == 1
        assert cost == "vae gr 125.0 28,640 1.52 MB no recon".split()
    assert len(QUALITY) + len(COST) + 1 == len(COLUMNS)


def test_the_figure_of_costs_has_the_same_numbers(folder: Path) -> None:
    data = script(page_of(read_content(folder)), "data")["cost"]
    place = data["run"].index("vae gr")
    found = [data[name][place] for name in ("seconds", "steps", "operations", "bytes")]
    assert found == [125.0, 28_640, 10_000, 1_520_000]


def test_what_is_not_recorded_is_empty_and_never_a_part(tmp_path: Path) -> None:
    known = {key: own for key, own in COST_OF_ALL.items() if key != "strategy_bytes"}
    config = config_of("vae", "gr")
    folder = made_up(tmp_path, config, 0.8, known)
    suite = write_suite(Suite({}, {"gr": {}}), [member(folder, "gr", config)], {}, tmp_path, "one")
    row = pd.read_csv(suite / "table.csv").iloc[0]
    assert math.isnan(row["bytes"]) and math.isnan(row["steps"])
    assert row["seconds"] == pytest.approx(125.0)
    assert "| 125.0 |  |  | no |" in (suite / "table.md").read_text()
    assert rows_of_page(page_of(read_content(suite)), "standings")[0][-5:] == [
        *("125.0", "–", "–", "no", "4")
    ]


def test_steps_are_the_mean_over_replicas_of_several_runs(tmp_path: Path) -> None:
    members = []
    # Three replicas of 100 steps and one of 200; 4 seconds for three, and 4 for one.
    for label, replicas, steps in ((0, 3, 100), (4, 1, 200)):
        config = config_of("vae", "gr", anomaly_class=[label])
        cost = COST_OF_ALL | {"replicas": replicas, "steps": steps, "training_seconds": 4.0}
        cost |= {"stores_samples": label == 4}
        folder = made_up(tmp_path / f"{label}", config, 0.8, cost)
        metrics = pd.read_csv(folder / "metrics.csv").query(f"anomaly_class == {label}")
        metrics.to_csv(folder / "metrics.csv", index=False)
        (folder / "manifest.json").unlink()
        members.append(member(folder, f"gr · {label}", config, "gr"))
    suite = write_suite(Suite({}, {"gr": {}}), members, {}, tmp_path, "parts")
    row = read_suite(suite).table.iloc[0]
    assert row["steps"] == pytest.approx((3 * 100 + 200) / 4)
    assert row["seconds"] == pytest.approx(8 / 4)
    assert bool(row["stores_samples"]) is True


def test_what_one_run_does_not_know_is_not_known_of_the_method() -> None:
    rows = [dict.fromkeys(COST_COLUMNS, 1.0) | {"stores_samples": known} for known in (True, None)]
    found = of_one_replica(pd.DataFrame(rows, dtype=object))
    assert found["stores_samples"] is None and found["bytes"] == pytest.approx(3.0)
    assert found["operations"] == pytest.approx(1.0)
    nothing = of_one_replica(pd.DataFrame(rows[:1], dtype=object).assign(model_bytes=None))
    assert math.isnan(nothing["bytes"]) and nothing["stores_samples"] is True


def test_bounds_of_other_epochs_or_steps_are_no_bounds(tmp_path: Path) -> None:
    configs = {
        "upper": config_of("vae", "upper"),
        "lower": config_of("vae", "lower"),
        "gr": config_of("vae", "gr"),
        "longer": config_of("vae", "gr", epochs=7),
    }
    folders = {
        name: made_up(tmp_path / name, config, end, COST_OF_ALL)
        for (name, config), end in zip(configs.items(), (0.9, 0.5, 0.8, 0.85), strict=True)
    }
    (tmp_path / "out").mkdir()
    for name, own in folders.items():
        folders[name] = own.rename(tmp_path / "out" / name)
    folder = write_comparison(configs, folders, tmp_path / "out")
    table = read_suite(folder).table.set_index("run")["gap_closed"]
    assert table["gr"] == pytest.approx(0.75) and math.isnan(table["longer"])
    summary = pd.read_csv(folder / "summary.csv").query("metric == 'gap_closed'")
    assert set(summary["run"]) == {"upper", "lower", "gr"}


def test_pairs_that_a_suite_names_are_recorded_and_tested(folder: Path) -> None:
    assert read_json(folder / "suite.json")["pairs"] == [["vae gr", "vae lower"]]
    tests = read_json(folder / "tests.json")
    assert tests["named"] == [["vae gr", "vae lower"]]
    assert tests["tests"]["digits"]["best"] == "vae upper"
    pairs = pd.read_csv(folder / "pairs.csv", keep_default_na=False)
    families = pairs["family"].value_counts().to_dict()
    assert families == {"best": 5, "named": 1, "": 9}
    for own in (read_suite(folder).comparison, *read_content(folder).compared.values()):
        assert own is not None
        assert own.named == (("vae gr", "vae lower"),)
        assert own.pairs["family"].tolist() == pairs["family"].tolist()
    said = (folder / "table.md").read_text()
    assert "named in advance (vae gr – vae lower)" in said
    assert "the 5 of vae upper, which has the best mean, with each other run" in said
    assert "are no independent datasets" in said


def known(name: str, dataset: str, method: str = "") -> RunFolder:
    """A run of which only the name is known, and what it was run on."""
    strategy = {"strategy_name": method or name}
    return RunFolder(None, name, method=method, dataset=dataset, settings={}, **strategy)


def test_the_deviation_is_that_of_what_the_mean_is_of() -> None:
    values: dict[str, dict[tuple[str, int | str, int], float]] = {
        "whole": {("digits", 0, seed): value for seed, value in enumerate((0.5, 0.7, 0.6, 0.1))},
        "part": {("digits", 0, seed): value for seed, value in enumerate((0.8, 0.9, 0.7))},
    }
    shown = metrics_of(values)
    compared = compare_runs(shown, "mse", resamples=20)
    runs = [known(run, "digits") for run in ("whole", "part", "gone")]
    none = pd.DataFrame(columns=list(COST_COLUMNS))
    table = part_of_table("digits", compared, shown, runs, none).set_index("run")
    # Of the three seeds that both have: 0.5, 0.7, 0.6 and 0.8, 0.9, 0.7.
    assert table["mean"].to_dict() == pytest.approx(
        {"part": 0.8, "whole": 0.6, "gone": math.nan}, nan_ok=True
    )
    assert table["sd"].to_dict() == pytest.approx(
        {"part": 0.1, "whole": 0.1, "gone": math.nan}, nan_ok=True
    )
    assert table["replicas"].to_dict() == {"part": 3, "whole": 4, "gone": 0}
    assert table[["seconds", "steps", "bytes"]].isna().all(axis=None)
    # Of seeds that change nothing, there is no deviation.
    fixed = metrics_of({"fixed": dict.fromkeys(values["whole"], 0.5)})
    alone = part_of_table("d", compare_runs(fixed, "mse"), fixed, [known("fixed", "d")], none)
    assert alone[["sd", "low", "high"]].isna().all(axis=None)


def test_bounds_are_of_the_same_datasets() -> None:
    shown = metrics_of(
        {
            run: {("a", 0, seed): value + 0.001 * seed for seed in range(3)}
            for run, value in {"lower": 0.5, "gr": 0.8, "upper": 0.9}.items()
        }
    )
    compared = compare_runs(shown, "mse", resamples=20)
    none = pd.DataFrame(columns=list(COST_COLUMNS))
    here = [known(run, "a") for run in ("lower", "gr", "upper")]
    table = part_of_table("a", compared, shown, here, none).set_index("run")
    assert table["gap_closed"]["gr"] == pytest.approx(0.75)
    more = [*here, known("gr on b", "b", "gr")]
    table = part_of_table("all", compared, shown, more, none).set_index("run")
    assert math.isnan(table["gap_closed"]["gr"]) and table["gap_closed"]["upper"] == 1.0


def test_a_run_without_results_has_neither_gap_nor_forgetting(tmp_path: Path) -> None:
    members = [
        run.but(folder=None, failure="it failed") if run.name == "vae gr" else run
        for run in members_in(tmp_path)
    ]
    suite = Suite({}, {run.name: {} for run in members})
    table = read_suite(write_suite(suite, members, {}, tmp_path, "less")).table
    row = table.iloc[-1]
    assert row["run"] == "vae gr" and row["replicas"] == 0
    assert row[["mean", "gap_closed", "forgetting", "seconds", "bytes"]].isna().all()
    assert np.isfinite(table["gap_closed"].iloc[:-1]).all()
