"""The state of an Avalanche strategy between tasks, as tensors and JSON; nothing is pickled."""

import importlib
import json
from collections import defaultdict
from typing import Any

import torch
from avalanche.benchmarks.utils.data import AvalancheDataset
from avalanche.training.utils import ParamData
from torch import Tensor, nn

from cl_anomaly.avalanche.scenario import rows_and_places
from cl_anomaly.core.errors import RunError
from cl_anomaly.core.state import CannotKeepError

# Objects of these modules are rebuilt from their attributes.
_REBUILT = ("avalanche.training.storage_policy", "avalanche.training.regularization")

# Rebuilt before the next task, or set by the run.
_OF_PLUGINS = {"generator", "generator_strategy", "old_generator", "old_model", "loader"}
_OF_TEMPLATES = {
    "model",
    "optimizer",
    "device",
    "plugins",
    "experience",
    "evaluator",
    "clock",
    "_criterion",
    "dataloader",
    "adapted_dataset",
    "mbatch",
    "mb_output",
    "loss",
    "noise",
    "seed",
    "settings",
    "strategy_name",
    "optimized_param_id",
    "current_eval_stream",
    "_eval_streams",
    "_periodic_eval",
}
_JSON = "values"


def state_of(template: Any) -> dict[str, Tensor]:
    """Return the state of a template and its plugins, as tensors by name.

    Raises:
        CannotKeepError: they keep something other than numbers, text, tensors, datasets and
            modules.
    """
    tensors: dict[str, Tensor] = {}
    values = {
        name: {
            key: _dump(value, f"{name}.{key}", tensors)
            for key, value in vars(part).items()
            if key not in left_out
        }
        for name, (part, left_out) in _parts(template).items()
    }
    text = json.dumps(values).encode()
    return tensors | {_JSON: torch.frombuffer(bytearray(text), dtype=torch.uint8)}


def restore(template: Any, state: dict[str, Tensor], root: AvalancheDataset) -> None:
    """Restore what `state_of` returned in a template with the same options.

    Args:
        template: to restore.
        state: of the other template.
        root: the training samples of the whole stream.
    """
    values = json.loads(bytes(state[_JSON].cpu().tolist()))
    for name, (part, _) in _parts(template).items():
        for key, value in values[name].items():
            setattr(part, key, _load(value, state, getattr(part, key, None), root))


def _parts(template: Any) -> dict[str, tuple[Any, set[str]]]:
    plugins = [
        plugin
        for plugin in template.plugins
        # Not evaluation, and not our own watching of the training.
        if type(plugin).__name__ not in ("EvaluationPlugin", "PeriodicEval", "Watch")
    ]
    parts = {f"plugin.{number}": (plugin, _OF_PLUGINS) for number, plugin in enumerate(plugins)}
    return {"template": (template, _OF_TEMPLATES)} | parts


def _dump(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Turn a value into JSON that names tensors."""
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, list | tuple | set):
        items = [_dump(item, f"{path}.{place}", tensors) for place, item in enumerate(value)]
        return {type(value).__name__: items}
    if isinstance(value, dict):
        return {"dict": [[key, _dump(v, f"{path}.{key}", tensors)] for key, v in value.items()]}
    if type(value).__module__ in _REBUILT:
        attributes = {key: _dump(v, f"{path}.{key}", tensors) for key, v in vars(value).items()}
        cls = type(value)
        return {"object": f"{cls.__module__}:{cls.__qualname__}", "vars": attributes}
    return _dump_tensors(value, path, tensors)


def _dump_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().clone()
        return {"tensor": path}
    if isinstance(value, ParamData):
        tensors[path] = value.data.detach().clone()
        return {"parameter": path, "name": value.name}
    if isinstance(value, AvalancheDataset):
        nothing = torch.empty(0, dtype=torch.int64)
        try:
            tensors[path] = rows_and_places(value)[1] if len(value) else nothing
        except RunError as error:
            raise CannotKeepError(f"`{path}` of the Avalanche strategy: {error}") from error
        return {"dataset": path}
    if isinstance(value, nn.Module):
        for name, tensor in value.state_dict().items():
            tensors[f"{path}.{name}"] = tensor.detach().clone()
        return {"module": path}
    raise CannotKeepError(
        f"`{path}` of the Avalanche strategy is a {type(value).__qualname__}, which is neither a "
        f"number, a text, a tensor, a dataset nor a module"
    )


def _load(kept: Any, state: dict[str, Tensor], now: Any, root: AvalancheDataset) -> Any:
    """Rebuild a value; `now` is the one in its place in a new strategy."""
    if not isinstance(kept, dict):
        return kept
    for kind in (list, tuple, set):
        if kind.__name__ in kept:
            return kind(_load(item, state, None, root) for item in kept[kind.__name__])
    if "dict" in kept:
        known = now if isinstance(now, dict) else {}
        new = defaultdict(now.default_factory) if isinstance(now, defaultdict) else {}
        new |= {key: _load(item, state, known.get(key), root) for key, item in kept["dict"]}
        return new
    if "object" in kept:
        return _load_object(kept, state, now, root)
    return _load_tensors(kept, state, now, root)


def _load_object(kept: Any, state: dict[str, Tensor], now: Any, root: AvalancheDataset) -> Any:
    module, _, name = kept["object"].partition(":")
    if module not in _REBUILT:
        raise CannotKeepError(f"{kept['object']} is none of what is made anew")
    cls = getattr(importlib.import_module(module), name)
    new = now if type(now) is cls else cls.__new__(cls)
    for key, dumped in kept["vars"].items():
        vars(new)[key] = _load(dumped, state, vars(new).get(key), root)
    return new


def _load_tensors(kept: Any, state: dict[str, Tensor], now: Any, root: AvalancheDataset) -> Any:
    if "tensor" in kept:
        return state[kept["tensor"]]
    if "parameter" in kept:
        parameter = state[kept["parameter"]]
        return ParamData(
            kept["name"], parameter.shape, init_tensor=parameter, device=parameter.device
        )
    if "dataset" in kept:
        places = state[kept["dataset"]].tolist()
        return root.subset(places) if places else now
    start = f"{kept['module']}."
    now.load_state_dict({k.removeprefix(start): v for k, v in state.items() if k.startswith(start)})
    return now
