"""Which libraries a short run loads: each takes a part of a second, and is loaded when used."""

import subprocess
import sys
from pathlib import Path

import pytest

_RUN = "run --strategy lower --dataset digits --epochs 1 --task-order 1,2 --device cpu --out"
_NEVER = {
    *("torch._dynamo", "torch._inductor", "torch.utils.flop_counter", "triton", "sympy"),
    *("torchvision", "sklearn", "scipy.stats"),
}
_CODE = """
import sys
from cl_anomaly.cli.main import main
main(sys.argv[1:])
print("modules:", *sys.modules)
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that a process has loaded at the end of a command."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments], check=True, capture_output=True, text=True
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("modules: "))
    return set(line.split()[1:])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("results"))


def test_a_short_run_loads_neither_the_compiler_nor_scikit_learn(out: str) -> None:
    modules = loaded(*_RUN.split(), out, "--no-report")
    assert "torch" in modules
    assert not modules & (_NEVER | {"altair"})


def test_the_page_loads_only_what_draws_it(out: str) -> None:
    modules = loaded(*_RUN.split(), out, "--again")
    assert "altair" in modules
    assert not modules & _NEVER


def test_a_finished_suite_is_shown_without_pytorch(out: str) -> None:
    suite = Path(out) / "small.toml"
    suite.write_text(
        "dataset = 'digits'\nepochs = 1\ntask_order = [1, 2]\ndevice = 'cpu'\n"
        "precision = 'float32'\n[runs.lower]\nstrategy = 'lower'\n"
    )
    arguments = ["bench", str(suite), "--out", out, "--no-report", "--workers", "1"]
    assert "torch" in loaded(*arguments)
    modules = loaded(*arguments)
    assert "torch" not in modules and "matplotlib" not in modules
