"""Detector models, one file each with the model's name; new files in this folder are found."""

import importlib
import inspect

from cl_anomaly.models.base import Model
from cl_anomaly.settings.catalogue import check_listed, names_of
from cl_anomaly.settings.python_values import GivenModel

__all__ = ["MODELS", "Model", "find_model"]


def _shipped(name: str) -> type[Model]:
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    classes = [own for own in vars(module).values() if inspect.isclass(own)]
    return next(cls for cls in classes if issubclass(cls, Model) and vars(cls).get("name") == name)


MODELS: dict[str, type[Model]] = {name: _shipped(name) for name in names_of("model")}


def find_model(name: str) -> type[Model]:
    """Return a model's class by its name; a class given in Python is returned as it is.

    Raises:
        InputError: there is no such model.
    """
    if isinstance(name, GivenModel):
        return name.given
    check_listed("model", name, list(MODELS))
    return MODELS[name]
