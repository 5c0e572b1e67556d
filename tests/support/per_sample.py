"""Per-sample gradients by torch.func: one sample after another, as far as its caller can tell."""

from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from cl_anomaly.models import Model
from tests.support.learning import Drawn


class _Loss(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, noise: Tensor, whole: Tensor | None) -> Tensor:
        return self.model.loss(x, Drawn(noise, whole))


def squared_per_sample(
    model: Model, replica: int, x: Tensor, noise: Tensor, whole: Tensor | None = None
) -> dict[str, Tensor]:
    """Square the gradient of each sample's loss with one replica.

    Args:
        model: R replicas.
        replica: which of them.
        x: (B, *features).
        noise: (B, *size), the normal numbers that the loss draws.
        whole: (B, *size), the whole numbers that it draws, if any.

    Returns:
        By parameter name, (B, *parameter).
    """
    own = {name: p.detach()[replica : replica + 1] for name, p in model.named_parameters()}

    def loss(weights: dict[str, Tensor], x: Tensor, noise: Tensor, whole: Tensor | None) -> Tensor:
        integers = None if whole is None else whole[None, None]
        arguments = (x[None, None], noise[None, None], integers)
        return functional_call(_Loss(model), weights, arguments).squeeze()

    per_sample = vmap(grad(loss), (None, 0, 0, None if whole is None else 0))(
        {f"model.{name}": value for name, value in own.items()}, x, noise, whole
    )
    return {name.removeprefix("model."): g.square()[:, 0] for name, g in per_sample.items()}
