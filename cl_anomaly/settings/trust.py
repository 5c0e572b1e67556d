"""Which files with code may run: those that this user named, not those that a file names.

A `config.json` or a suite may come from anybody, and may name any file as its strategy. Such a file
runs without a question only where this user has run just that file, with that content, before.
"""

import hashlib
from collections.abc import Iterable, Set
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.settings.strategy_names import file_of


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content, as a run records it."""
    return hashlib.sha256(content).hexdigest()


def remember(path: Path, content: bytes) -> None:
    """Take note that this user has run a file, where that can be written down."""
    line = _line(path, content)
    if "\n" in line or line in _lines():
        return
    with suppress(OSError, ValueError):  # then the user is asked once more
        _list().parent.mkdir(parents=True, exist_ok=True)
        with _list().open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def check_strategies(named_by: Path, strategies: Iterable[object], trust: bool) -> None:
    """Refuse strategies' files that a configuration or a suite names; see `check_trusted`.

    Args:
        named_by: the configuration or suite.
        strategies: their names in it, whose values have not been checked.
        trust: whether the user has said `--trust`.
    """
    environment = named_by.parent / "environment.json"
    # Beside a suite that somebody wrote by hand there is none.
    is_of_results = named_by.suffix == ".json" and environment.exists()
    recorded = _recorded(environment) if is_of_results else set()
    folder = named_by.parent if is_of_results else None
    for strategy in strategies:
        if isinstance(strategy, str) and (file := file_of(strategy)):
            check_trusted(file, named_by, folder, recorded, trust)


def _recorded(environment: Path) -> set[str]:
    content = read_json(environment)
    runs = content.get("runs")
    each = runs.values() if isinstance(runs, dict) else [content]
    known = [run.get("strategy_sha256") for run in each if isinstance(run, dict)]
    return {sha256 for sha256 in known if isinstance(sha256, str)}


def check_trusted(
    file: Path, named_by: Path, run_folder: Path | None, recorded: Set[str], trust: bool
) -> None:
    """Refuse to run a file that this user has neither run before nor said to trust.

    Args:
        file: the one that is to run.
        named_by: which file names it.
        run_folder: the folder of results that this belongs to, where there is one.
        recorded: SHA-256 of the files that made those results, where that was written down.
        trust: whether the user has said `--trust`.

    Raises:
        InputError: names the file, and says why it may not run.
    """
    if trust or not file.is_file():  # what is not there is refused later
        return
    content = file.read_bytes()
    if run_folder and file.resolve().is_relative_to(run_folder.resolve()):
        why = "It lies in that folder itself, which may come from somebody else."
    elif run_folder and recorded and sha256_of(content) not in recorded:
        why = "It is not as it was when it made these results."
    elif _line(file, content) not in _lines():
        why = "It is not a file that you have run before, as it is now."
    else:
        return
    raise InputError(
        f"{named_by} asks to run the code in {file} (SHA-256 {sha256_of(content)[:16]}...). {why} "
        f"Nothing of it has run. Look into it, and add `--trust` where it may run."
    )


def _list() -> Path:
    return user_state_path("cl-anomaly", appauthor=False) / "strategy-files.sha256"


def _lines() -> list[str]:
    try:
        return _list().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, RuntimeError):  # and where there is no home
        return []


def _line(path: Path, content: bytes) -> str:
    # As `sha256sum` writes it, and checks it.
    return f"{sha256_of(content)}  {path.resolve()}"
