from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.randomness import ReplicaRandom, ShuffledIndices, StepRandom, generator

# Sizes that change in between, as the size of a batch with replay does; some are larger than what
# is drawn ahead at once.
CHANGING = [(64, 16), (3,), (64, 16), (), (2, 3, 4), (400, 400), (64, 16), (5,), (7,), (5,)]


def draws(random: ReplicaRandom, sizes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Draw one size after another; random numbers for steps, one at each step."""
    drawn = []
    for size in sizes:
        if isinstance(random, StepRandom):
            random.next_step()
        drawn.append(random.normal(*size).clone())
    return drawn


KINDS = pytest.mark.parametrize("kind", [ReplicaRandom, StepRandom])


@KINDS
@pytest.mark.parametrize(
    "sizes",
    [[(64, 16)] * 300, [(1,)] * 50, [()] * 50, [(16,)] * 50, [(17,)] * 50, CHANGING * 3],
    ids=["batches", "single", "scalars", "16", "17", "changing"],
)
@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_seed_draws_the_same_alone_and_among_others(
    sizes: list[tuple[int, ...]], place: int, kind: type[ReplicaRandom]
) -> None:
    seeds = list(range(20, 29))
    seeds.insert(place, 7)
    alone = draws(kind([7], "noise", 1), sizes)
    among = draws(kind(seeds, "noise", 1), sizes)
    for one, ten, size in zip(alone, among, sizes, strict=True):
        assert one.shape == (1, *size) and ten.shape == (10, *size)
        assert one.dtype == ten.dtype == torch.float32
        assert torch.equal(one[0], ten[place])


@KINDS
def test_numbers_are_drawn_once(kind: type[ReplicaRandom]) -> None:
    # Across the end of a block, too: 131,072 numbers are drawn ahead, 128 batches of this size.
    drawn = torch.cat(draws(kind([7], "noise"), [(64, 16)] * 300)).flatten()
    # 300,000 numbers of 24 bits repeat a few times by chance, a block repeats every one of them.
    assert len(drawn.unique()) > 0.9 * len(drawn)
    rows = drawn.view(300, -1)
    assert len(rows.unique(dim=0)) == 300


@pytest.mark.parametrize(
    ("seed", "stream"),
    [(8, ("noise", 1)), (7, ("noise", 2)), (7, ("order", 1)), (7, ("noise",)), (71, ("noise",))],
)
def test_seeds_streams_and_tasks_differ(seed: int, stream: tuple[str | int, ...]) -> None:
    one = ReplicaRandom([7], "noise", 1).normal(1000)
    other = ReplicaRandom([seed], *stream).normal(1000)
    # Not only unequal: unrelated. 0.15 is five standard deviations of chance.
    assert abs(torch.corrcoef(torch.cat([one, other]))[0, 1]) < 0.15


def test_replicas_differ() -> None:
    numbers = ReplicaRandom(range(5), "noise").normal(1000)
    assert (torch.corrcoef(numbers) - torch.eye(5)).abs().max() < 0.15


@KINDS
def test_numbers_are_standard_normal(kind: type[ReplicaRandom]) -> None:
    numbers = torch.cat(draws(kind(range(4), "noise"), [(64, 16)] * 250), dim=1)
    values = numbers.reshape(4, -1).double()
    # 256,000 each: the standard error of the mean is 0.002, of the variance 0.003.
    assert values.mean(dim=1).abs().max() < 0.01
    assert (values.var(dim=1) - 1).abs().max() < 0.015
    # As many within one standard deviation as the normal distribution has there.
    assert ((values.abs() < 1).double().mean(dim=1) - 0.6827).abs().max() < 0.005


def test_the_same_generator_every_time() -> None:
    def numbers(*stream: str | int) -> list[int]:
        return torch.randint(2**31, (4,), generator=generator(7, *stream)).tolist()

    assert numbers("a", 1) == numbers("a", 1)
    # The parts of a stream's name stay apart.
    assert len({tuple(numbers(*s)) for s in [("a", 1), ("a1",), ("a", "1"), (1, "a")]}) == 4


@pytest.mark.parametrize("take", [[4], [10], [1], [3, 7, 1, 13], [25], [10, 20, 5]], ids=str)
def test_every_index_comes_once_in_a_pass(take: list[int]) -> None:
    indices = torch.arange(100, 110)
    shuffled = ShuffledIndices(indices, generator(7, "order"))
    parts = [shuffled.take(count) for _ in range(20) for count in take]
    assert [len(part) for part in parts] == take * 20
    stream = torch.cat(parts)
    assert stream.dtype == torch.int64
    passes = stream[: len(stream) // 10 * 10].view(-1, 10)
    assert torch.equal(passes.sort(dim=1).values, indices.expand(len(passes), 10))
    # The last pass has begun, and repeats nothing either.
    rest = stream[passes.numel() :]
    assert len(rest.unique()) == len(rest)


def test_every_pass_has_another_order() -> None:
    shuffled = ShuffledIndices(torch.arange(50), generator(7, "order"))
    passes = {tuple(shuffled.take(50).tolist()) for _ in range(10)}
    assert len(passes | {tuple(range(50))}) == 11


def test_the_order_does_not_depend_on_the_size_of_batches() -> None:
    def stream(*counts: int) -> list[int]:
        shuffled = ShuffledIndices(torch.arange(10), generator(7, "order"))
        return torch.cat([shuffled.take(count) for count in counts]).tolist()

    assert stream(60) == stream(*[1] * 60) == stream(7, 25, 10, 18)


def test_one_index_may_be_taken_many_times() -> None:
    assert ShuffledIndices(torch.tensor([5]), generator(7)).take(3).tolist() == [5, 5, 5]


def test_indices_are_given_with_their_repetitions() -> None:
    shuffled = ShuffledIndices(torch.tensor([5, 5, 8]), generator(7))
    assert shuffled.take(3).sort().values.tolist() == [5, 5, 8]


def test_taking_nothing_changes_nothing() -> None:
    shuffled, other = (ShuffledIndices(torch.arange(10), generator(7)) for _ in range(2))
    assert len(shuffled.take(0)) == 0
    assert torch.equal(shuffled.take(10), other.take(10))


def test_seeds_have_orders_of_their_own() -> None:
    one, other = (ShuffledIndices(torch.arange(100), generator(s, "order")) for s in (1, 2))
    assert not torch.equal(one.take(100), other.take(100))


@KINDS
def test_integers_are_each_replicas_own(kind: type[ReplicaRandom]) -> None:
    among, alone = kind([3, 7, 11], "pick"), kind([7], "pick")
    for _ in range(3):
        for random in (among, alone):
            if isinstance(random, StepRandom):
                random.next_step()
        drawn = among.integers(5, 1000)
        assert drawn.shape == (3, 1000)
        assert set(drawn[0].tolist()) == {0, 1, 2, 3, 4}
        assert torch.equal(drawn[1], alone.integers(5, 1000)[0])
        assert not torch.equal(drawn[0], drawn[1])


def test_every_draw_of_a_step_keeps_its_tensor_and_gets_new_numbers() -> None:
    random = StepRandom([7, 8], "strategy")
    places, values = set(), []
    for _ in range(300):
        random.next_step()
        drawn = [random.normal(64, 16), random.integers(10**9, 5), random.normal(64, 16)]
        places.add(tuple(numbers.data_ptr() for numbers in drawn))
        values += [tuple(drawn[0][:, 0, 0].tolist()), tuple(drawn[1][:, 0].tolist())]
        values += [tuple(drawn[2][:, 0, 0].tolist())]
    assert len(places) == 1 and len(next(iter(places))) == len(set(next(iter(places))))
    assert len(set(values)) == 900
