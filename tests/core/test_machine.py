import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cl_anomaly.core import machine as environment
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.machine import (
    choose_device,
    describe_environment,
    peak_memory,
)
from cl_anomaly.core.products import set_up_processor

CPU = torch.device("cpu")


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("wanted", "got"), [("2", 2), ("1", 1), ("", 1), ("all", 1), ("0", 1)])
def test_threads_are_what_omp_num_threads_says(
    wanted: str, got: int, threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    set_up_processor()
    assert torch.get_num_threads() == got


def test_a_gpu_does_not_round_what_convolutions_multiply(threads: None) -> None:
    conv = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    conv.fp32_precision = "tf32"  # PyTorch's default
    set_up_processor()
    assert conv.fp32_precision == "ieee"


def test_without_omp_num_threads_one_thread_is_used(
    threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    set_up_processor()
    assert torch.get_num_threads() == 1


def test_denormals_are_taken_for_zero() -> None:
    torch.set_flush_denormal(False)  # what earlier tests have set
    assert (torch.tensor([1e-30]) * 1e-15).item() > 0
    set_up_processor()
    assert (torch.tensor([1e-30]) * 1e-15).item() == 0


def test_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(InputError, match="Use cpu, or auto"):
        choose_device("cuda")


def test_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == CPU


def test_environment_is_json() -> None:
    description = describe_environment(CPU, torch.bfloat16)
    assert json.loads(json.dumps(description)) == description
    assert description["precision"] == "bfloat16"
    assert set(description["matrix_products"]) == {"training", "scores"}
    assert description["python"] == sys.version.split()[0]
    assert description["processor"]


def test_commit_is_that_of_the_packages_own_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    file = tmp_path / "module.py"
    file.write_text("")
    monkeypatch.setattr(environment, "__file__", str(file))
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    # Somebody else's repository around an installed package says nothing about the package.
    environment._git_commit.cache_clear()
    assert describe_environment(CPU, torch.float32)["git_commit"] is None
    environment._git_commit.cache_clear()
    subprocess.run([*git, "add", "module.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "second"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert describe_environment(CPU, torch.float32)["git_commit"] == head.stdout.strip()


def test_peak_memory_counts_bytes() -> None:
    before, blocks = peak_memory(CPU)["host_bytes"], []
    while (risen := peak_memory(CPU)["host_bytes"]) == before and len(blocks) < 64:
        blocks.append(bytearray(2**25))  # up to the peak there was
    block = bytearray(2**27)
    assert 0.9 * len(block) < peak_memory(CPU)["host_bytes"] - risen < 1.1 * len(block)


def test_peak_memory_is_this_processs_own() -> None:
    # Linux hands the peak of the process that starts another on to it.
    block = bytearray(400_000_000)
    own = peak_memory(CPU)["host_bytes"]
    assert own > len(block)
    code = "import torch; from cl_anomaly.core.machine import peak_memory as peak; "
    code += "print(peak(torch.device('cpu'))['host_bytes'])"
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(child.stdout) < own
