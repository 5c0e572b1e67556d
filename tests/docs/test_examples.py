"""What the pages tell people to type does what they say."""

import contextlib
import gc
import io
import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cl_anomaly.engines.local import LocalEngine
from tests.docs.pages import AVALANCHE, MODELS, PAGES, README, TUTORIAL, Page
from tests.support.command import cli, run_quietly
from tests.support.places import ROOT

_BLOCKS = [(page, block) for page in PAGES for block in page.blocks("python")]
_ANYWHERE = ["--device", "cpu", "--precision", "float32"]
_FEW_STEPS = "--dataset digits --epochs 1 --task-order 1,2 --seeds 1 --quiet".split() + _ANYWHERE
# Of what has data, or tasks, of its own.
_FEW_EPOCHS = "--epochs 1 --seeds 1 --quiet".split() + _ANYWHERE
_SHORTER = {
    "run": [*_FEW_STEPS, *"--anomaly-class 0 --classes-per-task 1".split()],
    "compare": _FEW_STEPS,
    "resume": ["--quiet"],
    "bench": ["--only", "lower", "--estimate"],
}


@pytest.fixture
def trained_models_go(gives_memory_back: Callable[[], None]) -> Iterator[None]:
    """A page trains several models of the default size, which wait in cycles to be collected."""
    yield
    gc.collect()
    gives_memory_back()


@cache
def _output(block: str) -> str:
    """What a block prints, with one epoch for each task."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(re.sub(r"epochs=\d+", "epochs=1", block), "block", "exec"), {})  # noqa: S102
    return out.getvalue()


def _only_block_with(page: Page, text: str) -> str:
    (block,) = [block for block in page.blocks("python") if text in block]
    return block


@pytest.mark.usefixtures("trained_models_go")
@pytest.mark.parametrize(
    "block", [block for _, block in _BLOCKS], ids=[page.name for page, _ in _BLOCKS]
)
def test_python_block_runs(block: str) -> None:
    _write_strategies()
    _output(block)


def test_a_run_from_python_shows_a_column_for_each_seed() -> None:
    assert _output(_only_block_with(README, "RunConfig(")).split()[:4] == ["seed", "0", "1", "2"]


def test_two_lines_more_give_an_avalanche_user_our_auroc() -> None:
    source = _only_block_with(AVALANCHE, "to_avalanche")
    assert len([line for line in source.splitlines() if line.endswith(("# 1", "# 2"))]) == 2
    aurocs = [line for line in _output(source).splitlines() if line.startswith("0.")]
    assert len(aurocs) == 9
    assert all(0 < float(line) <= 1 for line in aurocs)


def test_three_regimes_have_the_rates_that_the_page_shows() -> None:
    page = next(page for page in PAGES if "half load" in page.text)
    (shown,) = [own for own in page.blocks() if own.startswith("idle: ")]
    assert _output(_only_block_with(page, "half load")) == shown


def test_a_strategy_is_short() -> None:
    assert len(_only_block_with(README, "# my_file.py").splitlines()) <= 22


def test_a_loss_of_ones_own_is_ten_lines() -> None:
    source = _only_block_with(MODELS, "reconstruction_loss")
    _, _, own = source.partition("class ")
    assert len([line for line in own.splitlines() if line.strip()]) <= 10
    assert _output(source).startswith("[[0.")


def _commands(page: Page) -> list[str]:
    """The page's command lines: those in its blocks, and those in a sentence that have flags."""
    lines = [
        line
        for block in page.blocks()
        for line in block.replace("\\\n", "").splitlines()
        if line.startswith("cl-anomaly ")
    ]
    inline = [code for code in page.inline_code() if re.match(r"cl-anomaly .*--\w", code)]
    return [*lines, *inline]


def _arguments(command: str) -> list[str]:
    """What the shell would make of a command line, with few steps to take."""
    given = shlex.split(command, comments=True)[1:]
    found = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in given]
    own = ("--scenario", "--label-column", "folder:")
    is_short = any(word.startswith(own) for word in given)
    shorter = _FEW_EPOCHS if is_short else _SHORTER.get(given[0], [])
    return [*(word for words in found for word in words), *shorter]


def _in_a_folder_of_its_own() -> None:
    """Be where the pages assume one to be: in the repository, with a strategy and a run."""
    Path("benchmarks").symlink_to(ROOT / "benchmarks")
    _write_strategies()
    run_quietly(Path("results"), "--strategy", "lower", "--calibration", "0.2", "--name", "RUN")
    pixels = [",".join(f"p{place}" for place in range(64)), ",".join(["0.5"] * 64)]
    Path("new.csv").write_text("\n".join(pixels))
    _write_own_data()


def _write_strategies() -> None:
    """What README and the tutorial tell to save."""
    Path("my_file.py").write_text(_only_block_with(README, "# my_file.py"))
    Path("anchor.py").write_text(_only_block_with(TUTORIAL, "# anchor.py"))


def _write_own_data() -> None:
    """What docs/data.md takes to be there."""
    classes = {"photos": ["cat", "dog", "hen"], "screws": ["good"]}
    for folder, own in classes.items():
        for place in [f"{split}/{name}" for split in ("train", "test") for name in own]:
            _write_images(Path(folder, place))
    _write_images(Path("screws/test/bent"))
    rows = ["heat,load,state", *(f"{n},{n % 7},{'good' if n % 2 else 'broken'}" for n in range(40))]
    Path("sensors.csv").write_text("\n".join(rows))
    parts = ["part", *("test" if n % 3 else "train" for n in range(40))]
    Path("split.csv").write_text("\n".join(map(",".join, zip(rows, parts, strict=True))))
    _write_streams()


def _write_streams() -> None:
    """What docs/streams.md takes to be there."""
    numbers = np.random.default_rng(0)
    heaps = numbers.normal(np.repeat([0, 5, 10, 2.5], 40)[:, None], 0.1, size=(160, 3))
    np.savez("table.npz", X=heaps, y=np.repeat([0, 1], [120, 40]))
    parts = {"train_x": heaps[:40], "test_x": heaps[40:80], "test_y": np.repeat([0, 1], 20)}
    np.savez("concepts.npz", **{f"{name}_{k}": own for k in (0, 1) for name, own in parts.items()})


def _write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("L", (8, 8), number * 90).save(folder / f"{number}.png")


_WITH_COMMANDS = [page for page in PAGES if _commands(page)]


@pytest.mark.usefixtures("trained_models_go")
@pytest.mark.parametrize("page", _WITH_COMMANDS, ids=[page.name for page in _WITH_COMMANDS])
def test_every_command_is_right(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    # A comparison is prepared, down to each run's objects, but trains nothing: its processes would
    # take minutes.
    monkeypatch.setattr(LocalEngine, "run_all", lambda *_: None)
    _in_a_folder_of_its_own()
    for command in _commands(page):
        done = cli(*_arguments(command))
        assert done.code in (0, None), f"{command}: {done.err}"


@pytest.mark.parametrize("page", [README, AVALANCHE], ids=lambda page: page.name)
def test_commands_are_found(page: Page) -> None:
    assert len(_commands(page)) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_that_are_named_exist(page: Page) -> None:
    for code in ["\n".join(page.blocks()), *page.inline_code()]:
        for script in re.findall(r"^python (benchmarks/[\w./]+)", code, flags=re.MULTILINE):
            assert (ROOT / script).exists(), script


def test_first_block_holds_the_two_commands() -> None:
    first, second = README.blocks()[0].strip().splitlines()
    assert first == (
        'python3 -m venv .venv && . .venv/bin/activate && pip install -e ".[test]" '
        "&& cl-anomaly run --strategy gr"
    )
    assert second == "python -m pytest"
