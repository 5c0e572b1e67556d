"""What every strategy must do; a new one is found here by itself."""

import pytest
import torch

from cl_anomaly import matrix_products
from cl_anomaly.machine import choose_precision
from cl_anomaly.matrix_products import Way
from cl_anomaly.options import fill_options, options_of, summary
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.strategies import Strategy, strategies
from tests.learning import learn, prepare, small_dataset, small_scenario, weights, with_precision
from tests.recording import recorded_steps

MULTIPLIES_IN_BFLOAT16 = choose_precision("auto", torch.device("cpu")) == torch.bfloat16


def _made(name: str) -> Strategy:
    return strategies()[name]()


@pytest.mark.parametrize("name", strategies())
class TestEveryStrategy:
    def test_parameters_move_in_every_task(self, name: str) -> None:
        scenario = small_scenario()
        strategy = prepare(_made(name), scenario, [0, 1])
        for number in (1, 2, 3):
            before = weights(strategy)
            learn(strategy, [scenario] * 2, [0, 1], number)
            for old, new in zip(before, weights(strategy), strict=True):
                assert not torch.equal(old[0], new[0])
                assert not torch.equal(old[1], new[1])

    def test_seed_sees_the_same_alone_or_among_others(self, name: str) -> None:
        scenario, seeds = small_scenario(), [3, 7, 11]
        among, alone = [], []
        one, other = prepare(_made(name), scenario, seeds), prepare(_made(name), scenario, [7])
        for number in (1, 2, 3):
            learn(one, [scenario] * 3, seeds, number, among)
            learn(other, [scenario], [7], number, alone)
        torch.testing.assert_close(torch.stack(among)[:, 1], torch.cat(alone), rtol=1e-3, atol=1e-3)

    def test_seed_sees_the_same_beside_longer_tasks(self, name: str) -> None:
        # Classes have 20, 30 and 25 samples, so these orders end their tasks at different steps.
        dataset = small_dataset()
        ours, longer = (build_scenario(dataset, 0, order) for order in ([1, 3, 2], [2, 1, 3]))
        one = prepare(_made(name), ours, [7, 8])
        other = prepare(_made(name), ours, [7])
        for number in (1, 2, 3):
            learn(one, [ours, longer], [7, 8], number)
            learn(other, [ours], [7], number)
        for beside, alone in zip(weights(one), weights(other), strict=True):
            torch.testing.assert_close(beside[0], alone[0], rtol=1e-3, atol=1e-3)

    def test_same_seed_twice_gives_the_same_bits(self, name: str) -> None:
        scenario, results = small_scenario(), []
        for _ in range(2):
            strategy = prepare(_made(name), scenario, [0, 1])
            for number in (1, 2):
                learn(strategy, [scenario] * 2, [0, 1], number)
            results.append(weights(strategy))
        for one, other in zip(*results, strict=True):
            assert torch.equal(one, other)
            assert not torch.equal(one[0], one[1])

    def test_state_carries_everything_to_a_new_process(self, name: str) -> None:
        scenario = small_scenario()
        one, other = (prepare(_made(name), scenario, [0, 1]) for _ in range(2))
        for number in (1, 2):
            learn(one, [scenario] * 2, [0, 1], number)
        other.model.load_state_dict(one.model.state_dict())
        state = {key: value.clone() for key, value in one.state_dict().items()}
        if state:
            other.load_state_dict(state)
        for strategy in (one, other):
            learn(strategy, [scenario] * 2, [0, 1], 3)
        for ours, theirs in zip(weights(one), weights(other), strict=True):
            assert torch.equal(ours, theirs)

    def test_visible_samples_come_first_in_the_batch(self, name: str) -> None:
        scenario = small_scenario()
        strategy = prepare(_made(name), scenario, [0, 1])
        learn(strategy, [scenario] * 2, [0, 1], 1)
        strategy.task_number = 2
        x = torch.rand(2, 8, 3, 3)
        extended = strategy.extend(x)
        assert torch.equal(extended[:, :8], x)
        assert not extended.requires_grad

    @pytest.mark.parametrize("way", ["the processor's own", "tensors"])
    def test_learns_in_bfloat16(self, name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        rounds = MULTIPLIES_IN_BFLOAT16 or way == "tensors"
        if way == "tensors":  # which a processor without the instructions emulates
            monkeypatch.setattr(
                matrix_products,
                "processor_way",
                {torch.bfloat16: Way.BFLOAT16_TENSORS, torch.float32: Way.DEFAULT}.__getitem__,
            )
        # Layers wide enough for the library to take its bfloat16 path.
        scenario = small_scenario()
        exact, rough = (prepare(_made(name), scenario, [0], (64,)) for _ in range(2))
        for number in (1, 2):
            learn(exact, [scenario], [0], number)
            learn(rough, [scenario], [0], number, settings=with_precision(torch.bfloat16))
        for one, other in zip(weights(exact), weights(rough), strict=True):
            assert other.dtype == torch.float32
            assert torch.equal(one, other) != rounds
            torch.testing.assert_close(one, other, rtol=0, atol=0.2)

    def test_a_recorded_step_can_be_replayed(self, name: str) -> None:
        # What a GPU does with a CUDA graph: a few steps, one of them recorded, the rest replayed
        # as the list of its operations on the same tensors, with no Python in between.
        scenario, seeds = small_scenario(), [0, 1]
        one, other = (prepare(_made(name), scenario, seeds) for _ in range(2))
        for number in (1, 2, 3):
            learn(one, [scenario] * 2, seeds, number)
            with recorded_steps() as recordings:
                learn(other, [scenario] * 2, seeds, number)
            assert recordings and all(recording.replays for recording in recordings)
            for ours, theirs in zip(weights(one), weights(other), strict=True):
                torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)

    def test_says_what_it_is_and_takes_typed_options(self, name: str) -> None:
        cls = strategies()[name]
        assert summary(cls)
        assert "(" in (cls.__doc__ or ""), "name the source, with its year"
        assert len(fill_options(cls, {})) == len(options_of(cls))
