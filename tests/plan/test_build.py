"""One place where a configuration becomes objects, once."""

from functools import wraps
from pathlib import Path

import pytest

from cl_anomaly import RunConfig
from cl_anomaly.core.errors import InputError
from cl_anomaly.data import mnist
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan import build
from cl_anomaly.runs.finished import find_finished
from tests.support.command import SMALL, cli
from tests.support.helpers import write_mnist

COMPARE = ("compare", *SMALL, "--strategies", "lower,upper", "--workers", "1", "--quiet")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The seeds of each model whose weights were made."""
    made: list[tuple[int, ...]] = []
    original = VAE.__init__

    @wraps(original)  # options are read from its signature
    def init(self: VAE, features, seeds, *arguments, **options) -> None:  # type: ignore[no-untyped-def]
        made.append(tuple(seeds))
        original(self, features, seeds, *arguments, **options)

    monkeypatch.setattr(VAE, "__init__", init)
    return made


def test_a_run_is_named_and_found_without_weights(
    tmp_path: Path, made: list[tuple[int, ...]]
) -> None:
    plan = build.prepare(RunConfig(dataset="digits", seeds=5, device="cpu"))
    assert plan.folder.startswith("digits-gr-")
    assert find_finished(tmp_path / plan.folder, plan) is None
    assert not made


def test_what_is_finished_is_compared_without_weights(
    tmp_path: Path, made: list[tuple[int, ...]]
) -> None:
    done = cli(*COMPARE, "--out", tmp_path)
    assert done.code == 0, done.err
    made.clear()
    again = cli(*COMPARE, "--out", tmp_path)
    assert (again.code, again.last_line) == (0, done.last_line)
    assert not made


def test_data_is_loaded_once_until_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path, train_labels=[0, 1, 2], test_labels=[0, 1, 2])
    read: list[Path] = []
    original = mnist.read_labelled
    monkeypatch.setattr(
        mnist,
        "read_labelled",
        lambda x, *rest, **more: read.append(x) or original(x, *rest, **more),
    )
    config = {"dataset": "mnist", "data_root": str(tmp_path), "batch_size": 1, "device": "cpu"}
    plans = [build.prepare(RunConfig(strategy=name, **config)) for name in ("gr", "ewc", "gr")]  # type: ignore[arg-type]
    assert len(read) == 2, "training and test samples"
    assert plans[0].dataset is plans[1].dataset
    images = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    changed = build.prepare(RunConfig(**config))  # type: ignore[arg-type]
    assert changed.dataset.sha256 != plans[0].dataset.sha256


def test_what_does_not_fit_together_is_found_before_anything_is_compared(tmp_path: Path) -> None:
    done = cli(*COMPARE, "--model.hidden-sizes", "[0]", "--out", tmp_path)
    assert done.code == 2
    assert "--model.hidden-sizes" in done.err
    assert not list(tmp_path.iterdir())
    plan = build.prepare(
        RunConfig(dataset="digits", device="cpu", model_options={"hidden_sizes": [0]})
    )
    with pytest.raises(InputError, match="hidden_sizes"):
        build.check_together(plan)
