"""How classes are called: by whole numbers or by names; read, ordered and written."""

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

Label = int | str
"""A class as the dataset calls it."""

# What stands for several classes, or for an order of them, where a class can be named.
RESERVED = ("all", "ascending", "random", "mean")

OWN = "own"
"""Stands in the place of the anomaly class where each concept brings its own anomalies."""

NORMAL, ANOMALOUS = "concept", "anomaly"
"""What the classes of concept K are called: conceptK, and anomalyK of the anomalies it brings."""


def anomalies_of(concept: str) -> str:
    """Name the class of the anomalies that a concept brings."""
    return ANOMALOUS + concept.removeprefix(NORMAL)


def label_from(text: str) -> Label:
    """Read a label: "7" is the number 7; "07" and "cat" are names."""
    return int(text) if re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text) else text


def parse_labels(value: Any) -> list[Label]:
    """Read different classes, such as 3, "3,1,2", "cat,dog" or a list of them.

    Raises:
        ValueError, TypeError: it is none, or names a class twice.
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
    """Turn "3,1,2" into a list; "ascending" and "random" stay as they are.

    Raises:
        ValueError, TypeError: it is none of these, or names a class twice.
    """
    if value in ("ascending", "random"):
        return str(value)
    if isinstance(value, Integral):
        raise TypeError
    return parse_labels(value)


def parse_classes(value: Any) -> Label | list[Label]:
    """Turn "0,4" into a list, and a list of one class into that class; "all" stays as it is.

    Raises:
        ValueError, TypeError: it is none of these, or names a class twice.
    """
    if value == "all":
        return "all"
    classes = parse_labels(value)
    return classes[0] if len(classes) == 1 else classes


def parse_class_weights(value: Any) -> dict[str, float]:
    """Turn "3=2,cat=0.5", or a dictionary such as {3: 2}, into weights by class, as text.

    Raises:
        ValueError, TypeError: it is none, names a class twice, or a weight is not above 0.
    """
    if isinstance(value, str):
        parts = [part.rpartition("=") for part in value.split(",")] if value.strip() else []
        value = [(label, weight) for label, _, weight in parts]
    pairs = list(value.items() if isinstance(value, dict) else value)
    weights = {str(_parse_label(label)): float(weight) for label, weight in pairs}
    if len(weights) < len(pairs) or not all(0 < own < math.inf for own in weights.values()):
        raise ValueError
    return weights


def _parse_label(value: Any) -> Label:
    if isinstance(value, Integral) and not isinstance(value, bool):
        if abs(int(value)) >= 2**63:  # what the files of a run hold
            raise ValueError("is too large a number")
        return int(value)
    if not isinstance(value, str):
        raise TypeError
    text = value.strip()
    if why := why_no_label(text):
        raise ValueError(why)
    return label_from(text)


def why_no_label(name: str) -> str | None:
    """Describe why a class cannot be called so; None where it can."""
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
    """Sort labels: numbers before names."""
    return sorted(labels, key=lambda label: (isinstance(label, str), label))


def listed(labels: Iterable[Label]) -> str:
    """Write labels for people, as in "0, 4"."""
    return ", ".join(map(str, labels))


def joined(labels: Iterable[Label]) -> str:
    """Write labels into one cell, separated by spaces; those with spaces are quoted."""
    return shlex.join(map(str, labels))


def parted(text: str) -> list[str]:
    """Read back what `joined` wrote."""
    return shlex.split(text)


def same_label(one: Label, other: Label) -> bool:
    """Return whether two labels are of one class, be it as a number or as text."""
    return str(one) == str(other)


def find_label(label: Label, known: Sequence[Label]) -> Label | None:
    """Find a label among those that there are, as these are written; None where it is none."""
    return next((candidate for candidate in known if same_label(candidate, label)), None)
