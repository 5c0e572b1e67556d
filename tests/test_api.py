"""Python as well as the shell: names, values, progress, a folder, and a run read back."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import Tensor

import cl_anomaly
from cl_anomaly import RunConfig, RunFolder, Strategy, read_run, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.progress import Progress
from cl_anomaly.store.files import DamagedError
from cl_anomaly.strategies.ewc import EWC
from tests.support.command import cli, config_of, run_quietly
from tests.support.folders import begun

SHORT = {"dataset": "digits", "epochs": 1, "device": "cpu", "task_order": [1, 2, 3]}


class Mine(Strategy):
    """Pulls the weights to zero."""

    def __init__(self, strength: float = 0.1) -> None:
        self.strength = strength

    def penalty(self, x: Tensor) -> Tensor | float:
        return self.strength * sum(p.square().flatten(1).sum(1) for p in self.model.parameters())


def _short(**settings: object) -> RunConfig:
    return RunConfig(**(SHORT | settings))  # type: ignore[arg-type]


def test_names_are_there_for_completion_and_load_when_they_are_used() -> None:
    assert set(dir(cl_anomaly)) >= {
        "run",
        "RunConfig",
        "Detector",
        "read_run",
        "Strategy",
        "Task",
        "Model",
        "Score",
        "RunFolder",
    }
    for name in cl_anomaly.__all__:
        assert getattr(cl_anomaly, name) is not None
    check = "import cl_anomaly, sys; dir(cl_anomaly); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)  # noqa: S603


def test_numpys_numbers_and_paths_are_taken() -> None:
    config = RunConfig(
        dataset=Path("x.npz"),  # type: ignore[arg-type]
        data_root=Path("data"),  # type: ignore[arg-type]
        seeds=np.arange(3),  # type: ignore[arg-type]
        epochs=np.int64(2),  # type: ignore[arg-type]
        anomaly_class=np.int64(4),  # type: ignore[arg-type]
        task_order=np.array([2, 1]),  # type: ignore[arg-type]
        learning_rate=np.float32(0.5),  # type: ignore[arg-type]
        model_options={"hidden_sizes": np.array([8, 4])},
    )
    same = RunConfig(
        dataset="x.npz",
        data_root="data",
        seeds=[0, 1, 2],
        epochs=2,
        anomaly_class=4,
        task_order=[2, 1],
        learning_rate=0.5,
        model_options={"hidden_sizes": [8, 4]},
    )
    assert config == same
    assert json.loads(json.dumps(config.to_dict())) == json.loads(json.dumps(same.to_dict()))


def test_a_strategy_is_taken_as_a_class_or_an_object() -> None:
    default, strong = run(_short(strategy=Mine)), run(_short(strategy=Mine(strength=50.0)))
    named = run(_short(strategy=Mine, strategy_options={"strength": 50.0}))
    assert default.strategy_name == "Mine"
    assert default.config.strategy == "python:Mine"
    assert strong.config.strategy_options == {"strength": 50.0}
    pd.testing.assert_frame_equal(strong.metrics, named.metrics)
    assert not default.metrics.equals(strong.metrics)
    assert default.strategy_source is not None and "self.strength" in default.strategy_source
    assert RunConfig(strategy=EWC(lam=3.0)) == RunConfig(  # type: ignore[arg-type]
        strategy="ewc", strategy_options={"lam": 3.0, "decay": 1.0}
    )


def test_a_strategy_that_is_none_or_hides_its_options_is_refused() -> None:
    class Hides(Strategy):
        def __init__(self, share: float = 0.5) -> None:
            self._own = share

    with pytest.raises(InputError, match="keep its option `share`"):
        _short(strategy=Hides())
    with pytest.raises(InputError, match="which has its own"):
        _short(strategy=Mine(), strategy_options={"strength": 1.0})
    with pytest.raises(InputError, match="subclass of"):
        run(_short(strategy=dict))


def test_source_of_a_given_class_is_part_of_what_a_run_is(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    folders = []
    for strength in ("0.1", "0.1", "9.0"):
        script.write_text(
            "from cl_anomaly import RunConfig, Strategy, run\n"
            "class Own(Strategy):\n"
            "    def penalty(self, *_):\n"
            f"        return {strength} * sum(p.square().flatten(1).sum(1) "
            "for p in self.model.parameters())\n"
            f"result = run(RunConfig(strategy=Own, **{SHORT!r}), out='results')\n"
            "print(result.folder)\n"
        )
        done = subprocess.run(  # noqa: S603
            [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        folders.append(tmp_path / done.stdout.strip())
    assert folders[0] == folders[1] != folders[2]
    assert "class Own" in (folders[0] / "strategy.py").read_text()
    assert "0.1" in (read_run(folders[0]).strategy_source or "")


def test_a_run_of_a_given_class_is_not_resumed_by_the_command_line(tmp_path: Path) -> None:
    folder = begun(run_quietly(tmp_path / "out", "--strategy", "lower"), tmp_path / "begun")
    (folder / "manifest.json").unlink()
    config = config_of(folder) | {"strategy": "python:Mine"}
    (folder / "config.json").write_text(json.dumps(config))
    done = cli("resume", folder)
    assert done.code == 2
    assert "given as a class in Python" in done.err.replace("\n", " ")


def test_out_leaves_what_the_command_line_leaves(tmp_path: Path) -> None:
    flags = ("--strategy", "gr", "--seeds", "2")
    folder = run_quietly(tmp_path / "shell", *flags)
    config = RunConfig(dataset="digits", epochs=1, device="cpu", task_order=[1, 2], seeds=2)
    result = run(config, out=tmp_path / "python")
    assert result.folder is not None and result.folder.name == folder.name
    assert {p.name for p in result.folder.iterdir()} == {p.name for p in folder.iterdir()}
    for name in ("config.json", "metrics.csv", "scores.npz", "model.safetensors", "detector.json"):
        assert (result.folder / name).read_bytes() == (folder / name).read_bytes(), name
    finished = (folder / "timing.json").read_bytes()
    again = run(config, out=tmp_path / "shell")
    assert again.folder == folder, "what the command line has finished is read"
    assert (folder / "timing.json").read_bytes() == finished
    pd.testing.assert_frame_equal(again.metrics, result.metrics)


class _Heard(Progress):
    def __init__(self) -> None:
        self.tasks: list[int] = []

    def evaluated(self, number: int, aurocs: object) -> None:
        self.tasks.append(number)


def test_progress_is_shown_in_a_terminal_or_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = _Heard()
    run(_short(), heard)
    assert heard.tasks == [1, 2, 3]
    run(_short())
    run(_short(), progress=False)
    assert capsys.readouterr().err == "", "where nobody looks on"
    run(_short(), progress=True)
    assert "task 3/3" in capsys.readouterr().err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    run(_short())
    assert "task 3/3" in shown.getvalue()


def test_a_printed_result_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(_short(seeds=[3, 7], score="mse"))
    print(result)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3
    for word in ("gr", "digits", "anomaly class 0", "seeds 3, 7", "mse"):
        assert word in lines[0]
    last = result.headline["mse"][:, 2]
    assert f"{last.mean():.3f} ± {last.std(ddof=1):.3f}" in lines[3]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = _short(seeds=2, task_order="random", classes_per_task=2, anomaly_class=4)
    return run(config, out=tmp_path_factory.mktemp("kept"))


def test_a_run_is_read_back(kept: RunFolder) -> None:
    assert kept.folder is not None
    back = read_run(str(kept.folder))
    assert json.dumps(back.config.to_dict()) == json.dumps(kept.config.to_dict())
    assert json.dumps(back.environment) == json.dumps(kept.environment)
    pd.testing.assert_frame_equal(back.metrics, kept.metrics)
    for name, scores in kept.scores.items():
        np.testing.assert_array_equal(back.scores[name], scores)
        np.testing.assert_array_equal(back.s[name], kept.s[name])
    np.testing.assert_array_equal(back.test_labels, kept.test_labels)
    assert str(back) == str(kept)


def test_matrices_are_those_of_scikit_learn(kept: RunFolder) -> None:
    from sklearn.metrics import roc_auc_score

    labels, scores = kept.test_labels, kept.scores["recon"]
    replicas, count, _ = scores.shape
    assert kept.s["recon"].shape == (replicas, count, count)
    assert kept.headline["recon"].shape == (replicas, count)
    for replica, seed in enumerate(kept.config.seed_list):
        own = kept.metrics[(kept.metrics["seed"] == seed) & (kept.metrics["task"] > 0)]
        order = own.drop_duplicates("task")["classes"]
        groups = [[int(label) for label in classes.split()] for classes in order]
        for i in range(count):

            def auroc(classes: list[int], row: int = i, own: int = replica) -> float:
                among = np.isin(labels, [*classes, 4])
                return float(roc_auc_score(labels[among] == 4, scores[own, row, among]))

            seen = sum(groups[: i + 1], [])
            assert kept.headline["recon"][replica, i] == pytest.approx(auroc(seen), abs=1e-9)
            for group, found in zip(groups, kept.s["recon"][replica, i], strict=True):
                # Each class of a task counts the same.
                expected = np.mean([auroc([label]) for label in group])
                assert found == pytest.approx(expected, abs=1e-9)


def test_a_damaged_or_unfinished_run_is_refused(kept: RunFolder, tmp_path: Path) -> None:
    assert kept.folder is not None
    for name in ("scores.npz", "metrics.csv", "config.json", "model.safetensors"):
        folder = tmp_path / name
        shutil.copytree(kept.folder, folder)
        damaged = bytearray((folder / name).read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (folder / name).write_bytes(damaged)
        with pytest.raises(InputError, match=name) as refused:
            read_run(folder)
        assert name == "config.json" or isinstance(refused.value, DamagedError)
    with pytest.raises(InputError, match="nothing"):
        read_run(tmp_path / "nothing")


def test_failures_are_read_back(tmp_path: Path) -> None:
    config = _short(strategy="lower", seeds=2, learning_rate=1e30)
    result = run(config, out=tmp_path)
    assert result.failures
    assert result.folder is not None
    back = read_run(result.folder)
    assert back.failures == result.failures
    assert str(back).endswith(str(result.failures[-1]))
