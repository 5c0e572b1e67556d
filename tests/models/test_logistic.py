"""The logistic function and its cross-entropy, against SciPy and their formulas."""

import numpy as np
import pytest
import torch
from scipy.special import expit, xlogy
from torch import Tensor

from cl_anomaly.models.shared.logistic import cross_entropy_with_logits, sigmoid

LOGITS = torch.cat([torch.linspace(-30, 30, 96), torch.tensor([-300.0, -90.0, 0.0, 90.0, 300.0])])


def gradients(value: Tensor, x: Tensor) -> Tensor:
    (own,) = torch.autograd.grad(value.sum(), x)
    return own


def test_is_scipys_expit() -> None:
    x = LOGITS.clone().requires_grad_()
    value = sigmoid(x)
    expected = expit(LOGITS.double().numpy())
    np.testing.assert_allclose(value.detach().numpy(), expected, rtol=3e-7, atol=1e-38)
    # σ' = σ (1 − σ), and 1 − σ(x) is σ(−x).
    slope = expected * expit(-LOGITS.double().numpy())
    np.testing.assert_allclose(gradients(value, x).numpy(), slope, rtol=1e-4, atol=1e-7)


def test_cross_entropy_is_that_of_the_probabilities() -> None:
    logits = LOGITS[:96].clone().requires_grad_()
    x = torch.rand(96, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = cross_entropy_with_logits(logits, x)
    means, targets = expit(logits.detach().double().numpy()), x.detach().double().numpy()
    others = expit(-logits.detach().double().numpy())
    expected = -xlogy(targets, means) - xlogy(1 - targets, others)
    np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    one, other = torch.autograd.grad(value.sum(), [logits, x])
    np.testing.assert_allclose(one.numpy(), means - targets, atol=1e-6)
    np.testing.assert_allclose(other.numpy(), -logits.detach().numpy(), rtol=1e-6)


def test_what_is_sure_has_finite_gradients() -> None:
    logits = torch.tensor([-300.0, 300.0]).requires_grad_()
    value = cross_entropy_with_logits(logits, torch.tensor([1.0, 1.0]))
    assert value.tolist() == [300.0, 0.0]
    assert gradients(value, logits).tolist() == [-1.0, 0.0]
    assert gradients(sigmoid(logits), logits).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("function", ["sigmoid", "its gradient"])
def test_a_number_is_rounded_alike_wherever_it_lies(function: str) -> None:
    random = torch.Generator().manual_seed(0)
    values, targets = (torch.randn(10_007, generator=random) * 4 for _ in range(2))

    def computed(logits: Tensor, x: Tensor) -> Tensor:
        if function == "sigmoid":
            return sigmoid(logits)
        logits = logits.clone().requires_grad_()
        return gradients(cross_entropy_with_logits(logits, x), logits)

    whole = computed(values, targets)
    for length in range(1, 40):
        part = slice(5000, 5000 + length)
        assert torch.equal(computed(values[part].clone(), targets[part].clone()), whole[part])
