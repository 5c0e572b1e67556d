"""Evaluation after a task, against a forward pass over the same samples."""

from collections.abc import Iterator

import torch
from clock import in_turns, seconds
from report import Row
from training import Ours

from cl_anomaly.config import RunConfig
from cl_anomaly.evaluation.scores import CHEAP_SCORES, make_scores
from cl_anomaly.evaluation.scoring import auroc_after, score_samples


def evaluation(config: RunConfig, repeats: int) -> Iterator[Row]:
    """All cheap scores of the test set and all their AUROCs, one replica."""
    ours = Ours(config, seeds=1, precision="float32")
    ours.seconds_per_sample()  # trained, so that scores are what they are in use
    run, model = ours.run, ours.run.groups.learners[0].strategy.model
    scenario = run.scenarios[0]

    @torch.no_grad()
    def forward() -> None:
        for chunk in run.test_indices.split(250):
            model.reconstruct(run.test.batch(chunk)[None])

    def scores() -> dict:
        return score_samples(model, run.test, run.test_indices, make_scores(CHEAP_SCORES))

    def all_of_it() -> None:
        for values in scores().values():
            auroc_after(scenario, scenario.tasks[-1], values[0], run.test_labels)

    contestants = {"forward": forward, "scores": scores, "all": all_of_it}
    measured = in_turns(
        {name: (lambda work=work: seconds(work)) for name, work in contestants.items()}, repeats
    )
    count = f"{len(run.test_indices):,} images, one replica, {', '.join(CHEAP_SCORES)}"
    for name, note in (("scores", "scores"), ("all", "scores and all AUROCs")):
        yield Row(
            f"evaluation of {count}: {note} / one forward pass",
            measured[name] / measured["forward"],
            f"{measured[name] * 1e3:.0f} / {measured['forward'] * 1e3:.0f} ms",
            at_most=2,
        )
