"""`cl-anomaly runs`: what tells runs apart, which are shown, and in which order."""

import json
import shutil
import statistics
from pathlib import Path

import pandas as pd
import pytest

from cl_anomaly.statistics.summary import t_interval
from cl_anomaly.store.files import read_sealed, write_sealed
from tests.support.command import cli, config_of
from tests.support.folders import write_folder
from tests.support.made_up import made_up_run

SETTINGS = "--dataset digits --epochs 1 --device cpu --task-order 1,2".split()
WHY = (
    "its loss was not a finite number: " + "a reason of many words, none of which is cut off, " * 6
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, a comparison of two of them, and one run that failed."""
    out = tmp_path_factory.mktemp("results")
    shared = [*SETTINGS, "--seeds", "2", "--out", out]
    done = cli("compare", *shared, "--strategies", "ewc,lower", "--workers", "1", "--no-report")
    assert done.code == 0, done.err
    own = ["--strategy", "ewc", "--strategy.lam", "7", "--model.latent-size", "3", "--quiet"]
    assert cli("run", *SETTINGS, "--anomaly-class", "0,4", *own, "--out", out).code == 0
    failed = out / "failed"
    shutil.copytree(next(out.glob("digits-lower-*")), failed)
    status = json.dumps({"status": "failed", "why": [WHY]})
    (failed / "status.json").write_text(status)
    manifest = read_sealed(failed / "manifest.json")
    manifest["files"]["status.json"]["bytes"] = len(status)
    write_sealed(failed / "manifest.json", manifest)
    return out


def listed(out: Path, *arguments: str) -> list[dict]:
    done = cli("runs", "--out", out, "--json", *arguments)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_run_is_told_by_what_is_not_its_default(out: Path) -> None:
    (other,) = listed(out, "--where", "strategy.lam=7")
    assert other["differs"] == {
        "task_order": [1, 2],
        "strategy.lam": 7.0,
        "model.latent_size": 3,
    }
    shown = cli("runs", "--out", out).out
    for word in ("strategy.lam=7", "model.latent_size=3", "task_order=1,2", "digits", "0,4"):
        assert word in shown


def test_the_headline_auroc_is_that_of_the_metrics(out: Path) -> None:
    for own in listed(out, "--where", "kind=run"):
        metrics = pd.read_csv(Path(own["folder"]) / "metrics.csv")
        last = metrics.query("metric == 'auroc_seen' and score == 'mse' and task == 2")
        classes = last.groupby("anomaly_class")["value"].mean()
        assert own["auroc"]["mean"] == pytest.approx(classes.mean(), abs=1e-12)
        several = len(classes) > 1
        spread = t_interval(classes) if several else statistics.stdev(last["value"])
        assert own["auroc"]["spread"] == pytest.approx(spread, abs=1e-12)
        assert own["auroc"]["is_interval"] is several


def test_a_comparison_stands_with_its_members(out: Path) -> None:
    (comparison,) = listed(out, "--where", "kind=comparison")
    assert list(comparison["members"]) == ["ewc", "lower"]
    assert all((out / str(folder)).is_dir() for folder in comparison["members"].values())
    shown = cli("runs", "--out", out, "--where", "kind=comparison").out
    assert "comparison: ewc, lower" in shown
    for folder in comparison["members"].values():
        (member,) = listed(out, "--where", f"name={folder}")
        line = next(line for line in shown.splitlines() if str(folder) in line)
        assert f"{member['auroc']['mean']:.3f}" in line


def test_a_suite_says_why_a_member_has_no_results(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        member = {"method": "ewc", "dataset": "digits", "finished": False, "failure": WHY}
        content = {"title": "", "file": None, "members": {"ewc": member}, "chosen": {}}
        (folder / "suite.json").write_text(json.dumps(content))
        runs = {"dataset": "digits", "runs": {"ewc": {"strategy": "ewc"}, "si": {"strategy": "si"}}}
        (folder / "config.json").write_text(json.dumps(runs))
        (folder / "runs.json").write_text(json.dumps({"si": "gone"}))
        (folder / "environment.json").write_text(json.dumps({"runs": {}}))

    write_folder(tmp_path, "small", write)
    shown = cli("runs", "--out", tmp_path).out
    assert "suite: ewc, si" in shown
    assert " ".join(f"no results: {WHY}".split()) in " ".join(shown.split())
    assert "gone, which is missing" in shown


@pytest.mark.parametrize("kind", ["comparison", "suite"])
@pytest.mark.parametrize("file", ["config", "runs", "environment", "manifest", "suite"])
def test_damage_of_one_hides_no_other(out: Path, tmp_path: Path, kind: str, file: str) -> None:
    (comparison,) = listed(out, "--where", "kind=comparison")
    folder = Path(shutil.copytree(comparison["folder"], tmp_path / "damaged"))
    if kind == "suite":
        (folder / "suite.json").write_text('{"title": "", "members": {}}')
    made_up_run(tmp_path, "gr", folder="whole")
    (folder / f"{file}.json").write_bytes(b"\x80\x04.")
    done = cli("runs", "--out", tmp_path)
    assert done.code == 0, done.err
    assert "damaged" in done.out and "whole" in done.out
    assert cli("runs", "--out", tmp_path, "--where", "name=whole").out.count("finished") == 1


def test_reasons_are_whole_and_lines_fit_80_columns(out: Path) -> None:
    shown = cli("runs", "--out", out).out
    assert " ".join(WHY.split()) in " ".join(shown.split())
    long = [line for line in shown.splitlines() if len(line) > 80]
    # A folder is copied into the next command: it is never broken into lines.
    assert all(line.strip().startswith(str(out)) and " " not in line.strip() for line in long)
    folders = [own["folder"] for own in listed(out)]
    assert all(folder in shown for folder in folders)


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("strategy=ewc", 3),  # the comparison among them
        ("strategy=lower", 3),
        ("epochs=1", 5),
        ("epochs=2", 0),
        ("seeds=2", 4),
        ("anomaly-class=0,4", 1),
        ("model.latent_size=3", 1),
        ("model.latent-size=16", 4),
        ("strategy.lam=7.0", 1),
        ("task_order=1,2", 5),
        ("status=failed", 1),
        ("code=this", 5),
        ("dataset=digits", 5),
    ],
)
def test_where(out: Path, condition: str, count: int) -> None:
    assert len(listed(out, "--where", condition)) == count


def test_all_conditions_must_be_met_by_one_run(out: Path) -> None:
    assert len(listed(out, "--where", "strategy=ewc", "--where", "kind=run")) == 2
    both = listed(out, "--where", "strategy=lower", "--where", "strategy.lam=7")
    assert both == []
    assert "None of the 5" in cli("runs", "--out", out, "--where", "epochs=9").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--where", "strategy"), "NAME=VALUE"),
        (("--where", "epohcs=1"), "Did you mean `epochs`?"),
        (("--where", "epochs=many"), "`epochs` to be a whole number"),
        (("--sort", "aurok"), "Did you mean `auroc`?"),
    ],
)
def test_mistakes(out: Path, arguments: tuple[str, str], message: str) -> None:
    done = cli("runs", "--out", out, *arguments)
    assert done.code == 2
    assert message in done.err


def test_sort(out: Path) -> None:
    aurocs = [own["auroc"]["mean"] for own in listed(out, "--sort", "auroc") if own["auroc"]]
    assert aurocs == sorted(aurocs, reverse=True) and len(set(aurocs)) > 1
    assert listed(out, "--sort", "auroc")[-1]["kind"] == "comparison"
    names = [Path(own["folder"]).name for own in listed(out, "--sort", "name")]
    assert names == sorted(names)
    sizes = [own["config"].get("model_options", {}) for own in listed(out, "--sort", "epochs")]
    assert len(sizes) == 5
    first = listed(out, "--sort", "model.latent_size")[0]
    assert config_of(Path(first["folder"]))["model_options"] == first["config"]["model_options"]
    assert first["config"]["model_options"]["latent_size"] == 3
    dates = [own["date"] for own in listed(out)]
    assert dates == sorted(dates)


def test_the_list_reads_none_of_the_large_files(out: Path, tmp_path: Path) -> None:
    run = next(path for path in out.glob("digits-lower-*"))
    shutil.copytree(run, tmp_path / run.name)
    (before,) = listed(tmp_path)
    for name in ("metrics.csv", "scores.npz", "model.safetensors"):
        file = tmp_path / run.name / name
        file.write_bytes(b"?" * file.stat().st_size)  # not a number to be read in it
    assert listed(tmp_path) == [before]
