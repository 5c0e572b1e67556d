import pytest
import torch

from cl_anomaly.learner import side_by_side

CPU = torch.device("cpu")


# 48 MiB hold three replicas of a million weights, of 16 bytes each.
@pytest.mark.parametrize(
    ("replicas", "weights", "groups"),
    [
        (1, 10**6, [1]),
        (3, 10**6, [3]),
        (4, 10**6, [2, 2]),
        (7, 10**6, [3, 2, 2]),
        (10, 10**6, [3, 3, 2, 2]),
        (10, 1000, [10]),
        (2, 10**9, [1, 1]),
    ],
)
def test_a_processor_trains_as_many_as_its_cache_holds(
    replicas: int, weights: int, groups: list[int]
) -> None:
    assert side_by_side(replicas, weights, CPU) == groups
    assert sum(groups) == replicas


def test_a_gpu_trains_all_at_once() -> None:
    assert side_by_side(100, 10**7, torch.device("cuda")) == [100]
