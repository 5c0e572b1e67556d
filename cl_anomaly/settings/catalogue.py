"""Strategies and models by the names of their files, and the options that their signatures show.

Nothing is imported for that, so that a mistake is answered before PyTorch is there. What a file of
the user's or another package offers is only known once it is loaded.
"""

import ast
import os
import typing
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import Field

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import Option, did_you_mean, options_of
from cl_anomaly.settings.python_values import GivenModel
from cl_anomaly.settings.strategy_names import family_of, file_of, within_family

STRATEGIES_GROUP = "cl_anomaly.strategies"
FAMILIES_GROUP = "cl_anomaly.strategy_families"
OF_THE_RUN = frozenset({"self", "features", "seeds"})
"""Arguments that come from elsewhere than options; so do those that go by their place alone."""

_MODEL = ("cl_anomaly.models.base", "Model")
_PACKAGE = Path(__file__).parent.parent
_ROOMS = {"strategy": "strategies", "model": "models"}
# What an annotation of a strategy's or a model's argument may name.
_NAMES: dict[str, Any] = {**vars(typing), "Sequence": Sequence, "Field": Field}


@cache
def names_of(setting: str) -> tuple[str, ...]:
    """List what may be given for "strategy" or "model": the names of the files in its room."""
    files = sorted((_PACKAGE / _ROOMS[setting]).glob("*.py"))
    return tuple(name_of(file.stem) for file in files if file.stem not in ("__init__", "base"))


def name_of(module: str) -> str:
    """Return the name of the strategy or the model in a file: that of the file, with dashes."""
    return module.replace("_", "-")


@cache
def options_by_name(setting: str, name: str) -> tuple[Option, ...]:
    """Read the options of a strategy or a model, one of `names_of`, from its signature."""
    module = f"{_ROOMS[setting]}.{name.replace('-', '_')}"
    return options_of(_outline(module, None), OF_THE_RUN)


def _outline(module: str, name: str | None) -> type:
    """Make a class with only the docstring and the signature of one in a file.

    Args:
        module: the file's, within the package.
        name: of the class. Default: the last one in the file.
    """
    path = _PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    cls = classes[name or list(classes)[-1]]
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            node.body = [ast.Pass()]
            defined: dict[str, Any] = {}
            outline = ast.fix_missing_locations(ast.Module([node], []))
            exec(compile(outline, path, "exec"), _NAMES, defined)  # noqa: S102
            return type(cls.name, (), defined | {"__doc__": ast.get_docstring(cls)})
    homes = {
        alias.name: str(node.module).partition(".")[2]
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    bases = [base.id for base in cls.bases if isinstance(base, ast.Name)]
    return _outline(homes.get(bases[0], module), bases[0]) if bases else object


def model_options_of(name: str) -> tuple[Option, ...]:
    """Return the options of a model; one that was given as a class says them itself.

    Raises:
        InputError: there is none, the class is no model, or an option has no type.
    """
    if isinstance(name, GivenModel):
        # Read from the names of its bases: to import `Model` would import PyTorch.
        if _MODEL not in {(base.__module__, base.__name__) for base in name.given.__mro__}:
            raise InputError(
                setting="model",
                expected=f"to be a subclass of {'.'.join(_MODEL)}",
                got=repr(name.given),
            )
        return options_of(name.given, OF_THE_RUN)
    check_listed("model", name, names_of("model"))
    return options_by_name("model", name)


def check_strategy_name(name: str, setting: str = "strategy") -> None:
    """Check that a strategy exists, as far as possible without loading it.

    Args:
        name: of the strategy.
        setting: what the name is given for.

    Raises:
        InputError: there is none of that name, no such file, or no such family.
    """
    family, within = family_of(name), within_family(name)
    if family and family not in (families := entry_points(group=FAMILIES_GROUP).names):
        raise InputError(
            setting=setting,
            expected="to be a name, FILE.py:CLASS, or FAMILY:NAME with a family among "
            f"{', '.join(sorted(families))}",
            but=f"there is no family {family!r}",
        )
    if (file := file_of(name)) is not None:
        _check_file(setting, file, within)
    elif within.endswith(".py"):
        expected = f"to name a class in its file, {within}:CLASS"
        raise InputError(setting=setting, expected=expected, got=repr(name))
    elif not family and name not in names_of("strategy"):
        known = sorted({*names_of("strategy"), *entry_points(group=STRATEGIES_GROUP).names})
        more = ", or FILE.py:CLASS, or FAMILY:NAME such as avalanche:EWC"
        check_listed(setting, name, known, more)


def _check_file(setting: str, file: Path, given: str) -> None:
    class_name = given.rpartition(":")[2]
    if file.suffix != ".py":
        expected = "to be a Python file and its class, FILE.py:CLASS"
        raise InputError(setting=setting, expected=expected, got=repr(given))
    if not class_name:
        expected = f"to name a class in its file, {file}:CLASS"
        raise InputError(setting=setting, expected=expected, got=repr(given))
    if not os.path.isfile(file):
        expected = f"to be a Python file with the class {class_name}"
        raise InputError(setting=setting, expected=expected, but=f"there is no file {str(file)!r}")


def check_listed(setting: str, name: str, known: Sequence[str], more: str = "") -> None:
    """Check that a name is known.

    Args:
        setting: what the name is given for.
        name: that was given.
        known: names that there are.
        more: what else may be given, for the message.

    Raises:
        InputError: it is none of them.
    """
    if name not in known:
        raise InputError(
            setting=setting,
            expected=f"to be one of {', '.join(known)}{more}",
            got=repr(name),
            hint=did_you_mean(name, known, quote="'").strip(),
        )
