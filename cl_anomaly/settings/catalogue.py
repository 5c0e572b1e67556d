"""What there is by name, and its options, read from the files in their rooms.

Reading imports nothing, so that a mistake is answered before PyTorch is there. What a file of the
user's or another package offers can only be known by loading it.
"""

import ast
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Union

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import (
    REQUIRED,
    Option,
    described_arguments,
    did_you_mean,
    options_of,
)
from cl_anomaly.settings.python_values import GivenModel
from cl_anomaly.settings.strategy_names import family_of, file_of, within_family

STRATEGIES_GROUP = "cl_anomaly.strategies"
FAMILIES_GROUP = "cl_anomaly.strategy_families"
OF_THE_RUN = frozenset({"self", "features", "seeds"})
"""Arguments that come from elsewhere than options; so do those that go by their place alone."""

_MODEL = ("cl_anomaly.models.base", "Model")
_PACKAGE = Path(__file__).parent.parent
_TYPES: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, list, tuple, dict)},
    **{"Any": Any, "Literal": Literal, "Sequence": Sequence},
}


@dataclass(frozen=True)
class Entry:
    """A strategy or a model, as its file says.

    Attributes:
        name: what the command line calls it.
        options: of its own.
    """

    name: str
    options: tuple[Option, ...]


@cache
def catalogue(room: str) -> dict[str, Entry]:
    """Read the classes with a `name` of their own in a room, such as "strategies" or "models"."""
    classes = {cls.name: cls for cls in _classes(room)}
    named = {name: cls for cls in classes.values() if (name := _name_of(cls))}
    return {name: Entry(name, _options(cls, classes)) for name, cls in named.items()}


def model_entry(name: str) -> Entry:
    """Look a model up by its name; one that was given as a class says its options itself.

    Raises:
        InputError: there is none of that name, the class is no model, or an option has no type.
    """
    if isinstance(name, GivenModel):
        # Read from the names of its bases: to import `Model` would import PyTorch.
        if _MODEL not in {(base.__module__, base.__name__) for base in name.given.__mro__}:
            raise InputError(
                f"Expected `model` to be a subclass of {'.'.join(_MODEL)}, but got {name.given!r}."
            )
        return Entry(name, options_of(name.given, OF_THE_RUN))
    check_listed("model", name, list(catalogue("models")))
    return catalogue("models")[name]


@cache
def dataset_names() -> tuple[str, ...]:
    """Read the names of the datasets: the first argument of what makes each."""
    tree = ast.parse((_PACKAGE / "data" / "datasets.py").read_text(encoding="utf-8"))
    lists = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "DATASETS" for t in node.targets)
    ]
    calls = [n for found in lists for n in ast.walk(found.value) if isinstance(n, ast.Call)]
    firsts = sorted(
        (arg for call in calls for arg in call.args[:1] if isinstance(arg, ast.Constant)),
        key=lambda constant: constant.lineno,
    )
    return tuple(str(constant.value) for constant in firsts)


def _classes(room: str) -> Iterator[ast.ClassDef]:
    for file in sorted((_PACKAGE / room).glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield from (node for node in tree.body if isinstance(node, ast.ClassDef))


def _name_of(cls: ast.ClassDef) -> str | None:
    for node in cls.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        is_name = any(isinstance(target, ast.Name) and target.id == "name" for target in targets)
        if is_name and isinstance(value, ast.Constant):
            return str(value.value)
    return None


def _options(cls: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> tuple[Option, ...]:
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return tuple(_arguments(node, described_arguments(ast.get_docstring(cls) or "")))
    bases = [classes[b.id] for b in cls.bases if isinstance(b, ast.Name) and b.id in classes]
    return _options(bases[0], classes) if bases else ()


def _arguments(function: ast.FunctionDef, helps: dict[str, str]) -> Iterator[Option]:
    given, keywords = function.args.args, function.args.kwonlyargs
    skip = frozenset[str]() if function.args.posonlyargs else OF_THE_RUN
    missing = [None] * (len(given) - len(function.args.defaults))
    defaults = [*missing, *function.args.defaults, *function.args.kw_defaults]
    for argument, default in zip([*given, *keywords], defaults, strict=True):
        if argument.arg not in skip:
            value = REQUIRED if default is None else ast.literal_eval(default)
            kind = _type(argument.annotation)
            yield Option(argument.arg, kind, value, helps.get(argument.arg, ""))


def _type(node: ast.expr | None) -> Any:
    """Read an annotation, of the types that options can have."""
    match node:
        case ast.Name(id=name) if name in _TYPES:
            return _TYPES[name]
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=parts):
            return tuple(_type(part) for part in parts)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_type(left), _type(right)]  # noqa: UP007
        case ast.Subscript(value=kind, slice=parts):
            return _type(kind)[_type(parts)]
    raise TypeError(f"Expected the type of an option, but got {ast.unparse(node) if node else ''}.")


def check_strategy_name(name: str) -> None:
    """Make sure that there is such a strategy, as far as can be said without loading it.

    Raises:
        InputError: there is none of that name, no such file, or no such family.
    """
    family, own = family_of(name), within_family(name)
    if family and family not in (families := entry_points(group=FAMILIES_GROUP).names):
        raise InputError(
            f"Expected `strategy` to be a name, FILE.py:CLASS, or FAMILY:NAME with a family among "
            f"{', '.join(sorted(families))}, but there is no family {family!r}."
        )
    if (file := file_of(name)) is not None:
        _check_file(file, own)
    elif own.endswith(".py"):
        raise InputError(
            f"Expected `strategy` to name a class in its file, {own}:CLASS, but got {name!r}."
        )
    elif not family and name not in catalogue("strategies"):
        known = sorted({*catalogue("strategies"), *entry_points(group=STRATEGIES_GROUP).names})
        more = ", or FILE.py:CLASS, or FAMILY:NAME such as avalanche:EWC"
        check_listed("strategy", name, known, more)


def _check_file(file: Path, own: str) -> None:
    class_name = own.rpartition(":")[2]
    if file.suffix != ".py":
        raise InputError(
            f"Expected `strategy` to be a Python file and its class, FILE.py:CLASS, but got "
            f"{own!r}."
        )
    if not class_name:
        raise InputError(
            f"Expected `strategy` to name a class in its file, {file}:CLASS, but got {own!r}."
        )
    if not os.path.isfile(file):
        raise InputError(
            f"Expected `strategy` to be a Python file with the class {class_name}, but there is no "
            f"file {str(file)!r}."
        )


def check_listed(setting: str, name: str, known: Sequence[str], more: str = "") -> None:
    """Make sure that a name is one of those that there are.

    Args:
        setting: what the name is given for.
        name: that was given.
        known: names that there are.
        more: what else may be given, for the message.

    Raises:
        InputError: it is none of them.
    """
    if name not in known:
        like = did_you_mean(name, known, quote="'")
        raise InputError(
            f"Expected `{setting}` to be one of {', '.join(known)}{more}, but got {name!r}.{like}"
        )
