"""What identifies a run is kept under the SHA-256 of all that it follows from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl_anomaly.data.downloads import cache_folder
from cl_anomaly.plan import outline as outlines
from cl_anomaly.plan.build import prepare
from cl_anomaly.plan.outline import kept_outline, outline_of
from cl_anomaly.settings.run_config import RunConfig


def write_npz(path: Path, samples: int) -> None:
    """Random samples of three classes."""
    x = np.random.default_rng(0).random((samples, 4), dtype=np.float32)
    y = np.arange(samples) % 3
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)


CONFIG = RunConfig(strategy="lower", dataset="digits", epochs=1, seeds=[3], anomaly_class=[1, 2])


def test_what_was_kept_is_what_was_worked_out() -> None:
    assert kept_outline(CONFIG) is None
    made = outline_of(CONFIG)
    kept = kept_outline(CONFIG)
    assert kept is not None
    names = ("settings", "folder", "environment", "replicas", "tasks", "data_sha256", "dataset")
    assert all(getattr(kept, name) == getattr(made, name) for name in names)
    plan = prepare(CONFIG)
    assert kept.folder == made.folder == plan.folder
    assert kept.config == made.config and kept.plan.config == plan.config
    assert kept.replicas == [[1, 3], [2, 3]] and kept.tasks == 9


@pytest.mark.parametrize(
    "changed", [{"seeds": [4]}, {"learning_rate": 0.01}, {"strategy": "ewc"}, {"blur": 0.1}]
)
def test_other_settings_have_an_outline_of_their_own(changed: dict[str, Any]) -> None:
    outline_of(CONFIG)
    assert kept_outline(replace(CONFIG, **changed)) is None


def test_other_data_or_another_place_have_an_outline_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "own.npz", 30)
    config = RunConfig(strategy="lower", dataset="own.npz", epochs=1)
    first = outline_of(config)
    assert kept_outline(config) is not None
    write_npz(tmp_path / "own.npz", 40)
    assert kept_outline(config) is None
    assert outline_of(config).folder != first.folder
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert kept_outline(config) is None


def test_other_code_or_another_machine_have_an_outline_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outline_of(CONFIG)
    for name in ("package_sha256", "_machine"):
        with monkeypatch.context() as patch:
            patch.setattr(outlines, name, lambda: "0" * 64)
            assert kept_outline(CONFIG) is None
    assert kept_outline(CONFIG) is not None


def test_a_damaged_one_is_worked_out_anew() -> None:
    made = outline_of(CONFIG)
    (path,) = cache_folder().glob("plans/*/*.json")
    path.write_text(path.read_text()[:-20])
    assert kept_outline(CONFIG) is None
    assert outline_of(CONFIG).folder == made.folder
    assert kept_outline(CONFIG) is not None


def test_nothing_is_kept_of_what_can_change_unseen(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from cl_anomaly.strategies import Strategy\n\n\nclass Own(Strategy):\n    name = 'own'\n"
    )
    for config in (replace(CONFIG, strategy=f"{file}:Own"), replace(CONFIG, dataset=None)):
        outline_of(config)
        assert kept_outline(config) is None
    assert not (cache_folder() / "plans").exists()
