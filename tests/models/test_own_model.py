"""A model of the user's own, passed to `run` as a class."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly import RunConfig, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan.build import prepare
from tests.support.learning import Drawn

SHORT: dict[str, Any] = {"dataset": "digits", "epochs": 1, "task_order": [1, 2], "device": "cpu"}


class Fourth(VAE):
    """A loss that few large errors rule."""

    def reconstruction_loss(self, output: Tensor, x: Tensor) -> Tensor:
        return (output.sigmoid() - x).pow(4).flatten(2).sum(2)


def test_its_loss_is_what_is_trained_and_scored() -> None:
    model, x = Fourth((2, 2), [0, 1], latent_size=2, hidden_sizes=(5,)), torch.rand(2, 3, 2, 2)
    output, noise = model.reconstruct(x), torch.zeros(2, 3, 2)
    expected = ((output.means - x) ** 4).sum((2, 3))
    torch.testing.assert_close(output.negative_log_likelihood, expected)
    torch.testing.assert_close(model.loss(x, Drawn(noise)), expected + output.kl)


def test_a_class_runs_and_is_known_by_its_source(tmp_path: Path) -> None:
    options = {"latent_size": 3, "hidden_sizes": [20]}
    config = RunConfig(model=Fourth, model_options=options, **SHORT)  # type: ignore[arg-type]
    done = run(config, progress=False, out=tmp_path)
    assert done.config.model == "python:Fourth"
    assert done.config.model_options["latent_size"] == 3
    assert done.weights["decoder.layers.0.weight"].shape == (1, 3, 20)
    code = done.environment["code"]["files"]
    assert "cl_anomaly/models/vae.py" in code and "model.py" in code
    plain = prepare(RunConfig(model="vae", model_options=options, **SHORT))
    assert "model.py" not in plain.environment["code"]["files"]
    scores = run(RunConfig(model_options=options, **SHORT), progress=False).scores["recon"]
    assert not (done.scores["recon"] == scores).any()


def test_a_model_of_this_package_goes_by_its_name() -> None:
    assert RunConfig(model=VAE, **SHORT).model == "vae"  # type: ignore[arg-type]


def test_another_process_cannot_find_it_by_name() -> None:
    with pytest.raises(InputError, match="Expected `model` to be one of .*'python:Fourth'"):
        prepare(RunConfig(model="python:Fourth", **SHORT))


def test_a_class_that_is_no_model_is_refused() -> None:
    with pytest.raises(
        InputError, match="`model` to be a subclass of cl_anomaly.models.base.Model"
    ):
        prepare(RunConfig(model=dict, **SHORT))  # type: ignore[arg-type]
