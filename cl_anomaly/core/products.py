"""Matrix products: the library that computes them, and the rounding of their factors.

Whether oneDNN's bfloat16 mode rounds is found out by multiplying. The choice depends on the
processor alone, not on measured times, so that the same machine always gives the same bytes.
`python benchmarks/speed products` shows the time of each way.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import torch
from torch import Tensor


class Way(Enum):
    """A way to multiply float32 matrices, with its name in the files of a run.

    Attributes:
        DEFAULT: PyTorch's own choice, MKL on an x86 processor: float32.
        ONEDNN: oneDNN in float32. MKL uses only half of an AMD processor's instructions.
        ONEDNN_BFLOAT16: oneDNN rounds the factors to bfloat16 as it reads them (AMX); sums stay in
            float32, and no tensor is converted.
        BFLOAT16_TENSORS: factors are converted to bfloat16, and so is the product.
        AUTOCAST: a GPU's, by PyTorch's autocast.
    """

    DEFAULT = "PyTorch's default"
    ONEDNN = "oneDNN"
    ONEDNN_BFLOAT16 = "oneDNN, factors rounded"
    BFLOAT16_TENSORS = "bfloat16 tensors"
    AUTOCAST = "autocast"


# `mkldnn_gemm_min_size` of PyTorch's Matmul.cpp: a product must have more multiplications.
_LEAST_FOR_ONEDNN = 16 * 16 * 16

# The mode of oneDNN for each way.
_MODES = {Way.ONEDNN: "bf16", Way.ONEDNN_BFLOAT16: "bf16"}


class _Setting:
    """The way of the whole process, for all threads; blocks may overlap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before = ""
        self._open: list[Way] = []

    @property
    def way(self) -> Way:
        """The way of the block that was opened last."""
        return self._open[-1] if self._open else Way.DEFAULT

    def enter(self, way: Way) -> None:
        with self._lock:
            if not self._open:
                self._before = _matmul().fp32_precision
            self._open.append(way)
            _matmul().fp32_precision = _MODES.get(way, "ieee")

    def leave(self, way: Way) -> None:
        with self._lock:
            self._open.reverse()
            self._open.remove(way)
            self._open.reverse()
            still = _MODES.get(self.way, "ieee") if self._open else self._before
            _matmul().fp32_precision = still


def _matmul() -> Any:
    return torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


_setting = _Setting()


def set_up_processor() -> None:
    """Use OMP_NUM_THREADS threads, one by default, and treat denormal numbers as zero.

    Both hold for the calling thread. Two threads on busy cores are many times slower than one, and
    one gives the same bits on every machine of a kind.

    A decoder that is sure of a pixel has a gradient below 1e-38 there. Processors multiply such
    numbers in microcode, which makes the backward pass up to three times slower.

    A GPU does not round the factors of convolutions to TF32.
    """
    torch.set_num_threads(wanted_threads() or 1)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]


def wanted_threads() -> int | None:
    """Return the number of threads in OMP_NUM_THREADS, or None."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else None


@contextmanager
def matrix_products_in(precision: torch.dtype, device: torch.device) -> Iterator[None]:
    """Multiply in the fastest way that rounds factors to this precision; sums stay in float32.

    On a GPU, autocast does that. Threads must not ask for different precisions at a time.
    """
    if device.type != "cpu":
        yield
        return
    with multiplying(processor_way(precision) or Way.DEFAULT):
        yield


@contextmanager
def multiplying(way: Way) -> Iterator[None]:
    """Multiply in this way, even if it is not the processor's fastest."""
    _setting.enter(way)
    try:
        yield
    finally:
        _setting.leave(way)


def processor_way(precision: torch.dtype) -> Way | None:
    """Return the processor's way for factors in float32 or bfloat16, or None if it has none."""
    mode = _rounding(Way.ONEDNN_BFLOAT16) if _onednn_mode_is_available() else None
    if precision == torch.bfloat16:
        if mode == "bfloat16":
            return Way.ONEDNN_BFLOAT16
        return Way.BFLOAT16_TENSORS if _has_bfloat16_instructions() else None
    # A mode that rounds nothing multiplies in float32, by oneDNN and not by MKL.
    return Way.ONEDNN if mode == "float32" and not _is_intel() else Way.DEFAULT


def describe_products(precision: torch.dtype, device: torch.device) -> dict[str, str]:
    """Return the way of products and the rounding that was seen, for JSON."""
    if device.type != "cpu":
        half = precision == torch.bfloat16
        rounding = "bfloat16" if half else "float32"
        return {"way": (Way.AUTOCAST if half else Way.DEFAULT).value, "rounding": rounding}
    way = processor_way(precision) or Way.DEFAULT
    return {"way": way.value, "rounding": _rounding(way)}


def affine(bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Compute x W + b for each replica, in the way of `matrix_products_in`.

    Args:
        bias: (R, 1, outputs), float32.
        x: (R, B, inputs), float32.
        weight: (R, inputs, outputs), float32.

    Returns:
        (R, B, outputs), float32; another type under autocast.
    """
    if _setting.way is Way.BFLOAT16_TENSORS and x.device.type == "cpu":
        return _RoundedAffine.apply(bias, x, weight)  # type: ignore[no-any-return]
    if _is_too_small_for_onednn(x, weight):
        parts = zip(bias, x, weight, strict=True)
        return torch.stack([torch.addmm(*replica) for replica in parts])
    return torch.baddbmm(bias, x, weight)


def product(one: Tensor, other: Tensor) -> Tensor:
    """Multiply the matrices (R, m, k) and (R, k, n) of each replica, as `affine` does."""
    if _is_too_small_for_onednn(one, other):
        return torch.stack([torch.mm(*replica) for replica in zip(one, other, strict=True)])
    return torch.bmm(one, other)


def _is_too_small_for_onednn(one: Tensor, other: Tensor) -> bool:
    """Return whether one replica's product is too small for PyTorch to give it to oneDNN.

    PyTorch compares the size of all replicas' products together: it would give a replica to oneDNN
    among others and to MKL alone, which rounds differently.
    """
    if _setting.way is Way.DEFAULT or one.device.type != "cpu":
        return False
    return one.shape[1] * one.shape[2] * other.shape[2] <= _LEAST_FOR_ONEDNN


class _RoundedAffine(torch.autograd.Function):
    """Compute x W + b of bfloat16 factors; weights are converted once a step."""

    @staticmethod
    def forward(ctx: Any, bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:  # type: ignore[override]
        factors = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(*factors)
        return product(*factors).float().add_(bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        rounded = gradient.bfloat16()
        inputs = None
        if ctx.needs_input_grad[1]:  # the input of the first layer is data
            inputs = product(rounded, weight.transpose(1, 2)).float()
        weights = product(x.transpose(1, 2), rounded).float()
        return gradient.sum(1, keepdim=True), inputs, weights


@functools.cache
def _rounding(way: Way) -> str:
    """Return the rounding of the factors: float32, bfloat16, or mixed.

    The library's kernels depend on the size.
    """
    sizes = ((1, 64, 784, 400), (3, 576, 784, 400), (2, 32, 64, 400))
    with multiplying(way), torch.no_grad():
        rounded = [_product_is_rounded(*size) for size in sizes]
    if all(rounded):
        return "bfloat16"
    return "mixed" if any(rounded) else "float32"


def _product_is_rounded(replicas: int, batch: int, inputs: int, outputs: int) -> bool:
    # 1 + 2⁻¹⁰ is no bfloat16: rounded to one, it is 1.
    x = torch.full((replicas, batch, inputs), 1 + 2**-10)
    product = affine(torch.zeros(replicas, 1, outputs), x, torch.ones(replicas, inputs, outputs))
    return bool((product == inputs).any())


def _onednn_mode_is_available() -> bool:
    """Return whether PyTorch uses oneDNN's bfloat16 mode."""
    if not torch.backends.mkldnn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _has_bfloat16_instructions() -> bool:
    """Return whether bfloat16 tensors are multiplied fast; emulation is many times slower."""
    known = torch.cpu.get_capabilities()
    return _onednn_mode_is_available() and bool(known.get("avx512_bf16"))


def _is_intel() -> bool:
    """Return whether MKL uses all of the processor's instructions."""
    return "Intel" in str(torch.cpu.get_capabilities().get("cpu_name"))


def _fix_rounding_of_mkl() -> None:
    """Let MKL round alike wherever a matrix lies in memory.

    On other processors than Intel's, MKL's kernel depends on the matrix's alignment, so that a
    replica would be rounded differently alone and among others. MKL reads the variable at its first
    call ("Conditional Numerical Reproducibility" in Intel's manual).
    """
    if torch.cpu.get_capabilities().get("avx2") and not _is_intel():
        os.environ.setdefault("MKL_CBWR", "AVX2")


_fix_rounding_of_mkl()
