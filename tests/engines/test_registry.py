"""Engines by name: what is wrong with one is said before anything is loaded."""

from importlib.machinery import ModuleSpec

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.engines import registry as names
from cl_anomaly.engines.registry import engine_options, find_engine
from tests.support.command import cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--engine moon", "Expected `--engine` to be one of local, ray, slurm, but got 'moon'."),
        ("--address auto", "Expected `--address` with the engine ray, but the engine is local."),
        ("--engine.pack 3", "Expected no option, as the engine local has none, but got `--engine"),
        ("--engine slurm --engine.pack 0", "Expected `--engine.pack` of the engine slurm to be a"),
        ("--engine slurm --engine.pak 2", "Did you mean `--engine.pack`?"),
        ("--engine ray --engine.common-disk maybe", "to be one of auto, no, but got 'maybe'"),
    ],
)
@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_mistake_is_named(command: str, arguments: str, said: str) -> None:
    done = cli(command, "--dataset", "digits", *arguments.split())
    assert done.code == 2
    assert said in done.err


def test_options_are_read_from_text() -> None:
    engine = find_engine("slurm", {"minutes": 30.0, "pack": 4, "cluster": "local"}, workers=3)
    assert engine.at_a_time == 3


def test_options_are_explained() -> None:
    done = cli("bench", "--engine", "slurm", "--help")
    assert "Options of the engine slurm" in done.out
    assert "--engine.warning-seconds" in done.out
    assert all(option.help for name in ("ray", "slurm") for option in engine_options(name))


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(names, "find_spec", find_none)
    with pytest.raises(InputError, match=r"pip install 'cl-anomaly\[ray\]'"):
        find_engine("ray", {})
    find_engine("local", {})
