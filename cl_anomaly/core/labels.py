"""Class labels, whole numbers or names: reading, ordering and writing."""

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

Label = int | str
"""The label of a class in the dataset."""

# Words for several classes, or for an order of them, in place of a class.
RESERVED = ("all", "ascending", "random", "mean")

OWN = "own"
"""Replaces the anomaly class if each concept brings its own anomalies."""

NORMAL, ANOMALOUS = "concept", "anomaly"
"""The classes of concept K are conceptK and anomalyK, the anomalies that it brings."""


def anomalies_of(concept: str) -> str:
    """Return the class of the anomalies that a concept brings."""
    return ANOMALOUS + concept.removeprefix(NORMAL)


def label_from(text: str) -> Label:
    """Read a label: "7" is the number 7; "07" and "cat" are names."""
    return int(text) if re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text) else text


def parse_labels(value: Any) -> list[Label]:
    """Read different classes, such as 3, "3,1,2", "cat,dog" or a list of them.

    Raises:
        ValueError, TypeError: it holds something else, or a class twice.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        value = [value]
    parts = value.strip("[] ,").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise TypeError
    labels = [_parse_label(part) for part in parts]
    if not labels or len(set(labels)) < len(labels):
        raise ValueError
    return labels


def parse_task_order(value: Any) -> str | list[Label]:
    """Read "3,1,2" as a list; "ascending" and "random" stay; raises as `parse_labels`."""
    if value in ("ascending", "random"):
        return str(value)
    if isinstance(value, Integral):
        raise TypeError
    return parse_labels(value)


def parse_classes(value: Any) -> Label | list[Label]:
    """Read "0,4" as a list, one class as itself; "all" stays; raises as `parse_labels`."""
    if value == "all":
        return "all"
    classes = parse_labels(value)
    return classes[0] if len(classes) == 1 else classes


def parse_class_weights(value: Any) -> dict[str, float]:
    """Read "3=2,cat=0.5", or a dictionary such as {3: 2}, as weights by the class's text.

    Raises:
        ValueError, TypeError: it holds something else, a class twice, or a weight not above 0.
    """
    if isinstance(value, str):
        parts = [part.rpartition("=") for part in value.split(",")] if value.strip() else []
        value = [(label, weight) for label, _, weight in parts]
    pairs = list(value.items() if isinstance(value, dict) else value)
    weights = {str(_parse_label(label)): float(weight) for label, weight in pairs}
    if len(weights) < len(pairs) or not all(0 < weight < math.inf for weight in weights.values()):
        raise ValueError
    return weights


def _parse_label(value: Any) -> Label:
    if isinstance(value, Integral) and not isinstance(value, bool):
        if abs(int(value)) >= 2**63:  # the files of a run hold int64
            raise ValueError("is too large a number")
        return int(value)
    if not isinstance(value, str):
        raise TypeError
    text = value.strip()
    if why := why_no_label(text):
        raise ValueError(why)
    return label_from(text)


def why_no_label(name: str) -> str | None:
    """Describe why this is no name for a class; None if it is one."""
    if not name or name != name.strip():
        return "is empty, or begins or ends with a space"
    if not all(character.isprintable() for character in name):
        return "has characters that cannot be printed"
    if "," in name:
        return "has a comma, which separates classes"
    if name in RESERVED:
        return f"is one of {', '.join(RESERVED)}, which mean something else"
    return None


def ordered(labels: Iterable[Label]) -> list[Label]:
    """Sort labels, numbers before names."""
    return sorted(labels, key=lambda label: (isinstance(label, str), label))


def listed(labels: Iterable[Label]) -> str:
    """Write labels for people, such as "0, 4"."""
    return ", ".join(map(str, labels))


def joined(labels: Iterable[Label]) -> str:
    """Write labels into one cell, separated by spaces, with quotes if they have any."""
    return shlex.join(map(str, labels))


def parted(text: str) -> list[str]:
    """Read back what `joined` wrote."""
    return shlex.split(text)


def same_label(one: Label, other: Label) -> bool:
    """Return whether two labels are the same class, as a number or as text."""
    return str(one) == str(other)


def find_label(label: Label, known: Sequence[Label]) -> Label | None:
    """Find a label among the known ones, and return it as written there, or None."""
    return next((candidate for candidate in known if same_label(candidate, label)), None)
