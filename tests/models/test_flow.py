import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal
from torch.func import jacrev, vmap

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom, generator
from cl_anomaly.models.flow import Coupling, Flow
from tests.support.learning import Drawn


def _model(features: tuple[int, ...], seeds: list[int]) -> Flow:
    return Flow(features, seeds, couplings=4, hidden_sizes=(8,))


def _wild(model: Flow) -> Flow:
    """First weights give couplings that hardly differ from the identity."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def test_likelihood_is_that_of_the_whole_jacobian() -> None:
    model, x = _wild(_model((2, 3), [0, 1])), torch.rand(2, 5, 2, 3)
    z, _ = model.couplings(x)
    for replica in range(2):

        def mapped(sample: Tensor, own: int = replica) -> Tensor:
            return model.couplings(sample.expand(2, 1, 2, 3))[0][own, 0]

        jacobian = vmap(jacrev(mapped))(x[replica]).flatten(2)
        expected = -Normal(0.0, 1.0).log_prob(z[replica]).sum(1) - jacobian.slogdet().logabsdet
        found = model.negative_log_likelihood(x)[replica]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_its_density_has_a_mass_of_one() -> None:
    model, places = _model((2,), [0]), torch.arange(-12, 13, 0.05)
    with torch.no_grad():
        densities = (
            -model.negative_log_likelihood(torch.cartesian_prod(places, places)[None])
        ).exp()
    assert float(densities.sum()) * 0.05**2 == pytest.approx(1, abs=1e-3)


def test_the_way_back_gives_the_samples() -> None:
    # Not drawn anew each time: such weights throw one sample in thousands so far that float32
    # products lose it.
    torch.manual_seed(81)
    model = _wild(_model((3, 3), [0, 1])).double()
    x = torch.rand(2, 50, 3, 3, dtype=torch.float64)
    z, _ = model.couplings(x)
    assert not torch.allclose(z, 4 * (x.flatten(2) - 0.5))
    torch.testing.assert_close(model.couplings.inverse(z), x, rtol=1e-3, atol=1e-3)


def test_a_coupling_by_hand() -> None:
    # The first feature of the order stays; its network, all weights 0, gives s = bias and t = bias.
    layer = Coupling(torch.tensor([1, 0]), (), [generator(0, "model")])
    with torch.no_grad():
        linear = next(iter(layer.network))
        linear.weight.zero_()  # type: ignore[union-attr, operator]
        linear.bias.copy_(torch.tensor([0.5, 3.0]))  # type: ignore[union-attr, operator]
    y, log_determinant = layer(torch.tensor([[[2.0, 7.0]]]))
    scale = 2 * math.tanh(0.25)
    torch.testing.assert_close(y, torch.tensor([[[2 * math.exp(scale) + 3, 7.0]]]))
    torch.testing.assert_close(log_determinant, torch.tensor([[scale]]))


def test_it_generates_by_the_way_back_within_the_data() -> None:
    model = _wild(_model((3, 3), [0, 1]))
    samples = model.generator().generate(9, ReplicaRandom([0, 1], "replay"))
    z = ReplicaRandom([0, 1], "replay").normal(9, 9)
    torch.testing.assert_close(samples, model.couplings.inverse(z).clamp(0, 1))
    assert samples.min() == 0 and samples.max() == 1


def test_noise_joins_samples_in_training_alone() -> None:
    model, x, noise = _model((2, 2), [0, 1]), torch.rand(2, 4, 2, 2), torch.randn(2, 4, 2, 2)
    expected = model.negative_log_likelihood(x + 0.1 * noise)
    torch.testing.assert_close(model.loss(x, Drawn(noise)), expected)
    found = model.reconstruct(x).negative_log_likelihood
    torch.testing.assert_close(found, model.negative_log_likelihood(x))


def test_what_makes_no_flow_is_refused() -> None:
    with pytest.raises(InputError, match="two numbers or more"):
        Flow((1,), [0])
    with pytest.raises(InputError, match="`couplings` to be 2 or more.*but got 1"):
        Flow((4,), [0], couplings=1)
    with pytest.raises(InputError, match="`noise`"):
        Flow((4,), [0], noise=-1.0)
