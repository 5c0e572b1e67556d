"""Names for the code that made results, where it is not the same."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from cl_anomaly.results.run_folder import RunFolder

UNKNOWN = "not recorded"
_OWN_FILE = "strategy.py"  # what a run's record calls the file of its strategy
_BESIDE = "./"


def names_of_codes(results: Sequence[RunFolder]) -> list[str | None]:
    """Name the code of each run that was made by other code than another run.

    Runs of different strategies have different files; only files that two have in common can be
    different code.

    Returns:
        Eight hexadecimal digits of its SHA-256; "not recorded" where others have one; None for
        runs that none contradicts.
    """
    parts = [_parts(own) for own in results]
    contradicted = set()
    for one, other in combinations(range(len(results)), 2):
        common = parts[one].keys() & parts[other].keys()
        if any(parts[one][name] != parts[other][name] for name in common):
            contradicted |= {one, other}
    names = [_sha256(own)[:8] if n in contradicted else None for n, own in enumerate(results)]
    recorded = [isinstance(own.environment.get("code"), dict) for own in results]
    if any(recorded):
        names = [
            name if is_there else UNKNOWN for name, is_there in zip(names, recorded, strict=True)
        ]
    return names


def _parts(results: RunFolder) -> dict[str, Any]:
    """Return the code's parts by name: files and packages; a strategy's own under its name."""
    code = results.environment.get("code")
    if not isinstance(code, dict) or not isinstance(code.get("files"), dict):
        own = results.environment.get("strategy_sha256")
        return {f"{results.strategy_name} {_OWN_FILE}": own} if own else {}
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
