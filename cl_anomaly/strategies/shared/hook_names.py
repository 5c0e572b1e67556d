"""Hooks that a strategy's class spells or declares otherwise than they will be called."""

import difflib
import inspect

from cl_anomaly.strategies.base import Strategy

# Between 0 and 1, of two names: `penalti`, `after_taks` and `extended` are above it.
_LIKENESS = 0.75


def unfit_hooks(cls: type[Strategy]) -> dict[str, str]:
    """Return the hooks that cannot be called as they will be, and what each should take."""
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
    own = [name for name in dir(cls) if name not in dir(Strategy) and name[0] != "_"]
    methods = [name for name in own if inspect.isroutine(getattr(cls, name))]
    close = {name: difflib.get_close_matches(name, hooks, 1, _LIKENESS) for name in methods}
    return {name: found[0] for name, found in close.items() if found}
