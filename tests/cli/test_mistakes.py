"""Mistakes on the command line: what is said of each, whole, and before PyTorch is imported."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cl_anomaly.plan.specification import specify
from cl_anomaly.settings.catalogue import names_of
from cl_anomaly.settings.field_types import SCORE_NAMES
from cl_anomaly.settings.run_config import RunConfig
from tests.support.command import cli, config_of, run_quietly

FILES = {
    "option.toml": '[runs.a]\nstrategy = "ewc"\nstrategy_options = { lamb = 3 }\n',
    "setting.toml": "epochz = 3\n[runs.a]\n",
    "type.toml": '[runs.a]\nepochs = "x"\n',
    "own.toml": "[runs.a]\nepochs = 3\n",
    "text.json": "hello",
    "zero.json": '{"epochs": 0}',
    "file": "",
    "table.csv": "a,b,kind\n1,2,cat\n",
    "results/old/config.json": json.dumps(
        specify(
            RunConfig(
                strategy="ewc",
                strategy_options={"lam": 1.0, "decay": 1.0},
                dataset="mnist",
                scenario="class-stream",
                anomaly_class=0,
                epochs=3,
                batch_size=64,
                score="recon",
            )
        ).config.to_dict()
    ),
}
STRATEGIES = (
    f"{', '.join(names_of('strategy'))}, or FILE.py:CLASS, or FAMILY:NAME such as avalanche:EWC"
)
LISTED = "`cl-anomaly run --help` lists them."

MISTAKES = {
    "run --epochs 1.5": "Expected `--epochs` to be a whole number, 1 or more, but got '1.5'.",
    "run --epochs abc": "Expected `--epochs` to be a whole number, 1 or more, but got 'abc'.",
    "run --epochs 0": "Expected `--epochs` to be a whole number, 1 or more, but got '0'.",
    "run --epochs=-3": "Expected `--epochs` to be a whole number, 1 or more, but got '-3'.",
    "run --strategy.ratio half": "Expected `--strategy.ratio` of gr to be a number or "
    "proportional, but got 'half'.",
    "run --strategy ewc --strategy.lamb 3": "Expected an option of ewc (lam=1000.0, decay=1.0), "
    "but got `--strategy.lamb`. Did you mean `--strategy.lam`?",
    "run --strategy lower --strategy.lam 3": "Expected no option, as lower has none, but got "
    "`--strategy.lam`.",
    "run --model.hidden-size 3": "Expected an option of vae (latent_size=16, "
    "hidden_sizes=(400, 400), beta=1.0, reconstruction=bce, pixel_weights=()), "
    "but got `--model.hidden-size`. Did you mean `--model.hidden-sizes`?",
    "run --model.hidden-sizes a,b": "Expected `--model.hidden-sizes` of vae to be a list such as "
    "3,7 of which each is a whole number, but got 'a,b'.",
    "run --anomaly-class zero": "Expected `--anomaly-class` to be a class of mnist "
    "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), but got zero.",
    "run --anomaly_class 0,0": "Expected `--anomaly-class` to be a class, different classes "
    "such as 0,4, or all, but got '0,0'.",
    "run --dataset digits --task-order 3,12": "Expected `--task-order` to be a class of digits "
    "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), but got 12.",
    "run --dataset cifar10 --anomaly-class cats": "Expected `--anomaly-class` to be a class of "
    "cifar10 (airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck), but got cats.",
    "run --scenario stream": "Expected `--scenario` to be one of class-stream, one-class, joint, "
    "clusters, concepts, but got 'stream'.",
    "run --scenario joint --normal-class 1": "Expected `--normal-class` with the scenario "
    "one-class, but the scenario is joint, where all classes but the anomaly class are normal.",
    "run --normal-class 1 --task-order random": "Expected `--task-order` with the scenario "
    "class-stream, but the scenario is one-class, which has one task.",
    "run --scenario joint --classes-per-task 3": "Expected `--classes-per-task` with the scenario "
    "class-stream, but the scenario is joint, which has one task.",
    "run --dataset folder:gone": "Expected `--dataset` to be folder:DIR with a folder, but gone is "
    "not there.",
    "run --dataset folder:file": "Expected `--dataset` to be folder:DIR with a folder, but file is "
    "a file.",
    "run --dataset gone.csv": "Expected `--dataset` to be a file, but there is no 'gone.csv', "
    "neither here nor in a folder of datasets (`--data-root DIR` and $CL_ANOMALY_DATA name some).",
    "run --dataset table.csv": "Expected `--label-column`, the column of table.csv that holds the "
    "labels, but got none. Name it with `--label-column`; it has a, b, kind.",
    "run --dataset digits --image-size 8": "Expected `--image-size` with images of your own, "
    "`--dataset folder:DIR`, but the dataset is digits.",
    "run --label-column kind": "Expected `--label-column` with a table of your own, FILE.csv or "
    "FILE.parquet, but the dataset is mnist.",
    "run --dataset folder:results --image-size 8x": "Expected `--image-size` to be a size such as "
    "32, or HEIGHTxWIDTH such as 32x48, but got '8x'.",
    "run --score auc": f"Expected `--score` to be one of {', '.join(SCORE_NAMES)}, or different "
    "ones such as mse,sap, but got 'auc'.",
    "run --score mse,mse": f"Expected `--score` to be one of {', '.join(SCORE_NAMES)}, or "
    "different ones such as mse,sap, but got 'mse,mse'.",
    "run --device cuda:1": "Expected `--device` to be one of auto, cpu, cuda, but got 'cuda:1'.",
    "run --learning-rate nan": "Expected `--learning-rate` to be a number above 0, but got 'nan'.",
    "run --seeds -1,2": "Expected `--seeds` to be how many seeds (1 to 10,000), or different seeds "
    "of 0 or more such as 3,7, but got '-1,2'.",
    "run --seeds 0": "Expected `--seeds` to be how many seeds (1 to 10,000), or different seeds "
    "of 0 or more such as 3,7, but got '0'.",
    "run --print-config": "Expected a flag of `cl-anomaly run`, but got `--print-config`. "
    f"Did you mean `--config`? {LISTED}",
    "run --epoch 3": "Expected a flag of `cl-anomaly run`, but got `--epoch`. "
    f"Did you mean `--epochs`? {LISTED}",
    "run --anom 3": "Expected a flag of `cl-anomaly run`, but got `--anom`. "
    f"Did you mean `--anomaly-class`? {LISTED}",
    "run -e 3": f"Expected a flag of `cl-anomaly run`, but got `-e`. {LISTED}",
    "run --strategy. 3": "Expected a flag of `cl-anomaly run`, but got `--strategy.`. "
    f"Did you mean `--strategy.NAME`? {LISTED}",
    "run --epochs": "Expected a value after `--epochs`, but got nothing.",
    "run --epochs --quiet": "Expected a value after `--epochs`, but got the flag `--quiet`.",
    "run --quiet=3": "Expected `--quiet` without a value, but got '3'.",
    "run digits": "Expected a flag such as `--dataset`, but got 'digits'. "
    "See `cl-anomaly run --help`.",
    "run --strategy file.py:": "Expected `--strategy` to name a class in its file, file.py:CLASS, "
    "but got 'file.py:'.",
    "run --strategy file.py": "Expected `--strategy` to name a class in its file, file.py:CLASS, "
    "but got 'file.py'.",
    "run --strategy nosuch.py:X": "Expected `--strategy` to be a Python file with the class X, but "
    "there is no file 'nosuch.py'.",
    "run --strategy nosuch": f"Expected `--strategy` to be one of {STRATEGIES}, but got 'nosuch'.",
    "run --strategy nosuch --help": f"Expected `--strategy` to be one of {STRATEGIES}, but got "
    "'nosuch'.",
    "run --strategy uper": f"Expected `--strategy` to be one of {STRATEGIES}, but got 'uper'. Did "
    "you mean 'upper'?",
    "run --strategy nosuch:EWC": "Expected `--strategy` to be a name, FILE.py:CLASS, or "
    "FAMILY:NAME with a family among avalanche, but there is no family 'nosuch'.",
    "run --dataset nosuch": "Expected `--dataset` to be one of digits, mnist, fashion-mnist, "
    "kmnist, cifar10, or FILE.npz, FILE.csv, FILE.parquet, folder:DIR or "
    "concepts:FILE.npz, but got 'nosuch'.",
    "run --model conv-va": "Expected `--model` to be one of ae, conv-ae, conv-vae, denoising-ae, "
    "diffusion, experts, flow, gaussians, sparse-ae, vae, but got 'conv-va'. Did you mean "
    "'conv-vae'?",
    "run --dataset digit": "Expected `--dataset` to be one of digits, mnist, fashion-mnist, "
    "kmnist, cifar10, or FILE.npz, FILE.csv, FILE.parquet, folder:DIR or "
    "concepts:FILE.npz, but got 'digit'. Did you mean 'digits'?",
    "run --strategy ewc --strategy.lam -1x": "Expected `--strategy.lam` of ewc to be a number, "
    "but got '-1x'.",
    "run --dataset nosuch.npz": "Expected `--dataset` to be a file, but there is no 'nosuch.npz', "
    "neither here nor in a folder of datasets (`--data-root DIR` and $CL_ANOMALY_DATA name some).",
    "run --model nosuch": "Expected `--model` to be one of ae, conv-ae, conv-vae, denoising-ae, "
    "diffusion, experts, flow, gaussians, sparse-ae, vae, but got 'nosuch'.",
    "run --out file": "Expected `--out` to be a folder that can be written to, but file is a file. "
    "Choose another with `--out DIR`.",
    "run --config text.json": "Expected text.json to be a JSON file, but: Expecting value: line 1 "
    "column 1 (char 0).",
    "run --config zero.json": "zero.json: Expected `epochs` to be a whole number, 1 or more, but "
    "got 0.",
    "run --name old --strategy ewc --epochs 5 --strategy.lam 1": "Expected `--name` to be new or "
    "of the same run, but results/old holds another: epochs is 3 there and 5 here. Give this one "
    "another name, or leave `--name` out.",
    "run --name old --strategy ewc": "Expected `--name` to be new or of the same run, but "
    "results/old holds another: strategy.lam is 1.0 there and 1000.0 here. Give this one another "
    "name, or leave `--name` out.",
    "compare --strategies ewc,lower --strategy.lam 10": "Expected settings that all runs share, "
    "but `--strategy.lam` is an option of one strategy. Give each run its own in a suite, `--suite "
    'FILE.toml`:\n[runs.NAME]  strategy = "..."  strategy_options = { lam = ... }',
    "compare --strategies ewc,nosuch": f"Expected `--strategies` to be one of {STRATEGIES}, but "
    "got 'nosuch'.",
    "compare --epochs 0": "Expected `--epochs` to be a whole number, 1 or more, but got '0'.",
    "compare --model.beta much": "Expected `--model.beta` of vae to be a number, but got 'much'.",
    "compare --workers 0": "Expected `--workers` to be a whole number, 1 or more, but got '0'.",
    "compare --suite option.toml": "option.toml, run 'a': Expected an option of ewc (lam=1000.0, "
    "decay=1.0), but got `lamb`. Did you mean `lam`?",
    "compare --suite setting.toml": "setting.toml: Expected settings of a run, but got `epochz`. "
    "Did you mean `epochs`?",
    "compare --suite type.toml": "type.toml, run 'a': Expected `epochs` to be a whole number, 1 or "
    "more, but got 'x'.",
    "compare --suite own.toml --epochs 5": "Expected flags for what the runs of own.toml share, "
    "but run 'a' sets `epochs` itself, and a flag would not change it. Change it in the file, or "
    "leave the flag out.",
    "compare --suite own.toml --steps 5": "Expected flags for what the runs of own.toml share, "
    "but run 'a' sets `epochs` itself, and a flag would not change it. Change it in the file, or "
    "leave the flag out.",
    "plot": "Expected folders of runs or comparisons after `cl-anomaly plot`, but got nothing. See "
    "`cl-anomaly plot --help`.",
    "plot gone": "gone is not a run folder. `cl-anomaly runs` lists the runs.",
    "resume": "Expected the folder of a run after `cl-anomaly resume`, but got nothing. See "
    "`cl-anomaly resume --help`.",
    "list nothing": "Expected `what` to be one of strategies, datasets, models, scores, suites, "
    "but got 'nothing'.",
    "rum": "Expected a command, one of run, compare, bench, score, resume, runs, remove, plot, "
    "report, export, list, but got 'rum'. Did you mean 'run'? See `cl-anomaly --help`.",
    "": "Expected a command, one of run, compare, bench, score, resume, runs, remove, plot, "
    "report, export, list, but got nothing. See `cl-anomaly --help`.",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize("command", MISTAKES, ids=lambda command: command or "nothing")
def test_a_mistake_is_answered_with_what_was_expected_and_what_came(command: str) -> None:
    before = sorted(Path().rglob("*"))
    done = cli(*shlex.split(command))
    assert (done.code, done.out, done.err) == (2, "", f"error: {MISTAKES[command]}\n")
    assert done.err.count("\n") <= 2
    assert sorted(Path().rglob("*")) == before


def test_mistakes_and_help_do_not_wait_for_pytorch(here: Path) -> None:
    code = """
import json, shlex, sys
from cl_anomaly.cli.main import main

for command, code in json.loads(sys.argv[1]):
    try:
        main(shlex.split(command))
    except SystemExit as stop:
        assert stop.code == code, (command, stop.code)
    else:
        assert code == 0, command
    assert "torch" not in sys.modules, command
"""
    helps = ["--help", "--version", "run --help", "compare --help", "plot --help", "runs"]
    helps += ["run --strategy ewc --help", "resume -h"]
    commands = [(command, 2) for command in MISTAKES] + [(command, 0) for command in helps]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for word in ("compare", "--anomaly-class", "--strategy.lam", "--model.beta", "--suite"):
        assert word in done.stdout


@pytest.mark.parametrize("sizes", ["9,5", "[9,5]", "9, 5"])
def test_a_list_is_written_with_commas_with_or_without_brackets(here: Path, sizes: str) -> None:
    folder = run_quietly(here / "out", "--strategy", "lower", "--model.hidden-sizes", sizes)
    options = config_of(folder)["model_options"]
    assert isinstance(options, dict)
    assert options["hidden_sizes"] == [9, 5]
