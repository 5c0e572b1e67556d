"""A thousand finished runs and a suite over them: how long the commands take that look at all.

The folders are copies of one real run of digits, each with a configuration, seed, anomaly class and
manifest of its own, so that each passes for the run that it says it is.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pandas as pd
from report import Row
from whole_process import command

from cl_anomaly.api import run
from cl_anomaly.plan.outline import outline_of
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.store.files import publish
from cl_anomaly.suites.suite_file import read_suite_file

# Ten methods, ten anomaly classes, ten seeds.
SUITE = """
title = "A thousand runs"
dataset = "digits"
strategy = "lower"
epochs = 1
device = "cpu"
precision = "float32"
score = "mse"
model_options = { hidden_sizes = [16] }

[each]
anomaly_class = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
seeds = [[0], [1], [2], [3], [4], [5], [6], [7], [8], [9]]
"""
_METHODS = "\n".join(f"[runs.rate{n}]\nlearning_rate = {n / 1000}\n" for n in range(1, 11))


def write_runs(folder: Path) -> Path:
    """Write the runs to `results` in a folder, and give the suite's file."""
    suite, out = folder / "thousand.toml", folder / "results"
    suite.write_text(SUITE + _METHODS, encoding="utf-8")
    members = read_suite_file(suite).members({}, {})
    first = next(iter(members.values()))
    real = run(first.config, out=folder / "first").folder
    assert real is not None  # noqa: S101
    out.mkdir()
    for member in members.values():
        _copy(real, member.config, out)
    return suite


def _copy(real: Path, config: RunConfig, out: Path) -> None:
    outline = outline_of(config)
    plan = outline.plan

    def write(partial: Path) -> None:
        for path in real.iterdir():
            if path.is_file() and not path.name.startswith(".") and path.name != "manifest.json":
                shutil.copy(path, partial)
        own = {"config": plan.config.to_dict(), "environment": plan.environment}
        for name, content in own.items():
            text = json.dumps(content, indent=2)
            (partial / f"{name}.json").write_text(text, encoding="utf-8")
        replica = plan.replicas[0]
        for name in ("metrics.csv", "summary.csv", "losses.csv"):
            table = pd.read_csv(partial / name, dtype=str, keep_default_na=False)
            said = {"anomaly_class": replica.anomaly_class, "seed": replica.seed}
            table = table.assign(**{k: str(v) for k, v in said.items() if k in table})
            table.to_csv(partial / name, index=False)

    folder = out / outline.folder
    folder.mkdir()
    publish(folder, write, complete=True)


def many_runs(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Processor time and wall clock of `runs`, `bench` and `report` over a thousand finished runs.

    To make the suite's folder is a figure of its own.
    """
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        suite = write_runs(folder)
        out = ["--out", str(folder / "results")]
        bench = ["bench", str(suite), *out, "--no-report"]
        processor, wall = _taken(command(*bench))
        detail = f"user and system time, its table made; {wall:.2f} s by the clock"
        yield Row("`cl-anomaly bench SUITE`, 1,000 runs, the first time, s", processor, detail)
        page = ["report", str(folder / "results" / "thousand")]
        for name, arguments in (
            ("runs", ["runs", *out]),
            ("bench SUITE", bench),
            ("report SUITE", page),
        ):
            taken = sorted(_taken(command(*arguments)) for _ in range(repeats))
            processor, wall = taken[len(taken) // 2]
            detail = f"user and system time; {wall:.2f} s by the clock"
            yield Row(f"`cl-anomaly {name}`, 1,000 runs, s", processor, detail, at_most=3.0)


def _taken(arguments: list[str]) -> tuple[float, float]:
    """Run a command; give its seconds of processor time and by the clock."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(arguments, check=True, capture_output=True, env=os.environ)  # noqa: S603
    wall, after = perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
