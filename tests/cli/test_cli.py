"""The command line, as a person uses it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

import cl_anomaly
from tests.support.command import SMALL, Done, cli, config_of, run_quietly

MY_STRATEGY = '''
from cl_anomaly.strategies import Strategy


class MyStrategy(Strategy):
    """Train on n samples alone."""

    def __init__(self, n: int = 1000, skip_first: int = 0) -> None:
        self.seen = slice(skip_first, skip_first + n)

    def training_indices(self, task, seen):
        return task.indices[self.seen]
'''


@pytest.fixture(scope="module")
def gr_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("gr"), "--strategy", "gr", "--seeds", "2")


@pytest.fixture(scope="module")
def ewc_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ewc")
    return run_quietly(out, "--strategy", "ewc", "--strategy.lam", "5")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with the file of a user's strategy."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_file.py").write_text(MY_STRATEGY)
    return tmp_path


def test_python_m_cl_anomaly_is_the_command() -> None:
    command = [sys.executable, "-m", "cl_anomaly", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0
    assert done.stdout == f"cl-anomaly {cl_anomaly.__version__}\n"


def test_run_shows_progress_table_folder_and_figure(tmp_path: Path) -> None:
    done = cli("run", *SMALL, "--strategy", "gr", "--seeds", "2", "--out", tmp_path)
    assert done.code == 0
    (folder,) = tmp_path.iterdir()
    figure = folder / "auroc_per_task.png"
    assert f"results: {folder}\nfigure:  {figure}\n" in done.out
    assert figure.exists()
    metrics = pd.read_csv(folder / "metrics.csv")
    headline = metrics[(metrics["score"] == config_of(folder)["score"])]
    headline = headline[headline["metric"] == "auroc_seen"]
    assert sorted(headline["seed"].unique()) == [0, 1]
    for task, values in headline.groupby("task")["value"]:
        shown = f"{values.mean():.3f} ± {values.std():.3f}"
        assert f"│    {task} │ {shown} │" in done.out
        assert re.search(rf"gr: task {task}/2, loss [\d.]+, AUROC {shown}", done.err)


def test_quiet_prints_only_the_folder(tmp_path: Path) -> None:
    done = cli("run", *SMALL, "--strategy", "lower", "--out", tmp_path, "--quiet")
    (folder,) = tmp_path.iterdir()
    assert done == Done(0, f"{folder}\n", "")


def test_options_of_the_strategy_are_kept_with_the_defaults_of_others(ewc_run: Path) -> None:
    # 5.0: what runs, and so what the fingerprint is made of, is the number, not the text.
    assert repr(config_of(ewc_run)["strategy_options"]) == "{'lam': 5.0, 'decay': 1.0}"


def test_options_with_an_equals_sign_are_the_same(ewc_run: Path, tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, "--strategy=ewc", "--strategy.lam=5")
    assert config_of(folder) == config_of(ewc_run)
    assert folder.name == ewc_run.name


def test_options_of_the_model(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, "--model.hidden-sizes", "[8]", "--model.beta", "2")
    options = config_of(folder)["model_options"]
    assert isinstance(options, dict)
    assert (options["hidden_sizes"], options["beta"]) == ([8], 2.0)


def test_help_shows_the_options_of_the_strategy() -> None:
    done = cli("run", "--strategy", "ewc", "--help")
    assert done.code == 0
    for shown in ("--strategy.lam", "1000.0", "weight of the penalty", "--strategy.decay"):
        assert shown in done.out


def test_flags_are_what_help_calls_them(here: Path) -> None:
    shown = cli("run", "--strategy", "my_file.py:MyStrategy", "--help").out
    assert "--strategy.skip-first" in shown
    folder = run_quietly(here, "--strategy=my_file.py:MyStrategy", "--strategy.skip-first=3")
    assert config_of(folder)["strategy_options"] == {"n": 1000, "skip_first": 3}


def test_a_run_can_be_run_again(gr_run: Path, tmp_path: Path) -> None:
    done = cli("run", "--config", gr_run / "config.json", "--out", tmp_path, "--quiet")
    assert done.code == 0, done.err
    assert done.last_line.name == gr_run.name
    for name in ("metrics.csv", "config.json", "scores.npz"):
        assert (done.last_line / name).read_bytes() == (gr_run / name).read_bytes()


def test_flags_change_what_is_run_again(ewc_run: Path, tmp_path: Path) -> None:
    changes = ("--seeds", "7,", "--strategy.decay", "0.5")
    done = cli("run", "--config", ewc_run / "config.json", *changes, "--out", tmp_path, "--quiet")
    assert done.code == 0, done.err
    changed = {"seeds": [7], "strategy_options": {"lam": 5.0, "decay": 0.5}}
    assert config_of(done.last_line) == config_of(ewc_run) | changed
    assert set(pd.read_csv(done.last_line / "metrics.csv")["seed"]) == {7}


def test_digits_take_the_place_of_mnist_and_say_so(tmp_path: Path) -> None:
    # That MNIST cannot be downloaded is conftest's doing.
    done = cli("run", "--epochs", "1", "--task-order", "1,2", "--out", tmp_path)
    assert done.code == 0, done.err
    (folder,) = tmp_path.iterdir()
    assert config_of(folder)["dataset"] == "digits"
    note = json.loads((folder / "environment.json").read_text())["dataset_note"]
    assert "MNIST is neither on this machine nor could it be downloaded" in note
    shown = " ".join(done.err.replace("│", " ").split())
    assert " ".join(note.split()[:20]) in shown  # what follows are long paths, broken into lines
    assert "MNIST" not in done.out


def test_a_strategy_of_the_users_own(here: Path) -> None:
    strategy = ("--strategy", "my_file.py:MyStrategy")
    few = run_quietly(here, *strategy, "--strategy.n", "5")
    all_samples, lower = run_quietly(here, *strategy), run_quietly(here, "--strategy", "lower")
    assert config_of(few)["strategy_options"] == {"n": 5, "skip_first": 0}
    assert (few / "strategy.py").read_text() == MY_STRATEGY
    few_values, all_values, lower_values = (
        pd.read_csv(folder / "metrics.csv")["value"].tolist()
        for folder in (few, all_samples, lower)
    )
    assert all_values == lower_values
    assert few_values != lower_values
    assert set(pd.read_csv(few / "metrics.csv")["strategy"]) == {"MyStrategy"}


BAD_INPUT = {
    "strategy": ("--strategy nope", "`--strategy` 'nope'"),
    "dataset": ("--dataset nope", "`--dataset` 'nope'"),
    "score": ("--score nope", "score nope"),
    "flag": ("--nope 1", "--nope"),
    "strategy-option": ("--strategy ewc --strategy.nope 1", "nope lam=1000.0"),
    "strategy-option-type": ("--strategy ewc --strategy.lam much", "lam much"),
    "model-option-type": ("--model.beta much", "beta much"),
    "model-option-null": ("--model.beta null", "beta 'null'"),
    "model-option-range": ("--model.hidden_sizes [0]", "hidden_sizes 0"),
    "anomaly-class": ("--anomaly-class 12", "`--anomaly-class` 12"),
    "order-with-anomaly": ("--task-order 1,0,2", "`--task-order` 0,"),
    "seeds": ("--seeds 0", "`--seeds` '0'."),
    "seeds-huge": ("--seeds 99999999999999999999999", "`--seeds` 99999999999999999999999"),
    "epochs": ("--epochs 0", "`--epochs` '0'."),
    "no-class-named": ("--strategy my_file.py", "my_file.py:CLASS"),
    "no-file": ("--strategy gone.py:Mine", "gone.py Mine"),
    "no-class": ("--strategy my_file.py:Gone", "my_file.py Gone MyStrategy"),
    "syntax": ("--strategy syntax.py:Mine", "syntax.py SyntaxError"),
    "no-strategy": ("--strategy other.py:Mine", "Mine other.py Strategy"),
    "no-mnist": ("--dataset mnist", "MNIST train-images-idx3-ubyte CL_ANOMALY_DATA digits"),
    "no-gpu": ("--device cuda", "`--device` cuda"),
    "no-config": ("--config gone.json", "gone.json"),
    "out": ("--out my_file.py", "`--out` my_file.py"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_named_and_leaves_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, words: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (here / "syntax.py").write_text("class Mine(:\n")
    (here / "other.py").write_text("class Mine: pass\n")
    done = cli("run", *SMALL, "--strategy", "lower", "--out", "out", *arguments.split())
    assert done.code == 2
    assert not done.out
    assert "Traceback" not in done.err
    message = done.err[done.err.index("error: ") :]
    for word in words.split():
        assert word in message
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("strategies", "gr ratio=proportional ewc lam=1000.0 decay=1.0 lower upper"),
        ("datasets", "digits epochs=60 batch_size=32 mnist epochs=10 fashion-mnist kmnist"),
        ("models", "vae beta=1.0 hidden_sizes conv-vae ae flow couplings=6 diffusion steps=100"),
        ("scores", "recon mse l1 elbo kl recon-prob 8.5 nap likelihood-regret keeps"),
        ("suites", "digits Digits: mnist nsl-kdd paper replay_ratio tabular detectors"),
    ],
)
def test_list_shows_names_and_defaults(what: str, words: str) -> None:
    done = cli("list", what)
    assert done.code == 0
    for word in words.split():
        assert f" {word}" in done.out


def test_plot_draws_runs_in_one_figure(gr_run: Path, ewc_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "figure"
    done = cli("plot", gr_run, ewc_run, "--score", "mse", "--out", out)
    assert done == Done(0, f"{out}.png\n{out}.svg\n", ""), "they are comparable"
    assert Path(f"{out}.png").read_bytes().startswith(b"\x89PNG")
    svg = Path(f"{out}.svg").read_text()
    for words in (">gr (n = 2)<", ">ewc (n = 1)<", "score mse"):
        assert words in svg


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--score nope --out figure", "`--score` 'nope'"),
        ("--out figure.jpg", "`--out` .png .svg .pdf figure.jpg"),
        ("--out .", "`--out`"),
        ("--out my_file.py/figure", "`--out` my_file.py"),
    ],
)
def test_plot_of_bad_input(gr_run: Path, here: Path, arguments: str, words: str) -> None:
    done = cli("plot", gr_run, *arguments.split())
    assert done.code == 2
    assert "Traceback" not in done.err
    for word in words.split():
        assert word in done.err
    assert [path.name for path in here.iterdir()] == ["my_file.py"]


def test_compare_shows_its_own_defaults() -> None:
    shown = cli("compare", "--help").out
    assert "default: 3)" in shown
    assert "upper,gr,ewc,lower" in shown


def test_command_alone_says_how_it_is_used() -> None:
    done = cli()
    assert done.code == 2
    assert "--help" in done.err
    assert "Traceback" not in done.err


def test_another_strategy_leaves_the_options_of_the_first(ewc_run: Path, tmp_path: Path) -> None:
    config = ("--config", ewc_run / "config.json")
    plain = run_quietly(tmp_path, *config, "--strategy", "lower")
    assert config_of(plain)["strategy_options"] == {}
    folder = run_quietly(tmp_path, *config, "--strategy", "gr", "--strategy.ratio", "2")
    assert config_of(folder)["strategy_options"] == {"ratio": 2.0}
