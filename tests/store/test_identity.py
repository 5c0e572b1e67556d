"""What a run is told by: settings as they were resolved, and data, but no place on a disk."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.command import config_of, run_quietly

LOWER = ("--strategy", "lower", "--model.hidden-sizes", "[4]")


def test_every_auto_stands_resolved(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, *LOWER, "--device", "auto")
    assert "auto" not in config_of(folder).values()
    assert run_quietly(tmp_path, *LOWER, "--device", "cpu") == folder


def test_where_an_npz_lies_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random, labels = np.random.default_rng(0), np.repeat(np.arange(3), 40)
    folders, tables = [], []
    for place in ("a", "b"):
        file = tmp_path / place / "own.npz"
        file.parent.mkdir()
        if place == "a":
            x = random.random((120, 4), dtype=np.float32)
            np.savez(file, x_train=x, y_train=labels, x_test=x, y_test=labels)
        else:
            shutil.copy(tmp_path / "a" / "own.npz", file)
        monkeypatch.chdir(file.parent)
        for named in ("own.npz", str(file)):
            folders.append(run_quietly(tmp_path, *LOWER, "--dataset", named))
    assert len(set(folders)) == 1, "one run, shown thrice"
    assert config_of(folders[0])["dataset"] == str(tmp_path / "a" / "own.npz")
    tables = pd.read_csv(folders[0] / "metrics.csv")
    assert set(tables["dataset"]) == {"own.npz"}
