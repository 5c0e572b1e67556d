"""Detector models, one file each: a new file in this folder is found without being named."""

import importlib
import inspect
import pkgutil

from cl_anomaly.models.base import Model
from cl_anomaly.settings.catalogue import check_listed
from cl_anomaly.settings.python_values import GivenModel

__all__ = ["MODELS", "Model", "find_model"]


def _found() -> dict[str, type[Model]]:
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {
        cls.name: cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Model) and cls.__module__ == module.__name__ and "name" in vars(cls)
    }


MODELS: dict[str, type[Model]] = _found()


def find_model(name: str) -> type[Model]:
    """Look a model up by its name; a class that was given in Python is its own.

    Raises:
        InputError: there is none.
    """
    if isinstance(name, GivenModel):
        return name.given
    check_listed("model", name, list(MODELS))
    return MODELS[name]
