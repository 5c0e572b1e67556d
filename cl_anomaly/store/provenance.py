"""Whose results these are: of this code or of other code, and from when. Imports no PyTorch."""

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
    """Describe of a finished run that it is not repeated, and when it was."""
    return f"Results from {finished_at(folder):%Y-%m-%d %H:%M}, not repeated: {folder}."


def finished_at(folder: Path) -> datetime:
    """Describe when a finished run, or a comparison, was finished."""
    try:
        return datetime.fromisoformat(read_json(folder / TIMING_FILE)["finished"]).astimezone()
    except (InputError, KeyError, TypeError, ValueError):  # of a comparison, which has no times
        written = [folder / name for name in (MANIFEST_FILE, METRICS_FILE)]
        seconds = next(path.stat().st_mtime for path in written if path.exists())
        return datetime.fromtimestamp(seconds, UTC).astimezone()


def code_word(folder: Path) -> str:
    """Describe in a word or two which code a run is of, for a table."""
    return CodeWords().of(folder)


class CodeWords:
    """Says which code runs are of, for a table: looks once at what several have in common."""

    def __init__(self) -> None:
        self._changes = CodeChanges()

    def of(self, folder: Path) -> str:
        """Describe it of a run with the SHA-256, as "this 1a2b3c4d"; of a comparison without."""
        recorded = list(_recorded(folder))
        if not recorded or None in recorded:
            return "unknown"
        codes = {own[0]["sha256"][:8] for own in recorded if own}
        word = "other" if any(self._changes.of(*own) for own in recorded if own) else "this"
        return f"{word} {codes.pop()}" if len(codes) == 1 else word


class CodeChanges:
    """Says how the code of runs differs from what there is now; looks once where it is the same."""

    def __init__(self) -> None:
        self._known: dict[Hashable, list[str]] = {}

    def of(self, code: dict[str, Any], strategy: str) -> list[str]:
        """Describe how a run's code differs, see `code.fingerprint.changes`."""
        parts = (tuple(sorted(code[part].items())) for part in ("files", "packages"))
        key = (*parts, file_of(strategy))
        if key not in self._known:
            self._known[key] = changes(code, strategy)
        return self._known[key]

    def in_short(self, environment: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
        """Describe the first few differences of a run's code; None where there are none.

        Args:
            environment: as the run recorded it.
            config: its settings.
        """
        code, strategy = recorded_code(dict(environment)), config.get("strategy")
        if code is None or not isinstance(strategy, str):
            return _NOT_RECORDED
        return in_short(self.of(code, strategy)) or None


def code_note(folders: Sequence[Path]) -> str | None:
    """State which runs, or comparisons, are not of the code that there is now; None where all are.

    Args:
        folders: theirs.
    """
    said = [f"{folder} ({why})" for folder in folders if (why := other_code_of(folder))]
    return f"Not of the code as it is now: {'; '.join(said)}." if said else None


def other_code_of(folder: Path) -> str | None:
    """State what differs since the run or the comparison in a folder; None where nothing does."""
    recorded = list(_recorded(folder))
    if None in recorded:
        return _NOT_RECORDED
    each = [change for known in recorded if known for change in changes(*known)]
    return in_short(list(dict.fromkeys(each))) or None


def other_code_by_run(folder: Path) -> dict[str, str | None]:
    """Describe of each run of a comparison or a suite what differs since; None where nothing does.

    Raises:
        InputError: the folder holds no comparison, or is damaged.
    """
    runs = read_json(folder / ENVIRONMENT_FILE).get("runs", {})
    look = CodeChanges()
    said = [in_short(look.of(*own)) if own else _NOT_RECORDED for own in _recorded(folder)]
    return {run: why or None for run, why in zip(runs, said, strict=True)}


def _recorded(folder: Path) -> Iterator[tuple[dict[str, Any], str] | None]:
    """Get code and strategy of a run, or of each run of a comparison; None where they are not."""
    try:
        config = read_configuration(folder / CONFIG_FILE)
        environment = read_json(folder / ENVIRONMENT_FILE)
    except InputError:
        yield None
        return
    environments = environment.get("runs", {"": environment})
    for run, own in environments.items():
        code = recorded_code(own)
        settings = config.get("runs", {}).get(run, {})
        strategy = settings.get("strategy", config.get("strategy"))
        yield (code, strategy) if code and isinstance(strategy, str) else None


def same_by_other_code(
    out: Path, config: dict[str, Any], environment: dict[str, Any]
) -> str | None:
    """State where there are results of the same settings and data by other code, and why these are.

    Args:
        out: folder with runs.
        config: of the run that is to begin.
        environment: of it.
    """
    here = _without_code(identity(config, environment))
    found = [
        path.parent
        for path in out.glob(f"*/{CONFIG_FILE}")
        if _is_same(path.parent, here) and _is_finished(path.parent)
    ]
    if not found:
        return None
    last = max(found, key=lambda folder: (folder / CONFIG_FILE).stat().st_mtime)
    there, code = recorded_code(read_json(last / ENVIRONMENT_FILE)), recorded_code(environment)
    if there is None or code is None:
        by = "code that was not recorded"
    elif why := in_short(differences_of_code(there, code, config["strategy"])):
        by = f"other code ({why})"
    else:
        return None
    return f"{last} holds results of the same settings by {by}: this is a run of its own."


def _is_same(folder: Path, here: dict[str, Any]) -> bool:
    try:
        config = read_configuration(folder / CONFIG_FILE)
        if config.get("seeds") != here["seeds"]:
            return False
        there = identity(config, read_json(folder / ENVIRONMENT_FILE))
        return not differences(_without_code(there), here)
    except (InputError, TypeError, ValueError):
        return False


def _without_code(identity: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in identity.items() if k != "code"}


def _is_finished(folder: Path) -> bool:
    try:
        return is_finished(folder)
    except InputError:
        return False
