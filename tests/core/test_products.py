"""The way that a processor multiplies: chosen by what it is, and recorded as it was seen."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from cl_anomaly.core import products as matrix_products
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.machine import choose_precision, describe_environment
from cl_anomaly.core.products import Way, affine, describe_products, matrix_products_in
from cl_anomaly.core.products import processor_way as way_for
from cl_anomaly.models.vae import VAE
from cl_anomaly.scores import make_scores
from cl_anomaly.scores import scoring as evaluation
from cl_anomaly.scores.scoring import score_samples
from tests.support.learning import small_dataset

CPU = torch.device("cpu")
HALF, FULL = torch.bfloat16, torch.float32


@dataclass(frozen=True)
class Processor:
    """What a processor is, and how oneDNN's bfloat16 mode rounds on it."""

    is_intel: bool
    instructions: bool
    mode: str | None


INTEL_WITH_AMX = Processor(is_intel=True, instructions=True, mode="bfloat16")
INTEL_WITHOUT_AMX = Processor(is_intel=True, instructions=True, mode="float32")
OLDER_INTEL = Processor(is_intel=True, instructions=False, mode="float32")
AMD = Processor(is_intel=False, instructions=True, mode="float32")
OLDER_AMD = Processor(is_intel=False, instructions=False, mode=None)
UNSURE = Processor(is_intel=False, instructions=False, mode="mixed")
ARM = Processor(is_intel=False, instructions=False, mode="bfloat16")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def pretend(processor: Processor) -> None:
        stand_ins = {
            "_is_intel": lambda: processor.is_intel,
            "_has_bfloat16_instructions": lambda: processor.instructions,
            "_onednn_mode_is_available": lambda: processor.mode is not None,
            "_rounding": lambda way: processor.mode,
        }
        for name, stand_in in stand_ins.items():
            monkeypatch.setattr(matrix_products, name, stand_in)

    return pretend  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("processor", "float32", "bfloat16"),
    [
        (INTEL_WITH_AMX, Way.DEFAULT, Way.ONEDNN_BFLOAT16),
        (INTEL_WITHOUT_AMX, Way.DEFAULT, Way.BFLOAT16_TENSORS),
        (OLDER_INTEL, Way.DEFAULT, None),
        (AMD, Way.ONEDNN, Way.BFLOAT16_TENSORS),
        (OLDER_AMD, Way.DEFAULT, None),
        (UNSURE, Way.DEFAULT, None),
        (ARM, Way.DEFAULT, Way.ONEDNN_BFLOAT16),
    ],
)
def test_the_way_follows_from_the_processor_and_its_rounding(
    processor: Processor, float32: Way, bfloat16: Way | None, on: object
) -> None:
    on(processor)  # type: ignore[operator]
    assert way_for(FULL) == float32
    assert way_for(HALF) == bfloat16
    native = HALF if bfloat16 else FULL
    assert choose_precision("auto", CPU) == native
    assert choose_precision("float32", CPU) == FULL
    if bfloat16:
        assert choose_precision("bfloat16", CPU) == HALF
    else:
        with pytest.raises(InputError, match="multiplies in bfloat16.*Use float32, or auto"):
            choose_precision("bfloat16", CPU)


def _product() -> float:
    """Of 64 numbers that are no bfloat16, each times 1, divided by 64."""
    product = affine(
        torch.zeros(2, 1, 64), torch.full((2, 64, 64), 1 + 2**-10), torch.ones(2, 64, 64)
    )
    assert product.dtype == torch.float32
    return product[0, 0, 0].item() / 64


EXACT, ROUNDED = 1 + 2**-10, 1.0


def test_products_are_rounded_only_where_it_is_asked_for() -> None:
    native = ROUNDED if choose_precision("auto", CPU) == HALF else EXACT
    assert _product() == EXACT
    with matrix_products_in(HALF, CPU):
        assert _product() == native
        with matrix_products_in(FULL, CPU):
            assert _product() == EXACT
        assert _product() == native
    assert _product() == EXACT


@pytest.mark.parametrize("precision", [FULL, HALF])
def test_what_is_recorded_is_what_is_computed(precision: torch.dtype) -> None:
    with matrix_products_in(precision, CPU):
        computed = {EXACT: "float32", ROUNDED: "bfloat16"}[_product()]
    assert describe_products(precision, CPU)["rounding"] == computed
    recorded = describe_environment(CPU, precision)["matrix_products"]
    assert recorded["training"] == describe_products(precision, CPU)
    assert recorded["scores"] == describe_products(FULL, CPU)
    assert recorded["scores"]["rounding"] == "float32"


def test_the_rounding_is_found_out_by_multiplying(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever the processor is said to have, and whatever the way is called.
    matrix_products._rounding.cache_clear()
    monkeypatch.setattr(matrix_products, "processor_way", lambda _: Way.ONEDNN_BFLOAT16)
    monkeypatch.setattr(matrix_products, "_MODES", {})
    assert describe_products(HALF, CPU) == {"way": Way.ONEDNN_BFLOAT16.value, "rounding": "float32"}
    matrix_products._rounding.cache_clear()


@pytest.fixture
def with_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multiply bfloat16 tensors, as an AMD processor does; others emulate it."""
    monkeypatch.setattr(
        matrix_products,
        "processor_way",
        lambda precision: Way.BFLOAT16_TENSORS if precision == HALF else Way.ONEDNN,
    )


@pytest.mark.usefixtures("with_tensors")
def test_bfloat16_tensors_give_the_gradients_of_rounded_factors() -> None:
    random = torch.Generator().manual_seed(0)
    sizes = ((2, 1, 5), (2, 7, 33), (2, 33, 5))
    bias, x, weight = (torch.randn(s, generator=random, requires_grad=True) for s in sizes)
    above = torch.randn(2, 7, 5, generator=random)
    with matrix_products_in(HALF, CPU):
        found = affine(bias, x, weight)
        gradients = torch.autograd.grad(found, (bias, x, weight), above)
    near, far, rounded = (t.detach().bfloat16().double() for t in (x, weight, above))
    expected = (
        above.double().sum(1, keepdim=True),
        rounded @ far.transpose(1, 2),
        near.transpose(1, 2) @ rounded,
    )
    product = (found - bias).double()
    torch.testing.assert_close(product, near @ far, rtol=2**-8, atol=1e-5)
    for ours, exact in zip(gradients, expected, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.double(), exact, rtol=2**-8, atol=1e-5)


@pytest.mark.usefixtures("with_tensors")
def test_scores_are_float32_while_training_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[Way] = []
    reconstruct = VAE.reconstruct

    def spy(model: VAE, x: torch.Tensor) -> object:
        ways.append(matrix_products._setting.way)
        return reconstruct(model, x)

    dataset, model = small_dataset(), VAE((3, 3), [0], latent_size=2, hidden_sizes=(64,))
    expected = score_samples(model, dataset.test, torch.arange(85), make_scores(["recon"]))["recon"]
    monkeypatch.setattr(VAE, "reconstruct", spy)
    monkeypatch.setattr(evaluation, "_PROCESSOR_CHUNK", 50)
    with matrix_products_in(HALF, CPU):
        found = score_samples(model, dataset.test, torch.arange(85), make_scores(["recon"]))[
            "recon"
        ]
        assert matrix_products._setting.way is Way.BFLOAT16_TENSORS
    assert ways == [Way.ONEDNN, Way.ONEDNN]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_gpu_is_left_to_autocast() -> None:
    gpu = torch.device("cuda")
    with matrix_products_in(HALF, gpu):
        assert matrix_products._setting.way is Way.DEFAULT
    assert describe_products(HALF, gpu) == {"way": "autocast", "rounding": "bfloat16"}
    assert describe_products(FULL, gpu)["rounding"] == "float32"
