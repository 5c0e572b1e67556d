"""The speed benchmark runs and reports; how fast anything is, is not tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cl_anomaly.core.machine import available_cores
from tests.support.helpers import write_mnist
from tests.support.places import ROOT

SPEED = ROOT / "benchmarks" / "speed"


def _measure(tmp_path: Path, *arguments: str) -> tuple[dict, str]:
    out = tmp_path / "made" / "speed.json"
    command = [sys.executable, str(SPEED), *arguments, "--repeats", "1", "--out", str(out)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    return json.loads(out.read_text()), done.stdout


def test_measures_training_evaluation_and_fisher(tmp_path: Path) -> None:
    asked = ["one-replica", "gemm", "evaluation", "fisher"]
    content, shown = _measure(tmp_path, *asked, "--dataset", "digits")
    assert list(content["measures"]) == asked
    assert content["machine"]["cores"] == available_cores()
    table = (tmp_path / "made" / "speed.md").read_text()
    for row in (row for rows in content["measures"].values() for row in rows):
        assert row["value"] > 0
        assert f"| {row['what']} | {row['value']:,.2f}" in table
        assert row["detail"].split()[0] in shown
    again, _ = _measure(tmp_path, "fisher", "--dataset", "digits")
    assert list(again["measures"]) == asked
    assert again["measures"]["gemm"] == content["measures"]["gemm"]
    assert again["measures"]["fisher"] != content["measures"]["fisher"]


def test_usual_script_and_ours_go_from_the_files_to_the_figure(tmp_path: Path) -> None:
    labels = [label for label in range(10) for _ in range(34)]
    write_mnist(tmp_path / "data", labels, labels)
    arguments = ["--data-root", str(tmp_path / "data"), "--dataset", "mnist", "--epochs", "1"]
    content, _ = _measure(tmp_path, "usual-script", *arguments)
    one, ten = content["measures"]["usual-script"]
    assert "one seed" in one["what"] and "ten seeds" in ten["what"]
    assert one["value"] > 0 and ten["value"] > 0


def test_missed_targets_are_marked(tmp_path: Path) -> None:
    rows = [
        {"what": "less is better", "value": 1.06, "detail": "", "at_most": 1.05, "at_least": None},
        {"what": "more is better", "value": 2.2, "detail": "", "at_most": None, "at_least": 2.3},
        {"what": "met", "value": 1.05, "detail": "", "at_most": 1.05, "at_least": None},
        {"what": "met, too", "value": 2.3, "detail": "", "at_most": None, "at_least": 2.3},
        {"what": "no target", "value": 7, "detail": "", "at_most": None, "at_least": None},
    ]
    out = tmp_path / "made" / "speed.json"
    out.parent.mkdir()
    out.write_text(json.dumps({"measures": {"gemm": rows}}))
    _measure(tmp_path, "fisher", "--dataset", "digits")
    lines = out.with_suffix(".md").read_text().splitlines()
    marked = [line.split("|")[1].strip() for line in lines if "(missed)" in line]
    assert marked[:2] == ["less is better", "more is better"]
    assert not {"met", "met, too", "no target"} & set(marked)


def test_unknown_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _measure(tmp_path, "warp")
    assert "expected measures among products" in caught.value.stderr
    assert not list(tmp_path.iterdir())
