"""Values from outside: checked by pydantic, read from what a person typed, described in words."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ConfigDict, GetCoreSchemaHandler, Strict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, validate_default=True)
"""What is given is taken as it is: "4" is no number, and true is none either."""

_LISTS = (list, tuple, Sequence)
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Any: "a value",
    dict: "values by name",
}
_BOUNDS = {"ge": "{} or more", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


class Text(str):
    """Text typed by a user, for a value of the expected type.

    Other text, as from JSON or Python, stands for itself.
    """


@dataclass(frozen=True)
class Form:
    """A form of its own that a value has: metadata of `Annotated`, for pydantic and for people.

    Attributes:
        expected: in words.
        parse: makes the value; raises ValueError or TypeError if it is none.
    """

    expected: str
    parse: Callable[[Any], Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic parse it."""
        return core_schema.no_info_plain_validator_function(self._parsed)

    def _parsed(self, value: Any) -> Any:
        try:
            return self.parse(value)
        except (TypeError, OverflowError, RecursionError) as error:
            raise ValueError from error


def validated(value: Any, kind: Any) -> Any:
    """Return a value as a type has it: 5 as 5.0 for a float, lists as tuples.

    Args:
        value: from Python, JSON or TOML, or `Text`.
        kind: the type, one that `in_words` knows.

    Raises:
        ValueError: it is none of that type.
    """
    adapter = TypeAdapter(_with_any_list(kind), config=STRICT)
    if not isinstance(value, Text):
        return adapter.validate_python(value)
    for reading in _readings(value, kind):
        with suppress(ValidationError):
            return adapter.validate_python(reading)
    raise ValueError


def _readings(text: Text, kind: Any) -> Iterator[Any]:
    """Read what was typed in every way that it may be meant, the likeliest first."""
    if _has_form(kind):
        yield str(text)
        return
    for read in (json.loads, int, float):
        with suppress(ValueError, OverflowError, RecursionError):
            if not isinstance(value := read(text), str):
                yield value
    yield str(text)
    parts = [part.strip() for part in text.strip().removesuffix(",").split(",")]
    for number in (int, float, str):
        with suppress(ValueError):
            yield [number(part) for part in parts]


def _has_form(kind: Any) -> bool:
    parts = get_args(kind) if get_origin(kind) in (Annotated, Union, UnionType) else ()
    return isinstance(kind, Form) or any(_has_form(part) for part in parts)


def _with_any_list(kind: Any) -> Any:
    """Accept lists for tuples and the reverse in a type, because JSON and TOML have no tuples."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[_with_any_list(parts[0]), *parts[1:]]
    if origin in (Union, UnionType):
        return Union[tuple(map(_with_any_list, parts))]  # noqa: UP007
    if origin in _LISTS:
        inner = [part if part is ... else _with_any_list(part) for part in parts]
        kind = GenericAlias(origin, tuple(inner))
    return Annotated[kind, Strict(False)] if (origin or kind) in _LISTS else kind


def in_words(kind: Any) -> str:
    """Describe what a value of a type is, to follow "to be".

    Raises:
        TypeError: values of that type cannot be read from text.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _limited(parts[0], parts[1:])
    if origin in (Union, UnionType):
        return " or ".join(in_words(part) for part in parts if part is not NoneType)
    if origin is Literal:
        names = [str(part) for part in parts]
        return f"one of {', '.join(names)}" if len(names) > 1 else names[0]
    if (origin or kind) in _LISTS:
        return f"a list such as 3,7 of which each is {in_words(parts[0] if parts else Any)}"
    if (origin or kind) not in _WORDS:
        raise TypeError(kind)
    return _WORDS[origin or kind]


def _limited(kind: Any, metadata: Sequence[Any]) -> str:
    """Describe a type with its limits: in the words that they bring, or by their numbers."""
    words = []
    for entry in metadata:
        if isinstance(entry, Form):
            return entry.expected
        if isinstance(entry, FieldInfo) and entry.description:
            return entry.description
        for limit in entry.metadata if isinstance(entry, FieldInfo) else [entry]:
            words += [
                said.format(getattr(limit, name))
                for name, said in _BOUNDS.items()
                if hasattr(limit, name)
            ]
    return ", ".join([in_words(kind), *words])
