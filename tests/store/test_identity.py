"""What a run is told by: settings as they were resolved, and data, but no place on a disk."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.store.files import publish
from cl_anomaly.store.status import differences, identity
from tests.support.command import cli, config_of, run_quietly
from tests.support.places import GOLDEN

LOWER = ("--strategy", "lower", "--model.hidden-sizes", "[4]")


def test_what_an_earlier_version_left_open_is_no_difference() -> None:
    environment = {"device": "cpu", "precision": "float32", "data_sha256": "a"}
    config = {"strategy": "lower", "dataset": "digits", "device": "cpu", "precision": "float32"}
    auto = config | {"device": "auto", "precision": "auto"}
    assert identity(auto, environment) == identity(config, environment)
    assert not differences(auto, config), "of a comparison, whose machine is not known"
    assert differences(config, config | {"device": "cuda"})


def test_an_earlier_versions_run_that_says_auto_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    folder = tmp_path / "run"
    shutil.copytree(GOLDEN / "interrupted", folder)
    shutil.rmtree(folder / "checkpoints")
    config = config_of(folder) | {"device": "auto"}
    environment = json.loads((folder / "environment.json").read_text())
    (folder / "manifest.json").unlink()

    def write(partial: Path) -> None:
        (partial / "config.json").write_text(json.dumps(config))
        (partial / "environment.json").write_text(json.dumps(environment))

    publish(folder, write, complete=False)
    done = cli("resume", folder, "--quiet")
    assert done.code == 0, done.err
    assert config_of(folder)["device"] == "cpu"


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
