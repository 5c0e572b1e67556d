import torch

from cl_anomaly.strategies.upper import Upper
from tests.support.learning import learn, prepare, small_scenario


def test_sees_every_task_so_far_once_an_epoch() -> None:
    scenario = small_scenario()
    strategy = prepare(Upper(), scenario, [0])
    learn(strategy, [scenario], [0], 1)
    strategy.samples.asked.clear()  # type: ignore[attr-defined]
    learn(strategy, [scenario], [0], 2)
    asked = torch.cat([batch.flatten() for batch in strategy.samples.asked])  # type: ignore[attr-defined]
    # 20 + 30 samples, twice, and the last batch of 8 filled up from a third pass.
    expected = set(torch.cat([task.indices for task in scenario.tasks[:2]]).tolist())
    counts = torch.bincount(asked)[sorted(expected)]
    assert set(asked.tolist()) == expected
    assert len(asked) == 104
    assert counts.min() == 2 and counts.sum() == 104


def test_forgets_no_task_however_many_there_are() -> None:
    tasks = small_scenario().tasks
    found = Upper().training_indices(tasks[2], tasks)
    expected = torch.cat([task.indices for task in tasks])
    assert len(tasks) == 3 and torch.equal(found.sort().values, expected.sort().values)
