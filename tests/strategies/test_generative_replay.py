import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom, StepRandom
from cl_anomaly.models.vae import Decoder
from cl_anomaly.strategies.gr import GenerativeReplay
from cl_anomaly.training import learner
from tests.support.learning import learn, prepare, small_scenario, vae_of


def _after_first_task(strategy: GenerativeReplay, seeds: list[int]) -> GenerativeReplay:
    scenario = small_scenario()
    prepare(strategy, scenario, seeds)
    learn(strategy, [scenario] * len(seeds), seeds, 1)
    return strategy


def test_first_task_has_nothing_to_replay() -> None:
    strategy = prepare(GenerativeReplay(), small_scenario(), [0])
    x = torch.rand(1, 8, 3, 3)
    assert strategy.extend(x) is x


@pytest.mark.parametrize(
    ("ratio", "task", "replayed"),
    [
        *(("proportional", 2, 8), ("proportional", 5, 32), (1.0, 5, 8), (0.5, 5, 4)),
        # Rounded, and not cut off: 1.6, 6.4 and 11.76 for each 8; and never none.
        *((0.2, 5, 2), (0.8, 5, 6), (1.47, 2, 12), (0.01, 5, 1)),
    ],
)
def test_how_many_are_replayed(ratio: float, task: int, replayed: int) -> None:
    strategy = _after_first_task(GenerativeReplay(ratio), [0, 1])
    strategy.task_number = task
    assert strategy.extend(torch.rand(2, 8, 3, 3)).shape == (2, 8 + replayed, 3, 3)


def test_replay_is_the_previous_decoders_means_of_standard_normal_codes() -> None:
    strategy = _after_first_task(GenerativeReplay(1.0), [0, 1])
    codes = []
    draw = strategy.random.normal
    strategy.random.normal = lambda *size: codes.append(draw(*size)) or codes[-1]  # type: ignore[func-returns-value]
    strategy.task_number = 2
    replayed = strategy.extend(torch.rand(2, 8, 3, 3))[:, 8:]
    torch.testing.assert_close(replayed, vae_of(strategy).decoder.means(codes[0]))


def test_never_asks_for_a_past_tasks_samples() -> None:
    scenario = small_scenario()
    strategy = prepare(GenerativeReplay(), scenario, [0, 1])
    for number, task in enumerate(scenario.tasks, 1):
        strategy.samples.__dict__["asked"] = []
        learn(strategy, [scenario] * 2, [0, 1], number)
        asked = torch.cat([batch.flatten() for batch in strategy.samples.__dict__["asked"]])
        assert set(asked.tolist()) == set(task.indices.tolist())


def test_training_does_not_change_the_earlier_decoder() -> None:
    scenario = small_scenario()
    strategy = GenerativeReplay()
    prepare(strategy, scenario, [0])
    learn(strategy, [scenario], [0], 1)
    kept = strategy.previous
    assert kept is not None
    before = {name: value.clone() for name, value in kept.state_dict().items()}
    after_task = strategy.after_task
    strategy.after_task = lambda tasks: None  # type: ignore[method-assign]
    learn(strategy, [scenario], [0], 2)
    strategy.after_task = after_task  # type: ignore[method-assign]
    assert strategy.previous is kept
    for name, value in kept.state_dict().items():
        assert torch.equal(value, before[name])
        assert not torch.equal(value, vae_of(strategy).decoder.state_dict()[name])
    assert not any(parameter.requires_grad for parameter in kept.parameters())


def test_after_each_task_the_decoder_is_the_newest() -> None:
    strategy = _after_first_task(GenerativeReplay(), [0])
    assert strategy.previous is not None
    for ours, models in zip(
        strategy.previous.parameters(), vae_of(strategy).decoder.parameters(), strict=True
    ):
        assert torch.equal(ours, models)
        assert ours is not models


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("inf"), float("nan")])
def test_ratio_must_be_above_0(ratio: float) -> None:
    with pytest.raises(InputError, match="ratio"):
        GenerativeReplay(ratio)


def test_replay_is_not_from_the_decoder_in_training() -> None:
    scenario, strategy = small_scenario(), GenerativeReplay(1.0)
    prepare(strategy, scenario, [0, 1])
    learn(strategy, [scenario] * 2, [0, 1], 1)
    strategy.task_number = 2
    strategy.random = ReplicaRandom([0, 1], "codes")
    codes = ReplicaRandom([0, 1], "codes").normal(8, 2)
    expected = vae_of(strategy).decoder.means(codes).detach()
    with torch.no_grad():
        for parameter in strategy.model.parameters():
            parameter.zero_()
    torch.testing.assert_close(strategy.extend(torch.rand(2, 8, 3, 3))[:, 8:], expected)


def test_every_step_replays_other_samples() -> None:
    scenario, strategy = small_scenario(), GenerativeReplay(1.0)
    prepare(strategy, scenario, [0])
    learn(strategy, [scenario], [0], 1)
    strategy.task_number = 2
    first, second = (strategy.extend(torch.zeros(1, 8, 3, 3))[:, 8:] for _ in range(2))
    assert not torch.equal(first, second)


def test_by_default_every_past_task_weighs_what_the_new_one_does() -> None:
    assert GenerativeReplay().ratio == "proportional"


def test_each_step_of_training_replays_the_next_codes_of_its_generator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario, seeds, strategy = small_scenario(), [3, 7], GenerativeReplay()
    prepare(strategy, scenario, seeds)
    learn(strategy, [scenario] * 2, seeds, 1)
    decoder, batches, extend = strategy.previous, [], strategy.extend
    # A rehearsal before the task calls the hooks of a copy too.
    monkeypatch.setattr(learner, "rehearse", lambda *_: None)

    def noting(x: Tensor) -> Tensor:
        batches.append(extend(x))
        return batches[-1]

    strategy.extend = noting  # type: ignore[method-assign]
    learn(strategy, [scenario] * 2, seeds, 2)
    assert isinstance(decoder, Decoder) and len(batches) == 8
    stream = StepRandom(seeds, "strategy", 2)
    for batch in batches:
        stream.next_step()
        torch.testing.assert_close(batch[:, 8:], decoder.means(stream.normal(8, 2)))
    assert len(torch.stack(batches)[:, 0, 8].flatten(1).unique(dim=0)) == 8
