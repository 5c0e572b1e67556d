"""Which files of this package a run's identity covers: those that make its numbers."""

import ast
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl_anomaly.core.progress import Progress
from cl_anomaly.plan import build
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.run import Run
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.store import fingerprint
from cl_anomaly.store.fingerprint import MODULES, ROOMS, WITHOUT_NUMBERS, describe_code

PACKAGE = Path(fingerprint.__file__).parents[1]
GR: dict[str, Any] = {"strategy": "gr", "dataset": "digits", "epochs": 1, "task_order": [1, 2]}
TINY: dict[str, Any] = GR | {"model_options": {"hidden_sizes": [4], "latent_size": 2}}


def files_of(**settings: Any) -> set[str]:
    """The files of a run, relative to the package."""
    files = prepare(RunConfig(**settings)).environment["code"]["files"]
    return {name.removeprefix("cl_anomaly/") for name in files}


@pytest.fixture(scope="module")
def arguments() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What code is described by for a run of `gr` on digits."""
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "describe_code", lambda *own, **more: kept.append((own, more)) or {})
        prepare(RunConfig(**GR))
    return kept[0]


def test_a_run_has_few_files_and_each_makes_numbers() -> None:
    own = files_of(**GR)
    assert len(own) <= 56
    assert own >= set(
        "strategies/gr.py strategies/base.py models/vae.py models/shared/layers.py "
        "models/shared/losses.py training/loop.py training/learner.py data/digits.py "
        "data/scaling.py scenarios/class_stream.py scores/reconstruction.py scores/scoring.py "
        "statistics/forgetting.py core/randomness.py core/products.py detector/detector.py "
        "runs/run.py runs/measurements.py plan/replicas.py plan/assemble.py".split()
    )
    others = (
        "data/image_folder.py scenarios/clusters.py training/portion_learner.py results/cost.py"
    )
    assert not own & {*others.split(), "strategies/upper.py", "runs/perform.py"}
    outside = "checks cli engines listeners report results settings store suites".split()
    assert not {name.partition("/")[0] for name in own} & {*outside}


def test_what_the_list_names_exists() -> None:
    for name in ROOMS:
        assert (PACKAGE / name / "__init__.py").exists()
    for name in {*MODULES, *WITHOUT_NUMBERS}:
        assert (PACKAGE / f"{name.replace('.', '/')}.py").exists()
    assert all(name.partition(".")[0] in ROOMS for name in WITHOUT_NUMBERS)


def _edited(monkeypatch: pytest.MonkeyPatch, edit: Any) -> None:
    """Let files of the package read as if they had been edited: by path, relative to it."""
    read = fingerprint._content.__wrapped__
    monkeypatch.setattr(
        fingerprint,
        "_content",
        lambda path: edit(path.relative_to(PACKAGE).as_posix(), read(path)),
    )


def test_each_file_counts_and_nothing_else_is_read(
    arguments: tuple[tuple[Any, ...], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    with monkeypatch.context() as patch:
        _edited(patch, lambda name, content: seen.add(name) or content)
        before = describe_code(*arguments[0], **arguments[1])
    assert {f"cl_anomaly/{name}" for name in seen} == before["files"].keys()
    for edited in sorted(seen):
        with monkeypatch.context() as patch:
            _edited(patch, lambda name, own, e=edited: own + b"\nx = 1\n" * (name == e))
            assert describe_code(*arguments[0], **arguments[1])["sha256"] != before["sha256"]


def _reworded(content: bytes) -> bytes:
    """Change the words of all error messages and docstrings, and comment on every function."""
    text = content.decode()
    for node in ast.walk(ast.parse(text)):
        part = ast.get_source_segment(text, node) if isinstance(node, ast.Raise) else None
        if part:
            text = text.replace(part, part.replace("Expected", "We would rather have had"))
    text = text.replace('"""\n', ' Really."""\n').replace('    """', '    """Say. ')
    return text.replace("\ndef ", "\n\n# A function.\ndef ").encode()


def test_reworded_messages_docstrings_and_comments_change_nothing(
    arguments: tuple[tuple[Any, ...], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = describe_code(*arguments[0], **arguments[1])
    changed = []

    def edit(name: str, content: bytes) -> bytes:
        changed.append(b"rather" in _reworded(content) and _reworded(content) != content)
        return _reworded(content)

    _edited(monkeypatch, edit)
    assert describe_code(*arguments[0], **arguments[1]) == before
    assert sum(changed) > 10, "files with a message that reads otherwise"


def test_figures_tables_pages_and_cost_change_nothing(
    arguments: tuple[tuple[Any, ...], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = describe_code(*arguments[0], **arguments[1])
    others = {
        path.relative_to(PACKAGE).as_posix()
        for room in ("report", "results", "listeners", "cli", "checks", "suites", "settings")
        for path in (PACKAGE / room).rglob("*.py")
    }
    _edited(monkeypatch, lambda name, own: own + b"\nx = 1\n" * (name in others))
    assert len(others) > 50
    assert describe_code(*arguments[0], **arguments[1]) == before


def _executed(settings: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Prepare and execute a run: the numeric files in which a function was called, and its own.

    What is asked for in order to fill in defaults, or for the cost, is left out.
    """
    called: set[str] = set()

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and not frame.f_code.co_name.startswith("<"):
            by = frame.f_back and _module(frame.f_back.f_code.co_filename)
            if (by or "").partition(".")[0] not in ("plan", "results") or by in MODULES:
                called.add(_module(frame.f_code.co_filename) or "")

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        plan = prepare(RunConfig(**settings))
        Run(plan).execute(Progress())
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    files = {name.removeprefix("cl_anomaly/") for name in plan.environment["code"]["files"]}
    numeric = filter(fingerprint._may_make_numbers, (f"cl_anomaly.{own}" for own in called))
    return {own.removeprefix("cl_anomaly.") for own in numeric}, {
        name.removesuffix(".py").replace("/", ".") for name in files
    }


@cache
def _module(file: str) -> str | None:
    path = Path(file)
    if not path.is_relative_to(PACKAGE):
        return None
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


RUNS: dict[str, dict[str, Any]] = {
    "gr": TINY,
    "one class": TINY
    | {
        "strategy": "lower",
        "scenario": "one-class",
        "normal_class": "1",
        "task_order": "ascending",
    },
    "held out, blurred": TINY | {"strategy": "ewc", "held_out": 0.3, "blur": 0.2},
    "clusters": {"strategy": "replay", "dataset": "vectors", "scenario": "clusters", "epochs": 1},
    "agnostic": TINY
    | {"strategy": "replay", "stream": "concept-agnostic", "strategy_options": {"ratio": 1}},
    "closed form": {"strategy": "lower", "model": "gaussians", "score": "log-margin"}
    | {name: GR[name] for name in ("dataset", "task_order")},
    "a score that learns": TINY | {"score": "mahalanobis,nap,iwae", "calibration": 0.2},
}


@pytest.mark.parametrize("name", RUNS)
def test_all_code_of_the_list_that_runs_counts(name: str, tmp_path: Path) -> None:
    settings = dict(RUNS[name])
    if settings["dataset"] == "vectors":
        random, file = np.random.default_rng(0), tmp_path / "vectors.npz"
        x = np.concatenate([random.normal(own, 0.1, (60, 3)) for own in (0, 1, 2)])
        y = np.repeat([0, 0, 1], 60)
        np.savez(file, X=x.astype(np.float32), y=y)
        settings |= {"dataset": str(file), "anomaly_class": 1, "concepts": 2}
    called, own = _executed(settings)
    assert len(called) > 20
    assert called <= own, sorted(called - own)
