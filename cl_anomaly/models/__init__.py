"""Detector models, one file each: a new file in this folder is found without being named."""

import importlib
import inspect
import pkgutil

from cl_anomaly.models.base import Model

__all__ = ["MODELS", "Model"]


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
