"""Types that options can have: how each is said in words, and read from text."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin


class Text(str):
    """What a person typed: it stands for a value of the type that is expected.

    Other text, as from JSON or Python, stands for itself.
    """


@dataclass(frozen=True)
class Limit:
    """What a value must be beside its type: metadata of `Annotated`.

    Attributes:
        expected: in words, the type included.
        holds: says whether a value of the type is within the limit.
    """

    expected: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Reader:
    """How to read a value that has a form of its own: metadata of `Annotated`.

    Attributes:
        expected: in words.
        read: makes the value; raises ValueError or TypeError where it is none.
    """

    expected: str
    read: Callable[[Any], Any]


def converted(value: Any, kind: Any) -> Any:
    """Return a value as a type has it: 5 as 5.0 where it is a float, lists as tuples.

    Args:
        value: from Python, JSON or TOML, or `Text`.
        kind: the type, one that `is_supported`.

    Raises:
        ValueError, TypeError, OverflowError, RecursionError: it is none of that type.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(value, parts[0], parts[1])
    if origin in (Union, UnionType):
        return _first_that_fits(value, parts)
    if origin is Literal:
        return _choice(value, parts)
    if (origin or kind) in (list, tuple, Sequence):
        return _sequence(value, origin or kind, parts)
    if (origin or kind) is dict:
        return _dictionary(value, parts)
    return _PLAIN[kind](value)


def _annotated(value: Any, kind: Any, how: Any) -> Any:
    if isinstance(how, Reader):
        return how.read(value)
    value = converted(value, kind)
    if not how.holds(value):
        raise ValueError
    return value


def _first_that_fits(value: Any, kinds: Sequence[Any]) -> Any:
    # Anything typed would be text, too.
    for kind in sorted(kinds, key=lambda kind: kind is str):
        try:
            return converted(value, kind)
        except (ValueError, TypeError, OverflowError):
            continue
    raise ValueError


def _choice(value: Any, choices: Sequence[Any]) -> Any:
    for choice in choices:
        same = str(choice) == value if isinstance(value, Text) else choice == value
        if same and isinstance(value, Text | type(choice)):
            return choice
    raise ValueError


def _sequence(value: Any, kind: Any, parts: Sequence[Any]) -> Any:
    if isinstance(value, Text):
        listed = value.strip()
        comma_separated = [Text(part.strip()) for part in listed.removesuffix(",").split(",")]
        value = json.loads(listed) if listed.startswith("[") else comma_separated
    if not isinstance(value, list | tuple):
        raise TypeError
    if kind is not tuple:
        return [converted(each, parts[0] if parts else Any) for each in value]
    kinds = parts or (Any, ...)
    kinds = [kinds[0]] * len(value) if kinds[-1] is ... else kinds
    return tuple(converted(each, own) for each, own in zip(value, kinds, strict=True))


def _dictionary(value: Any, parts: Sequence[Any]) -> dict[Any, Any]:
    value = json.loads(value) if isinstance(value, Text) else value
    if not isinstance(value, Mapping):
        raise TypeError
    name, kind = parts or (Any, Any)
    # What may be anything, such as an option, stays `Text` until somebody knows its type.
    read = (lambda own: own) if kind is Any else (lambda own: converted(own, kind))
    return {converted(key, name): read(own) for key, own in value.items()}


def _whole(value: Any) -> int:
    if isinstance(value, Text) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real | Text):
        raise TypeError
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return number


def _truth(value: Any) -> bool:
    value = {"true": True, "false": False}.get(value) if isinstance(value, Text) else value
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def _nothing(value: Any) -> None:
    if value is not None and not (isinstance(value, Text) and value == "null"):
        raise TypeError


def _anything(value: Any) -> Any:
    if not isinstance(value, Text):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return str(value)


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    int: _whole,
    float: _number,
    bool: _truth,
    str: _text,
    None: _nothing,
    NoneType: _nothing,
    Any: _anything,
}
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Any: "a value",
    dict: "values by name",
}


def parse_image_size(value: Any) -> str:
    """Turn 32 or "32" into "32x32"; "32x48" stays as it is.

    Raises:
        ValueError, TypeError: it is none of these.
    """
    if isinstance(value, bool) or not isinstance(value, Integral | str):
        raise TypeError
    sizes = re.fullmatch(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", str(value).strip())
    if sizes is None:
        raise ValueError
    return f"{sizes[1]}x{sizes[2] or sizes[1]}"


def is_supported(kind: Any) -> bool:
    """Return whether values of a type can be read and checked."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return isinstance(parts[1], Reader) or (
            isinstance(parts[1], Limit) and is_supported(parts[0])
        )
    if origin is Literal:
        return True
    if origin in (Union, UnionType, list, tuple, Sequence, dict):
        return all(part is ... or is_supported(part) for part in parts)
    try:
        return kind in (list, tuple, Sequence, dict) or kind in _PLAIN
    except TypeError:  # it cannot be hashed
        return False


def in_words(kind: Any) -> str:
    """Describe what a value of a type is, to follow "to be"."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return parts[1].expected
    if origin in (Union, UnionType):
        return " or ".join(in_words(part) for part in parts if part is not NoneType)
    if origin is Literal:
        names = [str(part) for part in parts]
        return f"one of {', '.join(names)}" if len(names) > 1 else names[0]
    if (origin or kind) in (list, tuple, Sequence):
        return f"a list such as 3,7 of which each is {in_words(parts[0] if parts else Any)}"
    return _WORDS[origin or kind]
