"""Suites: sets of runs to compare, from a TOML file or from names of strategies."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import listed
from cl_anomaly.data.dataset_names import is_own, short_name
from cl_anomaly.plan.specification import Specification, specify
from cl_anomaly.settings.field_types import parse_seeds
from cl_anomaly.settings.run_config import RunConfig, merged

# Runs that differ in these alone are of one method: they have other replicas.
_OF_REPLICAS = frozenset({"dataset", "anomaly_class", "normal_class", "seeds"})


@dataclass(frozen=True)
class Tuning:
    """The tuning of strategies' options, on data that the table does not report.

    The rule: of all combinations of a run's values, the one with the highest mean headline AUROC
    after the last task, on a held-out part of the training set; of equal ones the first. A grid is
    widened while the choice lies on an edge of it.

    Attributes:
        settings: of `RunConfig`, in place of the suite's.
        grid: by run, the values of its strategy's options.
    """

    settings: dict[str, Any]
    grid: dict[str, dict[str, list[Any]]]

    def candidates(self, run: str) -> dict[str, dict[str, Any]]:
        """List the combinations of a run's options, by a name for each."""
        options = self.grid[run]
        found = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
        return {" ".join(f"{k}={v}" for k, v in own.items()): own for own in found}

    def widened(self, run: str, values: Mapping[str, Any]) -> "Tuning":
        """Add a value to the grid of some of a run's options."""
        own = {k: [*old, values[k]] if k in values else old for k, old in self.grid[run].items()}
        return replace(self, grid=self.grid | {run: own})


@dataclass(frozen=True)
class SuiteRun:
    """A run of a suite.

    Attributes:
        name: of it.
        run: its name under `[runs.NAME]`.
        method: what is compared: that name, and what it takes from `[each]` beside its replicas.
        config: its configuration.
    """

    name: str
    run: str
    method: str
    config: RunConfig


@dataclass(frozen=True)
class Suite:
    """Runs to compare.

    Attributes:
        shared: settings of `RunConfig` that all runs have in common.
        runs: each run's own settings, by the name of its line in the figure.
        file: that they were read from.
        title: a sentence about it.
        each: lists of values of settings; every run takes each combination.
        tuning: how options are chosen.
        pairs: of runs, named in advance, which are tested whoever has the highest AUROC.
    """

    shared: dict[str, Any]
    runs: dict[str, dict[str, Any]]
    file: Path | None = None
    title: str = ""
    each: dict[str, list[Any]] = field(default_factory=dict)
    tuning: Tuning | None = None
    pairs: tuple[tuple[str, str], ...] = ()

    def content(self) -> dict[str, Any]:
        """Return what `read_suite_file` reads, but for title, each, tuning and pairs."""
        return {**self.shared, "runs": self.runs}

    def specifications(self, settings: dict[str, Any]) -> dict[str, Specification]:
        """Check the names and options of every run, see `members` and `specify`."""
        return {key: self.specified(m) for key, m in self.members(settings, {}).items()}

    def members(
        self, settings: dict[str, Any], chosen: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, SuiteRun]:
        """Make every run's configuration with each combination of `each`.

        Args:
            settings: take the place of those that the runs share, not of a run's own.
            chosen: by run, options of its strategy that tuning has chosen.

        Raises:
            InputError: a run has a setting that does not exist, or of the wrong type.
        """
        members = {}
        for combination in self._combinations():
            for run, own in self.runs.items():
                whole = merged(self.shared, settings, combination, own)
                if run in chosen:
                    given = whole.get("strategy_options", {})
                    whole["strategy_options"] = given | dict(chosen[run])
                name, method = _name(run, combination), _name(run, _kinds(combination))
                members[name] = SuiteRun(name, run, method, self._config(run, whole))
        return members

    def named_pairs(self) -> tuple[tuple[str, str], ...]:
        """Name the methods of each pair, once for each combination that makes other methods."""
        found = [
            (_name(one, _kinds(combination)), _name(other, _kinds(combination)))
            for combination in self._combinations()
            for one, other in self.pairs
        ]
        return tuple(dict.fromkeys(found))

    def parted(self, settings: Mapping[str, Any], seeds: int) -> "Suite":
        """Part every run by its seeds, so that each part can be carried out elsewhere.

        Args:
            settings: take the place of those that the runs share.
            seeds: how many a part has; the last may have fewer.

        Raises:
            InputError: a run has seeds of its own, or `[each]` has them.
        """
        own = [f"[runs.{run}]" for run, config in self.runs.items() if "seeds" in config]
        if where := [*own, *["[each]"] * ("seeds" in self.each)]:
            raise InputError(
                f"Expected `--seeds-per-run` with a suite whose runs have the same seeds, but "
                f"{where[0]} of {self.file} has seeds."
            )
        given = settings.get("seeds", self.shared.get("seeds", RunConfig.seeds))
        every = parse_seeds(given)
        parts = [every[first : first + seeds] for first in range(0, len(every), seeds)]
        return self if len(parts) == 1 else replace(self, each=self.each | {"seeds": parts})

    def candidates(self, settings: dict[str, Any]) -> dict[str, dict[str, SuiteRun]]:
        """Make the candidates for a run's options: configurations by run and candidate."""
        found: dict[str, dict[str, SuiteRun]] = {}
        if self.tuning is None:
            return found
        for run in self.tuning.grid:
            own = self.runs[run]
            found[run] = {}
            for name, options in self.tuning.candidates(run).items():
                whole = merged(self.shared, settings, own, self.tuning.settings)
                given = whole.get("strategy_options", {}) | options
                config = self._config(run, whole | {"strategy_options": given})
                found[run][name] = SuiteRun(f"{run} {name}", run, run, config)
        return found

    def _combinations(self) -> list[dict[str, Any]]:
        return [
            dict(zip(self.each, values, strict=True)) for values in product(*self.each.values())
        ]

    def _config(self, run: str, settings: dict[str, Any]) -> RunConfig:
        with self._naming(run):
            return RunConfig(**settings)

    def specified(self, member: SuiteRun) -> Specification:
        """Check a run's names and options, see `specify`.

        Raises:
            InputError: names the run that is at fault.
        """
        with self._naming(member.run):
            return specify(member.config)

    @contextmanager
    def _naming(self, run: str) -> Iterator[None]:
        """Make an `InputError` name the run, and settings as its file does."""
        try:
            yield
        except InputError as error:
            if self.file is not None:
                raise InputError(f"{self.file}, run {run!r}: {error}") from error
            error.where = f"Run {run!r}"
            raise


def suite_name(suite: Suite) -> str:
    """Name a suite's folder: as its file."""
    return suite.file.stem if suite.file else "suite"


def _kinds(combination: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what makes other replicas of the same method."""
    return {name: value for name, value in combination.items() if name not in _OF_REPLICAS}


def _name(run: str, combination: Mapping[str, Any]) -> str:
    return " · ".join([run, *(_shown(name, value) for name, value in combination.items())])


def _shown(name: str, value: Any) -> str:
    """Call a value of a setting as a name has it."""
    if name == "seeds" and isinstance(value, list):
        if len(value) == 1:
            return f"seed {value[0]}"
        is_range = value == list(range(value[0], value[-1] + 1))
        return f"seeds {value[0]}–{value[-1]}" if is_range else f"seeds {listed(value)}"
    return short_name(value) if isinstance(value, str) and is_own(value) else f"{value}"


def suite_of(strategies: list[str]) -> Suite:
    """Make the suite that runs each of these strategies with its defaults.

    Raises:
        InputError: two of them would have the same name.
    """
    runs = {name.rpartition(":")[2]: {"strategy": name} for name in strategies}
    if len(runs) < len(strategies):
        raise InputError(
            setting="strategies",
            expected="with different names",
            got=", ".join(strategies),
            hint="A suite (`--suite FILE`) names its runs itself.",
        )
    return Suite({}, runs)


def suite_from(configs: Mapping[str, RunConfig]) -> Suite:
    """Make a suite of runs, with their common settings shared, so that flags change these."""
    settings = {name: config.to_dict() for name, config in configs.items()}
    first = next(iter(settings.values()))
    shared = {k: v for k, v in first.items() if all(own[k] == v for own in settings.values())}
    runs = {
        name: {k: v for k, v in own.items() if k not in shared} for name, own in settings.items()
    }
    return Suite(shared, runs)


# Settings that take each other's place.
_INSTEAD = {"epochs": "steps", "steps": "epochs"}


def check_flags(suite: Suite, given: Collection[str]) -> None:
    """Refuse flags that a suite would not obey.

    Args:
        suite: from a file.
        given: the names of settings that flags are given for.

    Raises:
        InputError: a flag names strategies, or a setting that one of the runs has of its own, or
            that [each] has values of.
    """
    if "strategies" in given:
        raise InputError(
            f"Expected either `--suite` or `--strategies`, but got both: {suite.file} names its "
            f"runs itself, {', '.join(suite.runs)}."
        )
    if listed_values := [n for n in suite.each if n in given or _INSTEAD.get(n) in given]:
        raise InputError(
            f"Expected flags for what the runs of {suite.file} share, but [each] of it sets "
            f"`{listed_values[0]}`, and a flag would not change it. Change it in the file, or "
            f"leave the flag out."
        )
    for run, own in suite.runs.items():
        if settings := [name for name in own if name in given or _INSTEAD.get(name) in given]:
            raise InputError(
                f"Expected flags for what the runs of {suite.file} share, but run {run!r} sets "
                f"`{settings[0]}` itself, and a flag would not change it. Change it in the file, "
                f"or leave the flag out."
            )
