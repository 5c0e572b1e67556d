"""Names for the code of runs that were made by different code."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from cl_anomaly.results.run_folder import RunFolder

UNKNOWN = "not recorded"
_OWN_FILE = "strategy.py"  # what a run's record calls the file of its strategy
_BESIDE = "./"


def names_of_codes(results: Sequence[RunFolder]) -> list[str | None]:
    """Name the code of each run that differs from another run in a file that both have.

    Returns:
        Eight hexadecimal digits of its SHA-256; "not recorded" if others have one; None for runs
        that differ from none.
    """
    parts = [_parts(run) for run in results]
    differing: set[int] = set()
    for one, other in combinations(range(len(results)), 2):
        common = parts[one].keys() & parts[other].keys()
        if any(parts[one][name] != parts[other][name] for name in common):
            differing |= {one, other}
    names = [_sha256(run)[:8] if n in differing else None for n, run in enumerate(results)]
    recorded = [isinstance(run.environment.get("code"), dict) for run in results]
    if not any(recorded):
        return names
    return [name if has_code else UNKNOWN for name, has_code in zip(names, recorded, strict=True)]


def _parts(results: RunFolder) -> dict[str, Any]:
    """Return files and packages by name; a strategy's files begin with its name."""
    code = results.environment.get("code")
    if not isinstance(code, dict) or not isinstance(code.get("files"), dict):
        sha256 = results.environment.get("strategy_sha256")
        return {f"{results.strategy_name} {_OWN_FILE}": sha256} if sha256 else {}
    versions = {f"{name} version": v for name, v in (code.get("packages") or {}).items()}
    files = {
        f"{results.strategy_name} {name}"
        if name == _OWN_FILE or name.startswith(_BESIDE)
        else name: sha
        for name, sha in code["files"].items()
    }
    return files | versions


def _sha256(results: RunFolder) -> str:
    code = results.environment.get("code")
    recorded = code.get("sha256") if isinstance(code, dict) else None
    return str(recorded or results.environment.get("strategy_sha256"))
