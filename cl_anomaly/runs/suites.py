"""Suites: sets of runs to compare, from a TOML file or from names of strategies."""

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cl_anomaly.config import RunConfig, checked_settings, is_text
from cl_anomaly.errors import InputError
from cl_anomaly.runs.look_up import looked_up


@dataclass(frozen=True)
class Suite:
    """Runs to compare.

    Attributes:
        shared: settings of `RunConfig` that all runs have in common.
        runs: each run's own settings, by the name of its line in the figure.
        file: that they were read from.
    """

    shared: dict[str, Any]
    runs: dict[str, dict[str, Any]]
    file: Path | None = None

    def content(self) -> dict[str, Any]:
        """Give what `read_suite` reads."""
        return {**self.shared, "runs": self.runs}

    def configs(self, settings: dict[str, Any]) -> dict[str, RunConfig]:
        """Make each run's configuration.

        Args:
            settings: take the place of those that the runs share, not of a run's own.

        Raises:
            InputError: a run has a setting or an option that does not exist, or of the wrong type.
        """
        configs = {}
        for name, own in self.runs.items():
            try:
                configs[name] = RunConfig(**checked_settings(self.shared | settings | own))
                looked_up(configs[name])
            except InputError as error:
                start = f"{self.file}, run" if self.file else "Run"
                raise InputError(f"{start} {name!r}: {error}") from error
        return configs


def suite_of(strategies: list[str]) -> Suite:
    """Make the suite that runs each of these strategies with its defaults.

    Raises:
        InputError: two of them would have the same name.
    """
    runs = {name.rpartition(":")[2]: {"strategy": name} for name in strategies}
    if len(runs) < len(strategies):
        raise InputError(
            f"Expected `strategies` with different names, but got {', '.join(strategies)}. A suite "
            f"(`--suite FILE`) names its runs itself."
        )
    return Suite({}, runs)


def suite_from(configs: Mapping[str, RunConfig]) -> Suite:
    """Make the suite of these runs: what all have in common is shared, so that flags change it."""
    settings = {name: config.to_dict() for name, config in configs.items()}
    first = next(iter(settings.values()))
    shared = {k: v for k, v in first.items() if all(own[k] == v for own in settings.values())}
    runs = {
        name: {k: v for k, v in own.items() if k not in shared} for name, own in settings.items()
    }
    return Suite(shared, runs)


def read_suite(path: Path) -> Suite:
    """Read a suite from TOML, or from the `config.json` of a comparison.

    At the top stand settings that all runs share; under `[runs.NAME]` those of one run.

    Raises:
        InputError: the file is missing, is neither, names no runs, or an unknown setting.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"Expected {path} to be a suite, a TOML file, but: {error}.") from error
    runs = content.pop("runs", None) if isinstance(content, dict) else None
    if (
        not isinstance(runs, dict)
        or not runs
        or not all(isinstance(r, dict) for r in runs.values())
    ):
        raise InputError(f"Expected {path} to name its runs in tables such as [runs.gr].")
    for name in runs:
        if not is_text(name):
            raise InputError(f"Expected the runs of {path} to have names, but got {name!r}.")
    try:
        checked_settings(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Suite(content, runs, path)


def check_flags(suite: Suite, given: Collection[str]) -> None:
    """Refuse flags that a suite would not obey.

    Args:
        suite: from a file.
        given: the names of settings that flags are given for.

    Raises:
        InputError: a flag names strategies, or a setting that one of the runs has of its own.
    """
    if "strategies" in given:
        raise InputError(
            f"Expected either `--suite` or `--strategies`, but got both: {suite.file} names its "
            f"runs itself, {', '.join(suite.runs)}."
        )
    for run, own in suite.runs.items():
        if settings := [name for name in own if name in given]:
            raise InputError(
                f"Expected flags for what the runs of {suite.file} share, but run {run!r} sets "
                f"`{settings[0]}` itself, and a flag would not change it. Change it in the file, "
                f"or leave the flag out."
            )
