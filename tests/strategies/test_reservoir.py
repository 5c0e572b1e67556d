"""Algorithm R: written out as a loop, and uniform."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.strategies.shared.reservoir import Budget, Reservoir

CPU = torch.device("cpu")


def _filled(seeds: list[int], tasks: list[list[Tensor]], slots: int) -> Reservoir:
    """Offer each task's places; what is kept are the places themselves."""
    reservoir = Reservoir({}, CPU)
    for number, indices in enumerate(tasks):
        random = ReplicaRandom(seeds, "reservoir", number)
        places, is_new = reservoir.offer(indices, slots, random)
        reservoir.put("place", places, is_new)
    return reservoir


def test_it_is_algorithm_r_written_out() -> None:
    tasks = [torch.arange(0, 700), torch.arange(700, 3000), torch.arange(3000, 3010)]
    ours = _filled([5], [[own] for own in tasks], slots=50)
    kept, seen = [], 0
    for number, own in enumerate(tasks):
        random = ReplicaRandom([5], "reservoir", number)
        drawn = torch.cat([random.integers(1 << 53, 1024) for _ in range(3)], dim=1)[0]
        for place, whole in zip(own.tolist(), drawn.tolist(), strict=False):
            seen += 1
            if len(kept) < 50:
                kept.append(place)
            elif (slot := int(whole / 2**53 * seen)) < 50:
                kept[slot] = place
    assert ours.kept["place"][0].tolist() == kept
    assert ours.kept["seen"].tolist() == [3010]


def test_every_sample_has_the_same_chance() -> None:
    # 3,000 replicas, 10 of 40 samples each, which came in tasks of 8, 2 and 30.
    parts = torch.arange(40).split([8, 2, 30])
    kept = _filled(list(range(3000)), [[own] * 3000 for own in parts], 10).kept["place"]
    assert (kept.sort(1).values.diff(dim=1) > 0).all()
    # Without replacement, so a count's variance is 1 − 10/40 of that of independent draws, whose
    # statistic is that of 39 degrees of freedom.
    counts = np.bincount(kept.flatten().numpy(), minlength=40)
    statistic = ((counts - 750) ** 2 / 750).sum() / (1 - 10 / 40)
    assert 15 < statistic < 80  # 39 ± 9; of tasks weighed alike it would be thousands


def test_slots_are_drawn_uniformly_from_those_that_are_filled() -> None:
    reservoir = _filled([1, 2], [[torch.arange(3), torch.arange(100, 120)]], slots=10)
    slots = reservoir.draw(30_000, ReplicaRandom([1, 2], "draw"))
    for replica, filled in enumerate((3, 10)):
        counts = np.bincount(slots[replica].numpy())
        assert len(counts) == filled
        assert chisquare(counts).pvalue > 1e-3
    assert (reservoir.take("place", slots)[0] < 3).all()
    assert (reservoir.take("place", slots)[1] >= 100).all()


def test_a_replica_keeps_the_same_beside_others_with_longer_tasks() -> None:
    # Chunks are drawn whole, and the reservoir of the shorter one is no wider than its samples.
    ours, longer = torch.arange(1500), torch.arange(5000)
    alone = _filled([7], [[ours], [ours]], slots=2000)
    beside = _filled([7, 8], [[ours, longer], [ours, longer]], slots=2000)
    assert torch.equal(alone.kept["place"][0], beside.kept["place"][0])
    assert torch.equal(alone.kept["seen"][0], beside.kept["seen"][0])


@pytest.mark.parametrize("name", ["samples", "memory_bytes"])
def test_one_is_the_smallest_budget(name: str) -> None:
    Budget(**{"samples": 500, "memory_bytes": None} | {name: 1})
    with pytest.raises(InputError, match=f"`{name}` to be 1 or more, but got 0"):
        Budget(**{"samples": 500, "memory_bytes": None} | {name: 0})


def test_a_memory_of_one_sample_keeps_one_of_all_with_the_same_chance() -> None:
    kept = _filled(list(range(3000)), [[torch.arange(4)] * 3000], slots=1).kept["place"]
    assert kept.shape == (3000, 1)
    assert chisquare(np.bincount(kept[:, 0].numpy(), minlength=4)).pvalue > 1e-3


def test_budget_in_bytes() -> None:
    assert Budget(500, None).slots(784) == 500
    assert Budget(500, 8 + 784).slots(784) == 1
    assert Budget(500, 10_000).slots(784) == 12
    with pytest.raises(InputError, match="a sample of 784 bytes and a counter of 8, but got 791"):
        Budget(500, 791).slots(784)


def test_fewer_slots_than_before_give_up_the_last() -> None:
    ours, places = Reservoir({}, CPU), [torch.arange(30)]
    for slots in (20, 12):
        indices, is_new = ours.offer(places, slots, ReplicaRandom([0], "t", 1))
        ours.put("place", indices, is_new)
    assert ours.kept["place"].shape == (1, 12)
    assert int(ours.kept["seen"]) == 60
