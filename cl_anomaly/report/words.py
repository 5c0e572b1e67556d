"""Words in a figure that a person gives in place of its own: labels, a title, names of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import did_you_mean


@dataclass(frozen=True)
class Words:
    """What a figure says.

    Attributes:
        title: above it; empty for its own.
        task_names: of the tasks, in order; empty for their numbers.
    """

    title: str = ""
    task_names: tuple[str, ...] = ()


NO_WORDS = Words()


def check_task_names(names: Sequence[str], tasks: int) -> None:
    """Make sure that there is a name for each task.

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
    """Describe what each line is called, by the name that it has.

    Args:
        given: new names in the order of the lines, or OLD=NEW, parted by commas. Given several
            times, each is one, and may hold commas.
        names: that the lines have, in their order.

    Raises:
        InputError: there are too few or too many, there is no such line, or two get one name.
    """
    parts = _parted(given, names)
    pairs = [_pair(part, names) for part in parts]
    if all(old is None for old, _ in pairs):
        if len(pairs) != len(names):
            old, sign, _ = parts[0].partition("=")
            like = did_you_mean(old, names, quote="'") if sign else ""
            raise InputError(
                setting="labels",
                expected=f"for all {len(names)} lines ({'; '.join(names)}), or OLD=NEW for some",
                got=f"{len(pairs)}: {', '.join(parts)}",
                hint=like.strip(),
            )
        new = dict(zip(names, parts, strict=True))
    else:
        new = {name: name for name in names}
        for (old, label), part in zip(pairs, parts, strict=True):
            if old is None:
                like = did_you_mean(part.partition("=")[0], names, quote="'")
                raise InputError(
                    setting="labels",
                    expected=f"to be OLD=NEW with one of the lines ({'; '.join(names)})",
                    got=repr(part),
                    hint=like.strip(),
                )
            new[old] = label
    if len(set(new.values())) < len(new) or not all(new.values()):
        raise InputError(
            setting="labels", expected="that tell the lines apart", got=", ".join(new.values())
        )
    return new


def _parted(given: Sequence[str], names: Sequence[str]) -> list[str]:
    if len(given) > 1 or _pair(given[0], names)[0] is not None and "," in given[0].split("=")[0]:
        return [own.strip() for own in given]
    return [own.strip() for own in given[0].split(",")]


def _pair(part: str, names: Sequence[str]) -> tuple[str | None, str]:
    """Part OLD=NEW, where OLD is a line's name, which may hold the sign itself."""
    for name in sorted(names, key=len, reverse=True):
        if part.startswith(f"{name}="):
            return name, part.removeprefix(f"{name}=")
    return None, part
