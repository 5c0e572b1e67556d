"""Checks for misspelt hooks, and for hooks with the wrong arguments."""

import difflib
import inspect

from cl_anomaly.strategies.base import Strategy

# Similarity of two names, 0 to 1: `penalti`, `after_taks` and `extended` are above it.
_LIKENESS = 0.75


def unfit_hooks(cls: type[Strategy]) -> dict[str, str]:
    """Return the hooks that would fail when called, and the arguments that each should take."""
    unfit = {}
    for name, hook in vars(Strategy).items():
        if name[0] == "_" or not inspect.isfunction(hook):
            continue
        expected = inspect.signature(hook)
        try:
            inspect.signature(getattr(cls, name)).bind(*expected.parameters)
        except TypeError:
            unfit[name] = f"({', '.join(expected.parameters)})"
    return unfit


def misspelt_hooks(cls: type[Strategy]) -> dict[str, str]:
    """Return the public methods that would never be called, and the hook that each looks like."""
    hooks = [name for name in dir(Strategy) if callable(getattr(Strategy, name))]
    public = [name for name in dir(cls) if name not in dir(Strategy) and name[0] != "_"]
    methods = [name for name in public if inspect.isroutine(getattr(cls, name))]
    close = {name: difflib.get_close_matches(name, hooks, 1, _LIKENESS) for name in methods}
    return {name: matches[0] for name, matches in close.items() if matches}
