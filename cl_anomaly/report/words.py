"""A figure's labels, title and names of tasks that the user gives."""

from collections.abc import Sequence
from dataclasses import dataclass

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import did_you_mean


@dataclass(frozen=True)
class Words:
    """Words that replace a figure's default ones.

    Attributes:
        title: empty for the default title.
        task_names: in order; empty for the tasks' numbers.
    """

    title: str = ""
    task_names: tuple[str, ...] = ()


NO_WORDS = Words()


def check_task_names(names: Sequence[str], tasks: int) -> None:
    """Check that there is a name for each task.

    Raises:
        InputError: there is not, or two are the same.
    """
    if names and (len(names) != tasks or len(set(names)) < tasks):
        raise InputError(
            setting="task_names",
            expected=f"to be {tasks} different names, one for each task, separated by commas",
            got=f"{len(names)}: {', '.join(names)}",
        )


def relabelled(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the new names of lines by their present names.

    Args:
        given: new names in the order of the lines, or OLD=NEW, separated by commas. If there are
            several texts, each is one name and may hold commas.
        names: present names in order.

    Raises:
        InputError: there are too few or too many, a line does not exist, or two get one name.
    """
    parts = _parted(given, names)
    pairs = [_pair(part, names) for part in parts]
    if all(old is None for old, _ in pairs):
        if len(pairs) != len(names):
            hint = _similar(parts[0], names) if "=" in parts[0] else ""
            raise InputError(
                setting="labels",
                expected=f"for all {len(names)} lines ({'; '.join(names)}), or OLD=NEW for some",
                got=f"{len(pairs)}: {', '.join(parts)}",
                hint=hint,
            )
        new = dict(zip(names, parts, strict=True))
    else:
        new = {name: name for name in names}
        for (old, label), part in zip(pairs, parts, strict=True):
            if old is None:
                raise InputError(
                    setting="labels",
                    expected=f"to be OLD=NEW with one of the lines ({'; '.join(names)})",
                    got=repr(part),
                    hint=_similar(part, names),
                )
            new[old] = label
    if len(set(new.values())) < len(new) or not all(new.values()):
        raise InputError(
            setting="labels", expected="that tell the lines apart", got=", ".join(new.values())
        )
    return new


def _similar(part: str, names: Sequence[str]) -> str:
    return did_you_mean(part.partition("=")[0], names, quote="'").strip()


def _parted(given: Sequence[str], names: Sequence[str]) -> list[str]:
    if len(given) > 1 or _pair(given[0], names)[0] is not None and "," in given[0].split("=")[0]:
        return [part.strip() for part in given]
    return [part.strip() for part in given[0].split(",")]


def _pair(part: str, names: Sequence[str]) -> tuple[str | None, str]:
    """Split OLD=NEW, in which OLD is a line's name and may hold the sign."""
    for name in sorted(names, key=len, reverse=True):
        if part.startswith(f"{name}="):
            return name, part.removeprefix(f"{name}=")
    return None, part
