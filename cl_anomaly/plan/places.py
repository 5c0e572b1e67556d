"""Where results are to lie: folders that cannot be made, and names that another run has."""

import os
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.plan.specification import FITTED_TO_DATA, Specification
from cl_anomaly.settings.catalogue import names_of
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.folder_names import another_run
from cl_anomaly.store.status import CONFIG_FILE, differences, identity


def check_folder(out: Path) -> None:
    """Make sure that results can have a folder, without making it.

    Raises:
        InputError: there is a file in its place, or above it.
    """
    there = next((place for place in (out, *out.parents) if os.path.lexists(place)), None)
    if there and not os.path.isdir(there):
        raise InputError(
            setting="out",
            expected="to be a folder that can be written to",
            but=f"{there} is a file",
            hint="Choose another with `--out DIR`.",
        )


def check_name_is_free(folder: Path, wanted: Specification) -> None:
    """Refuse a name that another run has, as far as the configuration says so.

    Args:
        folder: of that name.
        wanted: the run; what is open in it may be as it is there.

    Raises:
        InputError: it is of another run, or of a comparison.
    """
    if not (folder / CONFIG_FILE).is_file():
        return
    there = read_configuration(folder / CONFIG_FILE)
    if "runs" in there:
        raise another_run(folder, ["it is a comparison"])
    config = wanted.config
    own = {k: v for k, v in config.to_dict().items() if v is not None and v != "auto"}
    if config.strategy not in names_of("strategy"):
        del own["strategy_options"]
    open_ones = {k: v for k, v in there.get("model_options", {}).items() if k in FITTED_TO_DATA}
    own["model_options"] = open_ones | own["model_options"]
    known = identity(own, {}).keys() & own.keys()
    one, other = identity(there, {}), identity(own, {})
    if found := differences(*({k: v for k, v in d.items() if k in known} for d in (one, other))):
        raise another_run(folder, found)
