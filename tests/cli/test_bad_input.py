"""Settings, suites and strategies at fault: a person is told, and nothing is written."""

import builtins
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cl_anomaly.core.errors import InputError
from cl_anomaly.plan.build import resolve
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.strategies import find_strategy
from cl_anomaly.suites.suite_file import read_suite_file
from tests.support.command import cli
from tests.support.examples import FEW, MANY, SOME, check_refused
from tests.support.helpers import configs_of

FIELDS = [field.name for field in dataclasses.fields(RunConfig)]
NAMES = st.sampled_from([*FIELDS, "runs", "config", "out", "nope", "a.b", "__path__", "", " "])
ODD_TEXT = ["", "\0", "\ud800", "9" * 5000, "[1", "[" * 5000, "3,,7", "7,7", "-1", "~", "x" * 5000]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_subnormal=False)  # training flushes those to zero
    | st.text()
    | st.sampled_from(ODD_TEXT)
    | st.sampled_from([0, -1, 2**63, 10**400, 1e999, "gr", "ewc", "vae", "digits", "recon", "cpu"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | NAMES, inner), max_leaves=5
)
OBJECTS = JSON | st.binary() | st.sampled_from([10**5000, object(), Path("x"), {3: 4}, {1, 2}, 1j])
OPTION = st.sampled_from(["lam", "decay", "ratio", "beta", "hidden_sizes"]) | NAMES


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Settings


@MANY
@given(st.dictionaries(st.sampled_from(FIELDS), OBJECTS, min_size=1, max_size=3))
@example({"seeds": "9" * 5000})
@example({"seeds": [2**63]})
@example({"learning_rate": True})
@example({"batch_size": [None]})
@example({"dataset": ""})
def test_settings_are_right_or_named(given_settings: dict[str, Any]) -> None:
    try:
        config = RunConfig(**given_settings)
    except InputError as error:
        assert any(f"`{name}`" in str(error) for name in given_settings)
        return
    assert all(0 <= seed < 2**63 for seed in config.seed_list)
    try:
        resolve(config)
    except InputError as error:
        assert str(error)


@SOME
@given(st.sampled_from(["gr", "ewc", "lower"]), st.dictionaries(OPTION, OBJECTS, max_size=2))
@example("ewc", {"lam": 10**400})
@example("gr", {"__path__": 3})
def test_options_are_right_or_refused(name: str, options: dict[str, Any]) -> None:
    try:
        resolve(RunConfig(strategy=name, strategy_options=options, dataset="digits"))
        resolve(RunConfig(model_options=options, dataset="digits"))
    except InputError as error:
        assert str(error)


FLAGS = [f"--{name.replace('_', '-')}" for name in FIELDS]
FLAGS += ["--strategy.lam", "--strategy.nope", "--model.beta", "--model.hidden-sizes", "--nope"]
WORDS = st.text(st.characters(exclude_categories=())) | st.sampled_from(ODD_TEXT) | SCALARS.map(str)


@SOME
@given(st.sampled_from([*FLAGS, "--config", "--suite", "--workers"]), WORDS)
@example("--config", "")
@example("--learning-rate", str(10**400))
@example("--seeds", "[" * 5000)
@example("--strategy", "x" * 300 + ".py:Mine")
@example("--strategy.", "3")
def test_a_flag_is_right_or_named(flag: str, value: str) -> None:
    assume(flag != "--dataset" or value.strip() not in ("digits", "null"))
    done = cli("run", "--dataset", "gone.npz", "--out", "out", f"{flag}={value}")
    name = flag.lstrip("-").rpartition(".")[2]
    check_refused(done, name, name.replace("-", "_"), "_options", "gone.npz", "JSON", "arguments")


def check_config(content: bytes, *words: str) -> None:
    Path("config.json").write_bytes(content)
    given_settings = ["--config", "config.json", "--dataset", "gone.npz", "--out", "out"]
    check_refused(cli("run", *given_settings), "config.json", "gone.npz", *words)
    check_refused(
        cli("run", *given_settings, "--strategy", "upper"), "config.json", *words, "gone.npz"
    )


@FEW
@given(st.dictionaries(NAMES | st.text(), JSON, max_size=3))
@example({"strategy": "ewc", "strategy_options": None})
@example({"config": ["other.json"]})
@example({"model_options": {"": 1}})
def test_a_configuration_is_right_or_named(content: dict[str, Any]) -> None:
    check_config(json.dumps(content).encode(), *filter(None, content), "option")


@FEW
@given(st.binary() | st.text().map(str.encode) | JSON.map(json.dumps).map(str.encode))
@example(b"\xff")
@example(b"[" * 100_000)
@example(b'{"seeds": ' + b"9" * 5000 + b"}")
def test_a_file_that_is_no_configuration_is_named(content: bytes) -> None:
    check_config(content, *FIELDS)


# Suites

TOML_LINES = [
    "a = 1",
    "[runs.a]",
    "[runs]",
    'strategy = "gr"',
    "epochs = 0",
    "x = [",
    "seeds = inf",
]
TOML_LINES += ["runs = 3", "[[runs]]", "runs.a = {}", 'dataset = "\\u0000"', "epochs = 1979-05-27"]
RUN = st.dictionaries(NAMES, JSON, max_size=2)
SUITES = st.fixed_dictionaries({"runs": st.dictionaries(st.text() | NAMES, RUN) | JSON}) | RUN


@MANY
@given(
    st.tuples(st.just("suite.json"), (SUITES | JSON).map(json.dumps))
    | st.tuples(st.just("suite.toml"), st.lists(st.sampled_from(TOML_LINES)).map("\n".join))
    | st.tuples(st.sampled_from(["suite.toml", "suite.json"]), st.text())
)
@example(("suite.json", "[" * 100_000))
@example(("suite.toml", "a = " + "[" * 100_000))
@example(("suite.json", '{"runs": {"\\ud800": {}}}'))
@example(("suite.json", '{"runs": {"a": {"__path__": 1}}}'))
def test_a_suite_is_right_or_named(named: tuple[str, str]) -> None:
    path = Path(named[0])
    path.write_text(named[1], encoding="utf-8")
    try:
        configs_of(read_suite_file(path), {})
    except InputError as error:
        assert str(path) in str(error)


@FEW
@given(RUN, RUN.map(lambda run: {k: v for k, v in run.items() if k != "dataset"}))
@example({"strategies": 3}, {})
@example({"epochs": [[[]]]}, {})
def test_a_comparison_is_right_or_nothing_runs(shared: dict[str, Any], own: dict[str, Any]) -> None:
    content = {**shared, "runs": {"a": own, "b": {}}}
    Path("suite.json").write_text(json.dumps(content))
    done = cli("compare", "--suite", "suite.json", "--dataset", "gone.npz", "--out", "out")
    check_refused(done, "suite.json", "gone.npz", "run 'a'", "options", "`score`", *FIELDS)


# Files of strategies

STRATEGY = "from cl_anomaly.strategies import Strategy\n\nclass Mine(Strategy):\n    "
ERRORS = [
    f"raise {name}"
    for name, cls in vars(builtins).items()
    if isinstance(cls, type)
    and issubclass(cls, BaseException)
    and name not in ("KeyboardInterrupt", "BaseExceptionGroup", "ExceptionGroup")
    and not issubclass(cls, UnicodeError | Warning)
]
ERRORS += ["import sys; sys.exit(0)", "import gone", "b''.decode('ascii', 3)", "1 / 0"]
ERRORS += ["from cl_anomaly.core.errors import RunError; raise RunError('late')"]


@pytest.mark.parametrize("error", ERRORS)
def test_a_strategy_that_raises_is_named(here: Path, error: str) -> None:
    Path("early.py").write_text(error)
    with pytest.raises(InputError, match="Could not load early.py: "):
        find_strategy("early.py:Mine")
    Path("late.py").write_text(f"{STRATEGY}def __init__(self) -> None:\n        {error}\n")
    if "RunError" not in error:  # which is the strategy's own word
        with pytest.raises(InputError, match="Mine does not take {}: "):
            resolve(RunConfig(strategy="late.py:Mine", dataset="digits"))


FAULTS = {
    "syntax": "class Mine(:",
    "null": "\0",
    "nested": "(" * 10_000,
    "exit": "raise SystemExit(0)",
    "not utf-8": b"# -*- coding: latin-1 -*-\n# \xe9\n" + STRATEGY.encode() + b"pass",
    "bytes": bytes(range(256)),
    "no such type": f"{STRATEGY}def __init__(self, n: 'Gone' = 3) -> None: ...",
    "no type": f"{STRATEGY}def __init__(self, n: '1 +' = 3) -> None: ...",
    "untyped": f"{STRATEGY}def __init__(self, n) -> None: ...",
    "required": f"{STRATEGY}def __init__(self, n: int) -> None: ...",
    "exit at last": f"{STRATEGY}def __init__(self) -> None: raise SystemExit(0)",
}


@pytest.mark.parametrize("source", FAULTS.values(), ids=FAULTS.keys())
def test_a_strategy_at_fault_leaves_nothing(source: str | bytes) -> None:
    Path("mine.py").write_bytes(source.encode() if isinstance(source, str) else source)
    run = ["run", "--strategy", "mine.py:Mine", "--dataset", "digits", "--out", "out"]
    check_refused(cli(*run), "mine.py", "Mine")
    done = cli(*run, "--help")
    assert done.code in (0, 2) and "Traceback" not in done.err


@SOME
@given(st.binary(min_size=1).filter(lambda content: not content.isspace()))
def test_a_file_that_is_no_strategy_is_named(content: bytes) -> None:
    Path("mine.py").write_bytes(content)
    with pytest.raises(InputError, match="mine.py"):
        find_strategy("mine.py:Mine")


@pytest.mark.parametrize(
    "source", ["raise KeyboardInterrupt", STRATEGY + "raise KeyboardInterrupt"]
)
def test_ctrl_c_while_a_strategy_is_loaded_ends_the_command(source: str) -> None:
    Path("mine.py").write_text(source)
    done = cli("run", "--strategy", "mine.py:Mine", "--dataset", "digits", "--out", "out")
    assert (done.code, done.out) == (130, "")
    assert not Path("out").exists()
