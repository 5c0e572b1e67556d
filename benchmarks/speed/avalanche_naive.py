"""Avalanche's Naive strategy on its SplitMNIST, with the model of the plain loop."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from clock import in_turns, seconds
from plain_loop import PlainVAE
from plain_loop import train as train_plain
from report import Row
from training import Ours

from cl_anomaly.data.downloads import data_roots
from cl_anomaly.settings.run_config import RunConfig


def avalanche(config: RunConfig, repeats: int) -> Iterator[Row]:
    """One task, one epoch; nothing where avalanche-lib is not installed."""
    if find_spec("avalanche") is None or config.dataset == "digits":
        return
    ours = Ours(config, seeds=1, precision="float32")
    batch, latent, x = ours.run.config.batch_size, config.model_options["latent_size"], ours.samples
    contestants = {
        "ours": ours.seconds_per_sample,
        "plain": lambda: train_plain(x, 1, batch, latent, flush_denormals=True),
        "avalanche": _naive(config, batch, len(x)),
    }
    measured = in_turns(contestants, repeats)
    microseconds = ", ".join(f"{name} {value * 1e6:.0f}" for name, value in measured.items())
    yield Row(
        f"one replica, float32, batch {batch}: time per step, Avalanche Naive / ours",
        measured["avalanche"] / measured["ours"],
        f"µs a sample: {microseconds}",
    )


def _naive(config: RunConfig, batch: int, samples: int) -> Any:
    """Make what trains a new model on SplitMNIST's first experience; seconds for each sample."""
    from avalanche.benchmarks.classic import SplitMNIST
    from avalanche.training.plugins import EvaluationPlugin
    from avalanche.training.supervised import Naive

    class NaiveVAE(Naive):
        def criterion(self) -> Any:
            return self.mb_output

    class Loss(PlainVAE):
        """A model whose output is its loss: what Avalanche's criterion sees is the output alone."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.loss(x.flatten(1))

    root = next(r for r in data_roots(config.data_root) if (r / "MNIST" / "raw").is_dir())
    order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    benchmark = SplitMNIST(n_experiences=10, fixed_class_order=order, dataset_root=root)
    experience = benchmark.train_stream[0]

    def train() -> float:
        model = Loss(784, config.model_options["latent_size"])
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        strategy = NaiveVAE(
            model=model,
            optimizer=optimizer,
            train_mb_size=batch,
            train_epochs=1,
            evaluator=EvaluationPlugin(),
        )
        return seconds(lambda: strategy.train(experience)) / samples

    return train
