"""Options from outside: what type each has, and how their arguments are described."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, get_type_hints

from cl_anomaly.core.errors import InputError, UnknownSetting
from cl_anomaly.settings.values import in_words, validated

REQUIRED: Any = inspect.Parameter.empty
"""The default of an option that must be given."""


@dataclass(frozen=True)
class Option:
    """A named value that somebody outside may choose.

    Attributes:
        name: as Python writes it.
        kind: its type, as an annotation.
        default: its value if none is given, or REQUIRED.
        help: what it is.
    """

    name: str
    kind: Any
    default: Any = REQUIRED
    help: str = ""

    def __str__(self) -> str:
        """Return NAME=DEFAULT."""
        return self.name if self.default is REQUIRED else f"{self.name}={self.default}"

    def checked(self, value: Any, owner: str = "") -> Any:
        """Return a value as its type has it.

        Args:
            value: from Python, JSON or TOML; or `Text`, from the command line.
            owner: whose option it is, for the message.

        Raises:
            InputError: it is of another type, or out of range.
        """
        try:
            return validated(value, self.kind)
        except ValueError:
            raise self.refused(value, owner) from None

    def refused(self, value: Any, owner: str = "") -> InputError:
        """Return the error of a value that is none of the type."""
        of = f"of {owner} " if owner else ""
        return InputError(
            setting=self.name, expected=f"{of}to be {in_words(self.kind)}", got=shown(value)
        )


def fill(options: Iterable[Option], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Check what is given, and add the defaults of what is not.

    Args:
        options: that there are.
        given: values by name.
        owner: whose options they are, such as "ewc".

    Raises:
        InputError: one is unknown, missing, or of the wrong type.
    """
    known = {option.name: option for option in options}
    for name in given:
        if name not in known:
            listed = ", ".join(map(str, known.values()))
            has = f"an option of {owner} ({listed})" if known else f"no option, as {owner} has none"
            raise UnknownSetting(name, expected=has, like=alike(str(name), known))
    for option in known.values():
        if option.default is REQUIRED and option.name not in given:
            expected = f"of {owner}, {in_words(option.kind)}"
            raise InputError(setting=option.name, expected=expected, got="none")
    return {
        name: option.checked(given[name], owner) if name in given else option.default
        for name, option in known.items()
    }


def alike(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that an unknown one is like; None if none is."""
    names = list(known)
    beginning = [each for each in names if len(name) > 2 and each.startswith(name)]
    matches = beginning or get_close_matches(name[:100], names, 1)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str], quote: str = "`") -> str:
    """Suggest a name that is like one that is unknown, as a sentence."""
    like = alike(name, known)
    return f" Did you mean {quote}{like}{quote}?" if like else ""


def fill_options(
    cls: type, options: Mapping[str, Any], skip: frozenset[str] = frozenset(), untyped: bool = False
) -> dict[str, Any]:
    """Check the options of a class, and add the defaults; see `options_of` and `fill`."""
    return fill(options_of(cls, skip, untyped), options, _name_of(cls))


@cache
def options_of(
    cls: type, skip: frozenset[str] = frozenset(), untyped: bool = False
) -> tuple[Option, ...]:
    """Read a class's options from the typed arguments of its `__init__`.

    Args:
        cls: the class.
        skip: arguments that are no options; so are those that can only be given by their place, and
            where there are such, it is these alone.
        untyped: whether arguments may be without a type, or of one that cannot be checked, as in
            somebody else's code.

    Raises:
        InputError: an argument has no type, or one that cannot be checked.
    """
    hints = _hints(cls, untyped)
    helps = described_arguments(inspect.getdoc(cls) or "")
    options = []
    for parameter in _parameters(cls, skip):
        kind = hints.get(parameter.name)
        if parameter.name not in hints or not _is_supported(kind):
            if not untyped:
                raise InputError(_about_type(cls, parameter.name, kind))
            kind = Any
        help_text = helps.get(parameter.name, "")
        options.append(Option(parameter.name, kind, parameter.default, help_text))
    return tuple(options)


def _hints(cls: type, untyped: bool) -> dict[str, Any]:
    try:
        return get_type_hints(cls.__init__, include_extras=True)
    except Exception as error:  # an annotation is any code
        if untyped:
            return {}
        raise InputError(
            f"Expected {_name_of(cls)} to have arguments of known types, but: {error}."
        ) from error


def _is_supported(kind: Any) -> bool:
    try:
        return bool(in_words(kind))
    except TypeError:
        return False


def _about_type(cls: type, name: str, kind: Any) -> str:
    what = f"the type {kind}, which cannot be read from text" if kind is not None else "none"
    return (
        f"Expected the argument `{name}` of {_name_of(cls)} to have a type such as int, float, "
        f"str, bool, Literal, or a list of these, but it has {what}."
    )


def _name_of(cls: type) -> str:
    name = getattr(cls, "name", cls.__name__)
    return name if isinstance(name, str) else cls.__name__


def _parameters(cls: type, skip: frozenset[str]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(cls).parameters.values()
    if any(p.kind is inspect.Parameter.POSITIONAL_ONLY for p in parameters):
        skip = frozenset()
    return [p for p in parameters if p.name not in skip and p.kind in kinds]


def described_arguments(docstring: str) -> dict[str, str]:
    """Read what a docstring says of each argument or attribute, under `Args:` or `Attributes:`."""
    texts: dict[str, str] = {}
    name, inside = "", False
    for line in inspect.cleandoc(docstring).splitlines():
        if line and not line.startswith(" "):
            inside = line in ("Args:", "Attributes:")
        elif inside and (entry := re.match(r" {4}(\w+): (.*)", line)):
            name, texts[entry[1]] = entry[1], entry[2]
        elif inside and name and line.strip():
            texts[name] += f" {line.strip()}"
    return texts


def summary(thing: object) -> str:
    """Return the first line of the docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def shown(value: object) -> str:
    """Write a value for a message, in one line of no great length."""
    try:
        text = repr(value)
    except Exception:  # Python writes no number of more than 4,300 digits
        return "something that cannot be written"
    return text if len(text) <= 200 else f"{text[:200]}..."
