"""Suites that ship with the package, by name."""

from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import did_you_mean

_FOLDER = Path(__file__).parent.parent / "suites"


def shipped_suites() -> dict[str, Path]:
    """Return the files of the suites that ship with the package, by name, in order of the names."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def suite_file(given: Path) -> Path:
    """Find the file of a suite that was named.

    Args:
        given: the name of a shipped suite such as `digits`, or the path of a file. With `.toml`
            behind it, or a folder before it, it is a path.

    Raises:
        InputError: it is neither.
    """
    shipped = shipped_suites()
    if str(given) in shipped:
        return shipped[str(given)]
    if not given.exists():
        like = did_you_mean(given.stem, shipped, quote="'")
        raise InputError(
            setting="suite",
            expected="to be a TOML file, or the name of a suite that ships with cl-anomaly "
            f"({', '.join(shipped)})",
            got=repr(str(given)),
            hint=like.strip(),
        )
    return given
