"""Avalanche's strategies in our runs: found, trained, saved, and refused where they do not fit."""

import json
import signal
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from avalanche.training import plugins as plugins_of_avalanche
from avalanche.training import supervised

from cl_anomaly import RunConfig
from cl_anomaly.avalanche.templates import _STORING, NAMES, find_template
from cl_anomaly.core.errors import InputError, Interrupted
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.plan.build import prepare
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.interrupts import StopRequest
from cl_anomaly.runs.measurements import Failure
from cl_anomaly.runs.run import Run
from cl_anomaly.store.checkpoints import Checkpoints
from cl_anomaly.strategies import find_strategy
from tests.support.command import SMALL, cli, config_of, run_quietly

OPTIONS: dict[str, dict[str, object]] = {
    "Replay": {"mem_size": 60},
    "SI": {"si_lambda": 1e5},
    "EWC": {"ewc_lambda": 1000.0},
}

PLUGINS = """
from avalanche.core import SupervisedPlugin


class Spoils(SupervisedPlugin):
    def __init__(self, limit: int = 3):
        super().__init__()
        self.limit, self.steps = limit, 0

    def before_backward(self, strategy, **kwargs):
        self.steps += 1
        if self.steps == self.limit:
            strategy.loss = strategy.loss * float("nan")


class KeepsFunction(SupervisedPlugin):
    def after_training_exp(self, strategy, **kwargs):
        self.kept = lambda: 1
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A file of the user's own."""
    file = tmp_path / "own_plugins.py"
    file.write_text(PLUGINS)
    return file


def _prepared(name: str, options: dict[str, Any] | None = None, **settings: Any) -> Run:
    defaults: dict[str, Any] = {
        "dataset": "digits",
        "epochs": 2,
        "device": "cpu",
        "task_order": [1, 2, 3],
    }
    options = OPTIONS.get(name, {}) if options is None else options
    config: dict[str, Any] = defaults | {"model_options": {"hidden_sizes": [16]}} | settings
    return Run(prepare(RunConfig(strategy=f"avalanche:{name}", strategy_options=options, **config)))


class _Saving(Keeper):
    """Keeps the states of all tasks' ends, by way of the disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.states: list[State] = []
        self._folder = folder

    def keep(self, state: Any, where: str) -> None:
        own = Checkpoints(self._folder, "test")
        own.save(state())
        loaded = Checkpoints(self._folder, "test").load()
        assert loaded
        self.states.append(loaded)


def _same(one: RunFolder, other: RunFolder) -> None:
    assert one.metrics.equals(other.metrics)
    for name, weights in one.weights.items():
        assert (weights == other.weights[name]).all(), name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, None) for name in NAMES),
        ("EWC", {"ewc_lambda": 1000.0, "mode": "online", "decay_factor": 0.9}),
        ("GenerativeReplay", {"is_weighted_replay": True, "weight_replay_loss": 0.5}),
    ],
)
def test_resumed_after_any_task_it_ends_alike(
    name: str, options: dict[str, Any] | None, tmp_path: Path
) -> None:
    saving = _Saving(tmp_path)
    expected = _prepared(name, options, seeds=[3, 7]).execute(Progress(), saving)
    assert len(saving.states) == 3
    for state in saving.states:
        again = _prepared(name, options, seeds=[3, 7])
        again.restore(state)
        _same(again.execute(Progress()), expected)


class _Stopping(Progress):
    """Sends a signal at a step of a task."""

    def __init__(self, stop: StopRequest, task: int, step: int) -> None:
        self._stop, self._at, self._number = stop, (task, step), 0

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        self._number = number

    def step(self, done: int, total: int, loss: torch.Tensor) -> None:
        if (self._number, done) == self._at:
            self._stop.signal = signal.SIGTERM


@cache
def _uninterrupted(name: str) -> RunFolder:
    """What a run of two seeds that nobody breaks off comes to, whichever test asks."""
    return _prepared(name, seeds=[3, 7]).execute(Progress())


@pytest.mark.parametrize("name", ["Replay", "EWC", "GenerativeReplay"])
@pytest.mark.parametrize(("task", "step"), [(1, 1), (2, 3), (2, 9), (3, 16)])
def test_broken_off_in_a_task_it_begins_that_task_anew(
    name: str, task: int, step: int, tmp_path: Path
) -> None:
    expected = _uninterrupted(name)
    stop = StopRequest()
    keeper = Keeper(Checkpoints(tmp_path, "run"), stop)
    broken = _prepared(name, seeds=[3, 7])
    with pytest.raises(Interrupted, match=f"of task {task} of 3"):
        broken.execute(_Stopping(stop, task, step), keeper)
    state = Checkpoints(tmp_path, "run").load()
    assert state
    again = _prepared(name, seeds=[3, 7])
    again.restore(state)
    _same(again.execute(Progress()), expected)
    # And the same objects could go on.
    _same(broken.execute(Progress()), expected)


def test_checkpoints_within_a_task_do_not_break_it_off(tmp_path: Path) -> None:
    class Impatient(Keeper):
        def pause_reason(self) -> PauseReason:
            return PauseReason.CHECKPOINT

    expected = _prepared("Naive").execute(Progress())
    _same(_prepared("Naive").execute(Progress(), Impatient()), expected)


def test_a_seed_is_the_same_alone_or_among_others() -> None:
    among = _uninterrupted("Replay")
    alone = _prepared("Replay", seeds=[7]).execute(Progress())
    own = among.metrics[among.metrics["seed"] == 7].reset_index(drop=True)
    assert own.equals(alone.metrics)


def test_nobody_elses_random_numbers_are_touched() -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    _prepared("Replay").execute(Progress())
    assert torch.equal(torch.rand(3), expected)


def test_a_plugin_by_its_dotted_path_does_what_its_template_does() -> None:
    path = "avalanche.training.plugins.EWCPlugin"
    one = _prepared(path, {"ewc_lambda": 1000.0}).execute(Progress())
    other = _prepared("EWC").execute(Progress())
    assert one.metrics["value"].equals(other.metrics["value"])
    assert set(one.metrics["strategy"]) == {"avalanche:EWCPlugin"}


def test_a_replica_that_fails_ends_alone(plugins: Path) -> None:
    # 8 steps a task; each replica has a plugin of its own, which counts its own.
    result = _prepared(f"{plugins}:Spoils", {"limit": 10}, seeds=[3, 7]).execute(Progress())
    assert result.failures == [Failure(3, 2, 2, "its loss"), Failure(7, 2, 2, "its loss")]
    assert result.metrics["task"].unique().tolist() == [1, 0]


def test_what_cannot_be_kept_is_said(plugins: Path, tmp_path: Path) -> None:
    run, keeper = _prepared(f"{plugins}:KeepsFunction"), Keeper(Checkpoints(tmp_path, "run"))
    result = run.execute(Progress(), keeper)
    assert len(result.timing["tasks"]) == 3
    assert keeper.cannot_keep
    assert "kept` of the Avalanche strategy is a function" in keeper.cannot_keep


def test_a_users_own_file_belongs_to_the_run(plugins: Path) -> None:
    run = _prepared(f"{plugins}:Spoils")
    assert run.plan.strategy_name == "avalanche:Spoils"
    assert run.plan.strategy_source == PLUGINS
    assert run.environment["strategy_sha256"]
    assert _prepared("EWC").plan.strategy_source is None


def test_its_code_is_the_bridge_and_avalanches_version(plugins: Path) -> None:
    code = _prepared(f"{plugins}:Spoils").environment["code"]
    assert {"strategy.py", "cl_anomaly/avalanche/plugin_state.py"} <= code["files"].keys()
    assert not [name for name in code["files"] if name.startswith("avalanche")]
    assert code["packages"] == {"avalanche-lib": version("avalanche-lib")}
    files = _prepared("EWC").environment["code"]["files"]
    assert "cl_anomaly/avalanche/plugin_state.py" in files


def test_no_module_is_imported_because_a_name_says_so(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a configuration may, which anybody may have written.
    plugins.write_text("raise AssertionError('it ran')")
    monkeypatch.syspath_prepend(str(plugins.parent))
    for name in ("own_plugins.Spoils", "avalanchery.Spoils", "own_plugins.avalanche.Spoils"):
        with pytest.raises(InputError, match="none of Avalanche's own modules"):
            find_template(name)


def test_an_installed_package_offers_a_plugin(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = plugins.parent / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cl_anomaly.avalanche]\nspoils = own_plugins:Spoils\n")
    monkeypatch.syspath_prepend(str(plugins.parent))
    monkeypatch.delitem(sys.modules, "own_plugins", raising=False)
    assert find_template("spoils").__name__ == "Spoils"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("Nope", {}, "one of Naive, Cumulative.* but got avalanche:Nope"),
        ("no.such.module.Plugin", {}, "avalanche:no.such.module.Plugin"),
        ("avalanche.benchmarks.CLScenario", {}, "SupervisedTemplate or a plugin"),
        ("", {}, "one of Naive"),
        ("EWC", {}, "ewc_lambda"),
        ("EWC", {"ewc_lambda": "much"}, "ewc_lambda"),
        ("EWC", {"ewc_lambda": 1.0, "nope": 1}, "nope"),
        ("EWC", {"ewc_lambda": 1.0, "train_epochs": 3}, "train_epochs"),
        ("avalanche.training.plugins.EWCPlugin", {"nope": 1}, "nope"),
    ],
)
def test_what_does_not_exist_is_refused(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _prepared(name, options)


def test_it_lands_in_the_same_folder_and_figure(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, "--strategy", "avalanche:EWC", "--strategy.ewc-lambda", "5")
    assert folder.name.startswith("digits-avalanche_EWC-")
    options = config_of(folder)["strategy_options"]
    assert isinstance(options, dict) and options["ewc_lambda"] == 5.0
    assert options["mode"] == "separate", "defaults are filled in"
    packages = json.loads((folder / "environment.json").read_text())["packages"]
    assert packages["avalanche-lib"].startswith("0.6")


def test_a_comparison_shows_both(tmp_path: Path) -> None:
    names = ("--strategies", "avalanche:Naive,lower", "--seeds", "2", "--quiet")
    done = cli("compare", *SMALL, *names, "--out", tmp_path)
    assert done.code == 0, done.err
    assert not done.err
    table = pd.read_csv(done.last_line / "summary.csv")
    assert set(table["run"]) == {"Naive", "lower"}
    means = table[table["metric"] == "auroc_seen"].groupby("run")["mean"]
    assert means.get_group("Naive").tolist() == pytest.approx(means.get_group("lower").tolist())


def test_help_shows_its_options() -> None:
    shown = cli("run", "--strategy", "avalanche:Replay", "--help").out
    assert "--strategy.mem-size" in shown
    assert "--strategy.train-epochs" not in shown


def test_nobody_waits_for_avalanche_who_does_not_use_it() -> None:
    code = (
        "import sys\nfrom cl_anomaly.cli import compare, list_names, run\n"
        "from cl_anomaly.cli.main import main\n"
        "main(['list', 'strategies'])\nassert 'avalanche' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603


@pytest.mark.parametrize(
    ("name", "boundaries", "samples"),
    [
        ("Naive", False, False),
        ("Cumulative", False, True),
        ("EWC", True, False),
        ("Replay", True, True),
        ("avalanche.training.plugins.AGEMPlugin", True, True),
        ("GenerativeReplay", True, False),
    ],
)
def test_what_avalanches_strategies_need_and_keep(
    name: str, boundaries: bool, samples: bool
) -> None:
    cls = find_strategy(f"avalanche:{name}")
    assert (cls.needs_boundaries, cls.stores_samples) == (boundaries, samples)


def test_every_name_that_keeps_samples_is_one_of_avalanches() -> None:
    for name in _STORING:
        assert hasattr(supervised, name) or hasattr(plugins_of_avalanche, name), name
