from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies import Strategy, find_strategy, strategies
from cl_anomaly.strategies.ewc import EWC
from cl_anomaly.strategies.lower import Lower
from tests.support.learning import learn, prepare, small_scenario, weights


def test_hooks_do_nothing_until_they_are_overridden() -> None:
    scenario, strategy, x = small_scenario(), Strategy(), torch.rand(1, 4, 3, 3)
    task = scenario.tasks[1]
    assert torch.equal(strategy.training_indices(task, scenario.tasks[:2]), task.indices)
    assert strategy.extend(x) is x
    assert strategy.penalty(torch.rand(1, 8, 3, 3)) == 0
    assert strategy.state_dict() == {}
    strategy.after_task([task])
    strategy.load_state_dict({})
    assert strategy.kept == {}


def test_base_class_is_the_lower_bound() -> None:
    scenario = small_scenario()
    results = []
    for cls in (Strategy, Lower):
        strategy = prepare(cls(), scenario, [0])
        for number in (1, 2):
            learn(strategy, [scenario], [0], number)
        results.append(weights(strategy))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


class Plain(Strategy):
    pass


class Freezes(Strategy):
    def before_task(self, tasks: Sequence[Task]) -> None:
        pass


class Keeps(Strategy):
    needs_boundaries = False

    def after_task(self, tasks: Sequence[Task]) -> None:
        pass


class SeesAll(Strategy):
    def training_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
        return torch.cat([past.indices for past in seen])


class KeepsMore(Keeps):
    """Has no hook of its own."""


class KeepsAnew(Keeps):
    def after_task(self, tasks: Sequence[Task]) -> None:
        pass


class _Mixin:
    def after_task(self, tasks: Sequence[Task]) -> None:
        pass


class Mixed(_Mixin, Strategy):
    pass


@pytest.mark.parametrize(
    ("cls", "boundaries", "samples"),
    [
        (Strategy, False, False),
        (Plain, False, False),
        (Freezes, True, False),
        (Keeps, False, False),
        (SeesAll, False, True),
        (KeepsMore, False, False),
        (KeepsAnew, True, False),
        (Mixed, True, False),
    ],
)
def test_hooks_say_what_a_strategy_needs_and_keeps(
    cls: type[Strategy], boundaries: bool, samples: bool
) -> None:
    assert (cls.needs_boundaries, cls.stores_samples) == (boundaries, samples)


def test_what_the_built_in_strategies_need_and_keep() -> None:
    found = strategies()
    keeping = {name for name, cls in found.items() if cls.stores_samples}
    free = {name for name, cls in found.items() if not cls.needs_boundaries}
    # Those of other files may come to these; these stay what they are.
    assert keeping >= {"upper", "joint", "replay", "der", "agem"}
    assert not keeping & {"lower", "gr", "ewc", "l2"}
    assert free >= {"lower", "upper", "joint", "replay", "der", "agem"}
    assert not free & {"gr", "ewc", "l2"}


def test_lower_bound_sees_the_new_task_alone() -> None:
    scenario = small_scenario()
    strategy = prepare(Lower(), scenario, [0])
    for number in (1, 2):
        learn(strategy, [scenario], [0], number)
        asked = torch.cat([batch.flatten() for batch in strategy.samples.asked])  # type: ignore[attr-defined]
        strategy.samples.asked.clear()  # type: ignore[attr-defined]
        assert set(asked.tolist()) == set(scenario.tasks[number - 1].indices.tolist())


def test_strategies_are_found_by_their_names() -> None:
    assert {"lower", "upper", "gr", "ewc"} <= set(strategies())
    assert find_strategy("ewc") is EWC


def test_name_is_the_class_unless_given() -> None:
    class MyStrategy(Strategy):
        pass

    assert MyStrategy.name == "MyStrategy"
    assert EWC.name == "ewc"


def test_strategy_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from cl_anomaly.strategies import Strategy\n"
        "class Mine(Strategy):\n"
        "    def __init__(self, share: float = 0.5) -> None:\n"
        "        self.share = share\n"
    )
    cls = find_strategy(f"{file}:Mine")
    assert cls.name == "Mine"
    assert cls().share == 0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "named", "expected"),
    [
        (None, "Mine", "there is no file"),
        ("raise ValueError('broken on purpose')", "Mine", "broken on purpose"),
        ("def f(:", "Mine", "SyntaxError"),
        ("class Other: pass", "Mine", "class Mine"),
        ("class Mine: pass", "Mine", "subclass of cl_anomaly.strategies.Strategy"),
    ],
)
def test_file_that_holds_no_such_strategy(
    tmp_path: Path, content: str | None, named: str, expected: str
) -> None:
    file = tmp_path / "mine.py"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=expected) as caught:
        find_strategy(f"{file}:{named}")
    assert str(file) in str(caught.value)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(InputError, match=f"{', '.join(sorted(strategies()))}, or.*'nix'"):
        find_strategy("nix")


def _install(folder: Path, entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out what pip leaves of a package that offers a strategy."""
    about = folder / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[cl_anomaly.strategies]\n{entry}\n")
    (folder / "theirs_strategies.py").write_text(
        "from cl_anomaly.strategies import Strategy\n\n\nclass Theirs(Strategy):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(folder))


def test_strategy_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "theirs = theirs_strategies:Theirs", monkeypatch)
    assert find_strategy("theirs").__name__ == "Theirs"
    assert strategies()["theirs"] is find_strategy("theirs")


@pytest.mark.parametrize(
    "entry",
    ["broken = no_such_module:X", "broken = theirs_strategies:Nix", "broken = theirs_strategies"],
)
def test_broken_package_is_named_and_breaks_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    _install(tmp_path, entry, monkeypatch)
    with pytest.raises(InputError, match=entry.split(" = ")[1]):
        find_strategy("broken")
    assert find_strategy("ewc") is EWC
    with pytest.raises(InputError, match=", broken, "):
        find_strategy("nix")
