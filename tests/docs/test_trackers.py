"""The tracker that docs/trackers.md tells to write takes down a run."""

import csv
import os
from pathlib import Path

import pytest

from cl_anomaly.runs import tracking
from tests.docs.pages import TRACKERS
from tests.support.command import run_quietly


def test_the_tracker_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,), (entry,) = TRACKERS.blocks("python"), TRACKERS.blocks("toml")
    class_lines = source.partition("class ")[2].rstrip().splitlines()
    assert len(class_lines) <= 11
    site = tmp_path / "site"
    (site / "mine-1.dist-info").mkdir(parents=True)
    (site / "my_tracker.py").write_text(source)
    head, line = entry.strip().splitlines()
    group = head.split('"')[1]
    (site / "mine-1.dist-info" / "entry_points.txt").write_text(
        f"[{group}]\n{line.replace(chr(34), '')}\n"
    )
    (site / "mine-1.dist-info" / "METADATA").write_text("Name: mine\nVersion: 1\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    monkeypatch.setattr(tracking, "_SECONDS_AT_THE_END", 60.0)
    run_quietly(tmp_path / "out", "--track", "table")
    (file,) = (tmp_path / "out" / ".tracked").glob("*.csv")
    rows = list(csv.reader(file.read_text().splitlines()))
    assert [row[0] for row in rows if row[1] == "auroc_seen/recon"] == ["1", "2"]
    assert all(len(row) == 3 and float(row[2]) < 1000 for row in rows)
