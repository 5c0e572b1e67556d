"""Detector models, one file each, called as the model: a new file in this folder is found."""

import importlib
import inspect

from cl_anomaly.models.base import Model
from cl_anomaly.settings.catalogue import check_listed, names_of
from cl_anomaly.settings.python_values import GivenModel

__all__ = ["MODELS", "Model", "find_model"]


def _shipped(name: str) -> type[Model]:
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    classes = [own for own in vars(module).values() if inspect.isclass(own)]
    return next(own for own in classes if issubclass(own, Model) and vars(own).get("name") == name)


MODELS: dict[str, type[Model]] = {name: _shipped(name) for name in names_of("model")}


def find_model(name: str) -> type[Model]:
    """Look a model up by its name; a class that was given in Python is its own.

    Raises:
        InputError: there is none.
    """
    if isinstance(name, GivenModel):
        return name.given
    check_listed("model", name, list(MODELS))
    return MODELS[name]
