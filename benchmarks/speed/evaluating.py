"""Evaluation after a task, against a forward pass over the same samples."""

from collections.abc import Iterator

import torch
from clock import in_turns, seconds
from report import Row
from training import Ours

from cl_anomaly.scores import CHEAP_SCORES, SCORES, make_scores
from cl_anomaly.scores.scoring import GroupPlaces, score_samples
from cl_anomaly.settings.run_config import RunConfig


def evaluation(config: RunConfig, repeats: int) -> Iterator[Row]:
    """All cheap scores of the test set and all their AUROCs, one replica."""
    ours = Ours(config, seeds=1, precision="float32")
    ours.seconds_per_sample()  # trained, so that scores are what they are in use
    run, model = ours.run, ours.run.detector.groups.learners[0].strategy.model
    scenario, test = run.plan.scenarios[0], run.plan.dataset.test
    indices = scenario.test_indices
    groups = GroupPlaces(scenario, indices)
    names = [
        name
        for name in CHEAP_SCORES
        if SCORES[name].needs <= model.abilities and not SCORES[name].learns()
    ]

    @torch.no_grad()
    def forward() -> None:
        for chunk in indices.split(250):
            model.reconstruct(test.batch(chunk)[None])

    def scores() -> dict:
        return score_samples(model, test, indices, make_scores(names))

    def all_of_it() -> None:
        for values in scores().values():
            groups.aurocs_after(len(scenario.tasks), values[0])

    contestants = {"forward": forward, "scores": scores, "all": all_of_it}
    measured = in_turns(
        {name: (lambda work=work: seconds(work)) for name, work in contestants.items()}, repeats
    )
    count = f"{len(indices):,} images, one replica, {', '.join(names)}"
    for name, note in (("scores", "scores"), ("all", "scores and all AUROCs")):
        yield Row(
            f"evaluation of {count}: {note} / one forward pass",
            measured[name] / measured["forward"],
            f"{measured[name] * 1e3:.0f} / {measured['forward'] * 1e3:.0f} ms",
            at_most=2,
        )
