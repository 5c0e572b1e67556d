"""`cl-anomaly export`: formats, files, and what is bold."""

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.statistics.comparison import compare_runs
from tests.statistics.test_comparison import metrics_of, stream
from tests.support.command import cli
from tests.support.made_up import made_up_comparison, made_up_run
from tests.support.places import ROOT

REFERENCE = ROOT / "results" / "reference" / "mnist"


def test_latex_of_the_reference() -> None:
    done = cli("export", REFERENCE, "--to", "latex")
    assert done.code == 0, done.err
    assert r"gr & $0.963 \pm 0.003$ & $0.025$ & $1.00$ \\" in done.out
    assert r"\textbf" not in done.out and r"\mathbf" not in done.out
    # Five seeds cannot tell four runs apart, neighbours least of all.
    assert "No run is better than every other (Wilcoxon and Holm over 5 seeds, 0.05)" in done.out


def test_intervals_are_those_of_the_standings() -> None:
    done = cli("export", REFERENCE, "--to", "markdown", "--spread", "interval")
    numbers = pd.read_csv(io.StringIO(cli("export", REFERENCE, "--to", "csv").out))
    for row in numbers.to_dict("records"):
        cell = f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        assert f"| {row['run']} | {cell} |" in done.out


def test_csv_has_every_digit() -> None:
    numbers = pd.read_csv(io.StringIO(cli("export", REFERENCE, "--to", "csv").out))
    summary = pd.read_csv(REFERENCE / "summary.csv")
    last = summary.query("score == 'recon' and task == 9 and metric == 'auroc_seen'")
    there = last.set_index("run").reindex(numbers["run"])
    for column in ("mean", "sd"):
        np.testing.assert_allclose(numbers[column], there[column], rtol=0, atol=1e-12)
    assert set(numbers["dataset"]) == {"mnist"}
    assert not numbers["is_best"].any()


def test_bold_is_only_what_is_better_than_every_other() -> None:
    levels = {"a": 0.9, "b": 0.6, "c": 0.6}
    runs = {
        run: stream(level, spread=0.002, seed=seed)
        for seed, (run, level) in enumerate(levels.items())
    }
    assert compare_runs(metrics_of(runs), "mse", resamples=50).better_than_every_other == "a"
    compared = compare_runs(metrics_of(runs | {"a too": stream(0.9, seed=9)}), "mse", resamples=50)
    # Both are better than the others, and neither than the other.
    named = [("a", "b"), ("a too", "b")]
    metrics = metrics_of(runs | {"a too": stream(0.9, seed=9)})
    found = compare_runs(metrics, "mse", named=named, resamples=50)
    assert {found.decision(run, "b") for run in ("a", "a too")} == {"better"}
    assert compared.better_than_every_other is None
    two = {"a": stream(0.9, spread=0.002, seed=1), "b": stream(0.6, spread=0.002, seed=2)}
    assert compare_runs(metrics_of(two), "mse", resamples=50).better_than_every_other == "a"
    same = {"a": stream(0.9, spread=0.05, seed=1), "b": stream(0.9, spread=0.05, seed=2)}
    assert compare_runs(metrics_of(same), "mse", resamples=50).better_than_every_other is None
    assert (
        compare_runs(metrics_of({"a": two["a"]}), "mse", resamples=50).better_than_every_other
        is None
    )


def test_the_best_is_bold_in_the_table(tmp_path: Path) -> None:
    names = ("gr", "lower")
    seeds = list(range(8))
    folders = {name: made_up_run(tmp_path, name, seeds=seeds) for name in names}
    for name, lost in zip(names, (0.0, 0.2), strict=True):
        table = pd.read_csv(folders[name] / "metrics.csv")
        table.assign(value=table["value"] - lost).to_csv(folders[name] / "metrics.csv", index=False)
    folder = made_up_comparison(tmp_path, folders)
    done = cli("export", folder, "--to", "latex")
    assert r"gr & $\mathbf{0.665} \pm 0.024$ \\" in done.out
    assert r"lower & $0.465 \pm 0.024$ \\" in done.out
    assert "better than every other (Wilcoxon and Holm over 8 seeds, 0.05)" in done.out


def test_a_single_run(tmp_path: Path) -> None:
    done = cli("export", made_up_run(tmp_path, "gr"), "--to", "markdown")
    assert done.code == 0, done.err
    assert "| gr | 0.695 ± 0.007 |" in done.out
    assert "better" not in done.out


def test_a_file_is_written_and_not_over_another(tmp_path: Path) -> None:
    out = tmp_path / "new" / "table.tex"
    done = cli("export", REFERENCE, "--to", "latex", "-o", out)
    assert done.code == 0 and done.out == f"{out}\n"
    assert r"\toprule" in out.read_text()
    refused = cli("export", REFERENCE, "--to", "csv", "--out", out)
    assert refused.code == 2 and "`--overwrite`" in refused.err
    assert cli("export", REFERENCE, "--to", "csv", "--out", out, "--overwrite").code == 0
    assert out.read_text().startswith("run,dataset,score,mean")


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = cli("export", REFERENCE, "--to", "parquet", "--out", tmp_path / "table.parquet")
    assert done.code == 2
    assert 'pip install "cl-anomaly[parquet]"' in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((REFERENCE,), "`--to` with latex, markdown, csv or parquet"),
        ((REFERENCE, "--to", "word"), "one of latex, markdown, csv, parquet"),
        ((REFERENCE, "--to", "parquet"), "Expected `--out FILE`"),
        (("gone", "--to", "csv"), "gone is no folder of a run or comparison"),
        ((REFERENCE, "--to", "csv", "--spread", "range"), "one of sd, interval"),
    ],
)
def test_mistakes(arguments: tuple[str | Path, ...], message: str) -> None:
    done = cli("export", *arguments)
    assert done.code == 2
    assert message in done.err
