"""Code and date of results: whether the current code made them. Imports no PyTorch."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.settings.strategy_names import file_of
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import MANIFEST_FILE
from cl_anomaly.store.fingerprint import changes, differences_of_code, in_short, recorded_code
from cl_anomaly.store.status import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    TIMING_FILE,
    differences,
    identity,
    is_finished,
)

_NOT_RECORDED = "its code was not recorded"


def results_from_before(folder: Path) -> str:
    """Return the sentence that a finished run is not repeated, with its date."""
    return f"Results from {finished_at(folder):%Y-%m-%d %H:%M}, not repeated: {folder}."


def finished_at(folder: Path) -> datetime:
    """Return when a run or a comparison was finished."""
    try:
        return datetime.fromisoformat(read_json(folder / TIMING_FILE)["finished"]).astimezone()
    except (InputError, KeyError, TypeError, ValueError):  # a comparison has no times
        written = [folder / name for name in (MANIFEST_FILE, METRICS_FILE)]
        seconds = next(path.stat().st_mtime for path in written if path.exists())
        return datetime.fromtimestamp(seconds, UTC).astimezone()


class CodeChanges:
    """Compare the code of runs with the current code; the same code is compared once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, list[str]] = {}

    def of(self, code: dict[str, Any], strategy: str) -> list[str]:
        """Describe how a run's code differs, see `fingerprint.changes`."""
        parts = (tuple(sorted(code[part].items())) for part in ("files", "packages"))
        key = (*parts, file_of(strategy))
        if key not in self._known:
            self._known[key] = changes(code, strategy)
        return self._known[key]

    def word(self, folder: Path) -> str:
        """Return "this", "other" or "unknown" for a table; for a run with its SHA-256's digits."""
        recorded = list(_recorded(folder))
        if not recorded or None in recorded:
            return "unknown"
        codes = {known[0]["sha256"][:8] for known in recorded if known}
        word = "other" if any(self.of(*known) for known in recorded if known) else "this"
        return f"{word} {codes.pop()}" if len(codes) == 1 else word

    def in_short(self, environment: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
        """Describe the first few differences of a run's code from its environment and settings."""
        code, strategy = recorded_code(dict(environment)), config.get("strategy")
        if code is None or not isinstance(strategy, str):
            return _NOT_RECORDED
        return in_short(self.of(code, strategy)) or None


def code_note(folders: Sequence[Path]) -> str | None:
    """Name the folders of runs or comparisons made by different code, or return None."""
    notes = [f"{folder} ({why})" for folder in folders if (why := _other_code_of(folder))]
    return f"Made by different code: {'; '.join(notes)}." if notes else None


def _other_code_of(folder: Path) -> str | None:
    recorded = list(_recorded(folder))
    if None in recorded:
        return _NOT_RECORDED
    differing = [change for known in recorded if known for change in changes(*known)]
    return in_short(list(dict.fromkeys(differing))) or None


def other_code_by_run(folder: Path) -> dict[str, str | None]:
    """Describe how the code of each run of a comparison or a suite differs; None if it does not.

    Raises:
        InputError: the folder holds no comparison, or is damaged.
    """
    runs = read_json(folder / ENVIRONMENT_FILE).get("runs", {})
    code = CodeChanges()
    reasons = [in_short(code.of(*known)) if known else _NOT_RECORDED for known in _recorded(folder)]
    return {run: why or None for run, why in zip(runs, reasons, strict=True)}


def _recorded(folder: Path) -> Iterator[tuple[dict[str, Any], str] | None]:
    """Yield code and strategy of a run, or of each of a comparison; None if not recorded."""
    try:
        config = read_configuration(folder / CONFIG_FILE)
        environment = read_json(folder / ENVIRONMENT_FILE)
    except InputError:
        yield None
        return
    environments = environment.get("runs", {"": environment})
    for run, recorded in environments.items():
        code = recorded_code(recorded)
        settings = config.get("runs", {}).get(run, {})
        strategy = settings.get("strategy", config.get("strategy"))
        yield (code, strategy) if code and isinstance(strategy, str) else None


def same_by_other_code(
    out: Path, config: dict[str, Any], environment: dict[str, Any]
) -> str | None:
    """Name results in `out` of the same settings and data by other code, or return None.

    Args:
        out: folder with runs.
        config: of the run that is to begin.
        environment: of that run.
    """
    here = _without_code(identity(config, environment))
    folders = [path.parent for path in out.glob(f"*/{CONFIG_FILE}") if _is_same(path.parent, here)]
    if not folders:
        return None
    last = max(folders, key=lambda folder: (folder / CONFIG_FILE).stat().st_mtime)
    there, code = recorded_code(read_json(last / ENVIRONMENT_FILE)), recorded_code(environment)
    if there is None or code is None:
        by = "code that was not recorded"
    elif why := in_short(differences_of_code(there, code, config["strategy"])):
        by = f"other code ({why})"
    else:
        return None
    return f"{last} holds results of the same settings by {by}: this is a run of its own."


def _is_same(folder: Path, here: dict[str, Any]) -> bool:
    """Return whether a folder holds a finished run of the same identity but for its code."""
    try:
        config = read_configuration(folder / CONFIG_FILE)
        if config.get("seeds") != here["seeds"]:
            return False
        there = identity(config, read_json(folder / ENVIRONMENT_FILE))
        return not differences(_without_code(there), here) and is_finished(folder)
    except (InputError, TypeError, ValueError):
        return False


def _without_code(identity: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in identity.items() if k != "code"}
