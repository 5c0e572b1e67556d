"""Names and options of a configuration, checked before anything is loaded that trains."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cl_anomaly.code.catalogue import (
    catalogue,
    check_listed,
    check_strategy_name,
    dataset_names,
    model_entry,
)
from cl_anomaly.config import RunConfig, read_configuration
from cl_anomaly.errors import InputError
from cl_anomaly.options import fill
from cl_anomaly.python_values import GivenStrategy
from cl_anomaly.storage.status import CONFIG_FILE, differences, identity


def looked_up(config: RunConfig) -> RunConfig:
    """Check names and options as far as that needs no loading, and fill in the options' defaults.

    The options of a strategy from a file, another package or a family stay as they are.

    Raises:
        InputError: there is no such strategy, model or dataset, or it has no such option, or that
            has the wrong type.
    """
    if not isinstance(config.strategy, GivenStrategy):
        check_strategy_name(config.strategy)
    check_dataset_name(config.dataset)
    options = config.strategy_options
    if own := catalogue("strategies").get(config.strategy):
        options = fill(own.options, options, own.name)
    model = model_entry(config.model)
    model_options = fill(model.options, config.model_options, model.name)
    return replace(config, strategy_options=options, model_options=model_options)


def check_dataset_name(name: str | None) -> None:
    """Make sure that there is such a dataset, or such a file.

    Raises:
        InputError: there is none.
    """
    if name is None:
        return
    if not name.endswith(".npz"):
        check_listed("dataset", name, dataset_names(), ", or FILE.npz")
    elif not os.path.exists(name):
        raise InputError(f"Expected `dataset` to be a file, but there is no {name!r}.")


def check_folder(out: Path) -> None:
    """Make sure that results can have a folder, without making it.

    Raises:
        InputError: there is a file in its place, or above it.
    """
    there = next((place for place in (out, *out.parents) if os.path.lexists(place)), None)
    if there and not os.path.isdir(there):
        raise InputError(
            f"Expected `out` to be a folder that can be written to, but {there} is a file. Choose "
            f"another with `--out DIR`."
        )


def check_name_is_free(folder: Path, config: RunConfig) -> None:
    """Refuse a name that another run has, as far as the configuration says so.

    Args:
        folder: of that name.
        config: whose options are filled in; what is open in it may be as it is there.

    Raises:
        InputError: it is of another run, or of a comparison.
    """
    if not (folder / CONFIG_FILE).is_file():
        return
    there = read_configuration(folder / CONFIG_FILE)
    if "runs" in there:
        raise another_run(folder, ["it is a comparison"])
    own = {k: v for k, v in config.to_dict().items() if v is not None and v != "auto"}
    if config.strategy not in catalogue("strategies"):
        del own["strategy_options"]
    known = identity(own, {}).keys() & own.keys()
    one, other = identity(there, {}), identity(own, {})
    if found := differences(*({k: v for k, v in d.items() if k in known} for d in (one, other))):
        raise another_run(folder, found)


def another_run(folder: Path, differences: Sequence[str]) -> InputError:
    """Make the error of a name that another run has."""
    shown = [*differences[:3], f"{len(differences) - 3} more differ"][: len(differences)]
    return InputError(
        f"Expected `name` to be new or of the same run, but {folder} holds another: "
        f"{'; '.join(shown)}.\nGive this one another name, or leave `--name` out."
    )
