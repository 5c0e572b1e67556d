"""What scores cost: the passes that they say, against a count of what is called."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from cl_anomaly.models.diffusion import Diffusion
from cl_anomaly.models.vae import VAE
from cl_anomaly.scores import CHEAP_SCORES, SCORES

COSTLY = [
    name
    for name, score in SCORES.items()
    if score.needs <= VAE.abilities and not (score.is_cheap or score.learns())
]
LEARNT = [n for n, s in SCORES.items() if s.needs <= VAE.abilities and s.learns()]


@contextmanager
def _counted(*parts: nn.Sequential) -> Iterator[Counter[str]]:
    """Count passes forward and back through the first layer of each of a model's halves."""
    counts, hooks = Counter[str](), []
    for part in parts:
        first = part[0]
        hooks += [
            first.register_forward_hook(lambda *_: counts.update(["forward"])),
            first.register_full_backward_hook(lambda *_: counts.update(["back"])),
        ]
    yield counts
    for hook in hooks:
        hook.remove()


def _passes(counts: Counter[str]) -> float:
    """A pass forward through the encoder or the decoder is half of one; back, twice that."""
    return 0.5 * counts["forward"] + 1.0 * counts["back"]


@pytest.mark.parametrize("name", [*COSTLY, *LEARNT])
def test_a_score_says_how_many_passes_it_takes(name: str) -> None:
    model, x = VAE((4, 4), [0], latent_size=3, hidden_sizes=(5,)), torch.rand(1, 30, 4, 4)
    model.requires_grad_(False)
    score = SCORES[name]()
    score.learn([(model.reconstruct(x), torch.ones(1, 30, dtype=torch.bool))])
    with _counted(model.encoder, model.decoder.layers) as counts, torch.no_grad():
        score(model.reconstruct(x))
    assert SCORES[name].passes == _passes(counts)


def test_cheap_scores_share_one_pass() -> None:
    model, x = VAE((4, 4), [0], latent_size=3, hidden_sizes=(5,)), torch.rand(1, 6, 4, 4)
    names = [name for name in CHEAP_SCORES if SCORES[name].needs <= VAE.abilities]
    with _counted(model.encoder, model.decoder.layers) as counts, torch.no_grad():
        output = model.reconstruct(x)
        for name in names:
            SCORES[name]()(output)
    assert _passes(counts) == 1.0
    assert {SCORES[name].passes for name in CHEAP_SCORES} == {1.0}


def test_noise_error_is_a_pass_for_each_step_and_draw() -> None:
    model = Diffusion((4, 4), [0], hidden_sizes=(5,))
    with _counted(model.denoiser.network) as counts, torch.no_grad():
        SCORES["noise-error"]()(model.reconstruct(torch.rand(1, 6, 4, 4)))
    assert SCORES["noise-error"].passes == counts["forward"] == 20
