import pytest
import torch

from cl_anomaly.training.groups import group_sizes

CPU = torch.device("cpu")


# 48 MiB hold three replicas of a million weights, of 16 bytes each.
@pytest.mark.parametrize(
    ("replicas", "weights", "threads", "groups"),
    [
        (1, 10**6, 1, [1]),
        (3, 10**6, 1, [3]),
        (4, 10**6, 1, [2, 2]),
        (7, 10**6, 1, [3, 2, 2]),
        (10, 10**6, 1, [3, 3, 2, 2]),
        (10, 1000, 1, [10]),
        (2, 10**9, 1, [1, 1]),
        (1, 1000, 2, [1]),
        (3, 1000, 2, [2, 1]),
        (7, 10**6, 2, [2, 2, 2, 1]),
        (10, 10**6, 2, [3, 3, 2, 2]),
        (3, 1000, 16, [1, 1, 1]),
    ],
)
def test_a_group_is_what_the_cache_holds_and_threads_have_as_many(
    replicas: int, weights: int, threads: int, groups: list[int]
) -> None:
    assert group_sizes([(64,)] * replicas, 16 * weights, CPU, threads) == groups
    assert sum(groups) == replicas


def test_a_gpu_trains_all_at_once() -> None:
    assert group_sizes([(64,)] * 100, 10**7, torch.device("cuda"), 8) == [100]


def test_replicas_with_other_batches_are_in_other_groups() -> None:
    batches = [(64, 9)] * 3 + [(9, 64)] * 2 + [(64, 9)]
    assert group_sizes(batches, 16, torch.device("cuda"), 8) == [3, 2, 1]
    assert group_sizes(batches, 16, CPU, 1) == [3, 2, 1]
    assert group_sizes(batches, 16, CPU, 2) == [2, 1, 1, 1, 1]
