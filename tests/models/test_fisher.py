from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.data.datasets import Samples
from cl_anomaly.models import MODELS
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.models.shared.fisher import fisher_diagonal, squared_gradients
from cl_anomaly.models.vae import VAE
from tests.support.learning import Drawn
from tests.support.per_sample import squared_per_sample

SEEDS = [0, 5]


def _model(seeds: Sequence[int] = SEEDS) -> VAE:
    return VAE((2, 3), seeds, latent_size=2, hidden_sizes=(5, 4))


def test_squared_gradients_are_torch_funcs() -> None:
    model, x, noise = _model(), torch.rand(2, 7, 2, 3), torch.randn(2, 7, 2)
    squared = squared_gradients(model, x, Drawn(noise), torch.ones(2, 7))
    assert set(squared) == {name for name, _ in model.named_parameters()}
    for replica in range(2):
        expected = squared_per_sample(model, replica, x[replica], noise[replica])
        for name, value in squared.items():
            torch.testing.assert_close(value[replica], expected[name].sum(0))


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if not issubclass(m, ClosedForm)])
def test_squared_gradients_of_every_model_are_torch_funcs(name: str) -> None:
    model, x, drawn = MODELS[name]((4, 4), SEEDS), torch.rand(2, 3, 4, 4), _Drawing()
    squared = squared_gradients(model, x, drawn, torch.ones(2, 3))
    assert set(squared) == {name for name, _ in model.named_parameters()}
    for replica in range(2):
        expected = squared_per_sample(model, replica, x[replica], *drawn.of(replica))
        for parameter, value in squared.items():
            torch.testing.assert_close(
                value[replica], expected[parameter].sum(0), rtol=1e-4, atol=1e-5
            )


class _Drawing:
    """Draws for two replicas, and remembers what."""

    def __init__(self) -> None:
        self._normal, self._whole = torch.empty(2, 3, 0), None

    def normal(self, count: int, *size: int) -> Tensor:
        self._normal = torch.randn(2, count, *size)
        return self._normal

    def integers(self, high: int, count: int, *size: int) -> Tensor:
        self._whole = torch.randint(high, (2, count, *size))
        return self._whole

    def of(self, replica: int) -> tuple[Tensor, Tensor | None]:
        return self._normal[replica], None if self._whole is None else self._whole[replica]


def test_they_are_not_the_square_of_the_batch_gradient() -> None:
    model, x, noise = _model(), torch.rand(2, 7, 2, 3), torch.randn(2, 7, 2)
    squared = squared_gradients(model, x, Drawn(noise), torch.ones(2, 7))
    model.loss(x, Drawn(noise)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert not torch.allclose(parameter.grad.square(), squared[name])


def test_no_gradient_is_left_on_the_model() -> None:
    model = _model()
    squared_gradients(model, torch.rand(2, 3, 2, 3), Drawn(torch.randn(2, 3, 2)), torch.ones(2, 3))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_fisher_is_the_mean_over_each_replicas_own_samples() -> None:
    # More samples than one chunk, and not as many for one replica as for the other.
    model = _model()
    samples = Samples(torch.randint(0, 256, (700, 2, 3), dtype=torch.uint8), 1 / 255)
    indices = [torch.arange(300), torch.arange(100, 700)]
    fisher = fisher_diagonal(model, samples, indices, ReplicaRandom(SEEDS, "fisher"))
    for replica, own in enumerate(indices):
        # Alone, the replica's tasks need no padding, and its noise is drawn in the same order.
        random = ReplicaRandom([SEEDS[replica]], "fisher")
        noise = torch.cat([random.normal(256, 2)[0] for _ in range(3)])[: len(own)]
        expected = squared_per_sample(model, replica, samples.batch(own), noise)
        for name, value in fisher.items():
            torch.testing.assert_close(value[replica], expected[name].mean(0))


def test_a_parameter_that_no_layer_answers_for_is_refused() -> None:
    model = _model()
    model.register_parameter("stray", nn.Parameter(torch.zeros(2)))
    with pytest.raises(RunError, match="stray"):
        squared_gradients(
            model, torch.rand(2, 3, 2, 3), Drawn(torch.randn(2, 3, 2)), torch.ones(2, 3)
        )


def test_a_layer_used_twice_is_refused() -> None:
    model = _model()
    model.decoder.layers.append(model.decoder.layers[-1])
    model.decoder.layers[-1] = _Twice(model.decoder.layers[0])
    with pytest.raises(RunError, match="twice"):
        squared_gradients(
            model, torch.rand(2, 3, 2, 3), Drawn(torch.randn(2, 3, 2)), torch.ones(2, 3)
        )


class _Twice(nn.Module):
    """Uses a layer once more, for nothing."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        self.layer(torch.zeros(x.shape[0], 1, 2))
        return x
