"""The command that makes a run again, from its settings alone."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from cl_anomaly.settings.catalogue import names_of, options_by_name
from cl_anomaly.settings.options import REQUIRED, Option
from cl_anomaly.settings.run_config import settings_of_a_run

_OPTIONS = {"strategy_options": "strategy", "model_options": "model"}
# Where the data lies is the reader's own affair.
_LEFT_OUT = {"data_root"}


def command_of(config: Mapping[str, Any]) -> str:
    """Write the command that runs a configuration again; what is a default is left out.

    Args:
        config: as `config.json` holds it, with every default filled in.
    """
    words = ["cl-anomaly", "run"]
    for option in settings_of_a_run():
        value = config.get(option.name)
        if option.name in _OPTIONS:
            words += _own_options(_OPTIONS[option.name], config, value or {})
        elif option.name not in _LEFT_OUT and value is not None:
            if option.name == "strategy" or not _is_default(value, option):
                words += _given(_flag(option.name), _setting(option.name, value))
    return " ".join(map(shlex.quote, words))


def _own_options(owner: str, config: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Write the options of a strategy or a model that are not its defaults."""
    name = str(config.get(owner))
    options = options_by_name(owner, name) if name in names_of(owner) else ()
    known = {option.name: option for option in options}
    words = []
    for name, value in given.items():
        if name not in known or not _is_default(value, known[name]):
            words += _given(_flag(f"{owner}.{name}"), _written(value))
    return words


def _given(flag: str, value: str) -> list[str]:
    """Return a flag its value, beside it where that looks like a flag."""
    return [f"{flag}={value}"] if value.startswith("--") else [flag, value]


def _is_default(value: Any, option: Option) -> bool:
    if option.default is REQUIRED:
        return False
    if isinstance(value, list | tuple | dict):  # JSON holds a tuple as a list
        return _plain(value) == _plain(option.default)
    return value == option.default


def _setting(name: str, value: Any) -> str:
    if name == "seeds" and isinstance(value, list):
        if value == list(range(len(value))):
            return str(len(value))
        return ",".join(map(str, value)) + "," * (len(value) == 1)
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return _written(value)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
