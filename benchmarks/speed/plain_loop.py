"""The loop that a good engineer would write by hand: one seed, tensors in memory, fused Adam."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainVAE(nn.Module):
    """784-400-400-latent and back, as in the paper, without a replica axis."""

    def __init__(self, features: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(features, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(),
            nn.Linear(400, 2 * latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(),
            nn.Linear(400, features),
        )  # fmt: skip

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        logits = self.decoder(z)
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return (bce + kl) / len(x)


def train(x: Tensor, epochs: int, batch_size: int, latent: int, flush_denormals: bool) -> float:
    """Train a new model on samples (n, features), float32; returns seconds for each sample."""
    torch.set_flush_denormal(flush_denormals)
    model = PlainVAE(x.shape[1], latent)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    samples, started = 0, time.perf_counter()
    for _ in range(epochs):
        for indices in torch.randperm(len(x)).split(batch_size):
            loss = model.loss(x.index_select(0, indices))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            samples += len(indices)
    return (time.perf_counter() - started) / samples
