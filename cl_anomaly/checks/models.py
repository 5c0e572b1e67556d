"""Checks that every model must pass."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.checks.small import by_name, expect, same
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models import Model
from cl_anomaly.models.base import (
    ABILITIES,
    BACKGROUND,
    DENSITY,
    DISTANCES,
    GENERATE,
    HIDDEN,
    LIKELIHOOD,
    NOISE,
    POSTERIOR,
    RECONSTRUCT,
)
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.models.shared.fisher import squared_gradients
from cl_anomaly.scores import SCORES

SEEDS = [3, 7]
_FEATURES = (4, 4)


def _made(make: type[Model], seeds: list[int] = SEEDS) -> Model:
    return make(_FEATURES, seeds)


def _samples(seed: int = 0) -> Tensor:
    return torch.rand(2, 5, *_FEATURES, generator=torch.Generator().manual_seed(seed))


def _taught(model: Model, replicas: Sequence[int] = (0, 1)) -> Model:
    """Let a model begin two tasks; some replicas learn them, if that needs no training."""
    for task in (1, 2):
        model.begin_task(task)
    if isinstance(model, ClosedForm):
        for task, replica in product((1, 2), replicas):
            x = (task * _samples(task)[replica] / 2).sqrt()
            model.learn(replica, [model.features_of(x, replica)], anew=False)
    return model


def _loss(model: Model) -> Tensor:
    return model.loss(_samples(), ReplicaRandom(SEEDS, "noise"))


def its_loss_is_one_number_for_each_sample(make: type[Model]) -> None:
    """Losses are (R, B), float32, finite; a model that learns in closed form has none."""
    if issubclass(make, ClosedForm):
        return
    loss = _loss(_made(make))
    expect(loss.shape == (2, 5), f"Expected losses (2, 5), but got {tuple(loss.shape)}.")
    right = loss.dtype == torch.float32 and bool(loss.isfinite().all())
    expect(right, "Expected losses that are finite numbers in float32.")


def its_replicas_do_not_touch_each_other(make: type[Model]) -> None:
    """The loss of one replica has gradients in its own weights alone."""
    model = _made(make)
    if isinstance(model, ClosedForm):
        return _check_apart(_taught(model), _taught(_made(make), [1]))
    _loss(model)[0].sum().backward()
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        if gradient is None or not gradient[0].any():
            raise AssertionError(f"Expected {name} to have a gradient, but it has none.")
        expect(not gradient[1].any(), f"Expected no gradient in {name} of the other replica.")


def _check_apart(both: Model, second: Model) -> None:
    """Check that the second replica has learnt the same beside the first, and without it."""
    one, other = (
        [replicas[1] for replicas in model.state_dict().values()] for model in (both, second)
    )
    expect(same(one, other), "Expected a replica to learn the same beside others that learn, too.")


def what_it_learns_goes_with_its_state(make: type[Model]) -> None:
    """A new model that loads `state_dict` is the same."""
    model, other = _taught(_made(make)), _made(make)
    other.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()})
    agree = same([*model.state_dict().values()], [*other.state_dict().values()])
    expect(agree, "Expected a model to load what another one's `state_dict` gives.")


def its_seeds_start_the_same_alone_or_among_others(make: type[Model]) -> None:
    """First weights are drawn from each replica's own seed."""
    among, alone = (list(_made(make, seeds).parameters()) for seeds in (SEEDS, SEEDS[1:]))
    expect(
        same([replicas[1:] for replicas in among], alone),
        "Expected seed 7 to start as it does alone.",
    )


def its_reconstruction_draws_nothing(make: type[Model]) -> None:
    """The same samples have the same reconstruction, in their own shape."""
    model, x = _made(make), _samples()
    if RECONSTRUCT not in model.abilities:
        return
    one, other = model.reconstruct(x), model.reconstruct(x)
    expect(one.means.shape == x.shape, f"Expected reconstructions {tuple(x.shape)}.")
    expect(torch.equal(one.means, other.means), "Expected the same reconstruction twice.")


def it_can_do_what_it_says(make: type[Model]) -> None:
    """Abilities are those of ABILITIES, and each is there."""
    model, x = _taught(_made(make)), _samples()
    unknown = model.abilities - set(ABILITIES)
    expect(not unknown, f"Expected abilities among {', '.join(ABILITIES)}, but got {unknown}.")
    output: Any = model.reconstruct(x)
    needed = {
        LIKELIHOOD: ["negative_log_likelihood"],
        DENSITY: ["negative_log_likelihood"],
        POSTERIOR: ["kl", "loss"],
        NOISE: ["noise_error"],
        BACKGROUND: ["background"],
    }
    for ability, quantities in needed.items():
        for quantity in quantities if ability in model.abilities else []:
            shape = tuple(getattr(output, quantity).shape)
            expect(shape == (2, 5), f"Expected {quantity} to be (2, 5), but got {shape}.")
    if DISTANCES in model.abilities:
        own = output.distances
        right = own.shape == (2, 5, 2) and bool((own >= 0).all())
        expect(right, "Expected distances from two tasks, (2, 5, 2), 0 or more.")
    if HIDDEN in model.abilities:
        layers = [*output.hidden, *output.hidden_of_means]
        right = bool(layers) and all(own.shape[:2] == (2, 5) and own.dim() == 3 for own in layers)
        expect(right, "Expected the activations of one layer or more, (2, 5, units) each.")


def its_samples_are_like_data(make: type[Model]) -> None:
    """Generated samples have the shape and the range of samples, and vary."""
    model = _made(make)
    if GENERATE not in model.abilities:
        return
    samples = model.generator().generate(50, ReplicaRandom(SEEDS, "replay"))
    right = samples.shape == (2, 50, *_FEATURES) and samples.dtype == torch.float32
    expect(right, "Expected samples (2, 50, 4, 4), float32.")
    expect(0 <= samples.min() < samples.max() <= 1, "Expected samples in [0, 1] that vary.")


def its_default_score_is_one_that_it_allows(make: type[Model]) -> None:
    """A run without `--score` works."""
    score, known = make.default_score, ", ".join(SCORES)
    expect(score in SCORES, f"Expected a `default_score` among {known}, but got {score!r}.")
    lacking = SCORES[score].needs - make.abilities
    expect(not lacking, f"Expected a `default_score` that it allows, but {score} needs {lacking}.")


def its_fisher_information_is_known(make: type[Model]) -> None:
    """The strategy `ewc` needs every sample's own gradient, squared, of each parameter."""
    model = _made(make)
    if isinstance(model, ClosedForm):
        return
    squared = squared_gradients(model, _samples(), ReplicaRandom(SEEDS, "noise"), torch.ones(2, 5))
    for name, parameter in model.named_parameters():
        fisher = squared[name]
        right = fisher.shape == parameter.shape and bool((fisher >= 0).all()) and bool(fisher.any())
        expect(right, f"Expected squared gradients of {name} in its shape, not all of them 0.")


MODEL_CHECKS = by_name(
    its_loss_is_one_number_for_each_sample,
    its_replicas_do_not_touch_each_other,
    its_seeds_start_the_same_alone_or_among_others,
    what_it_learns_goes_with_its_state,
    its_reconstruction_draws_nothing,
    it_can_do_what_it_says,
    its_samples_are_like_data,
    its_default_score_is_one_that_it_allows,
    its_fisher_information_is_known,
)
