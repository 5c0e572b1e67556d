"""Names and options of a configuration, checked before anything is loaded that trains."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import OWN, find_label, listed, parse_labels
from cl_anomaly.data.dataset_names import CLASSES, OR_YOUR_OWN, Reading, check_own, is_own, located
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.plan.agnostic import check_portion
from cl_anomaly.settings.catalogue import (
    check_listed,
    check_strategy_name,
    model_options_of,
    names_of,
    options_by_name,
)
from cl_anomaly.settings.options import fill
from cl_anomaly.settings.python_values import GivenStrategy
from cl_anomaly.settings.run_config import RunConfig, settings_of_a_run
from cl_anomaly.settings.strategy_names import within_family
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.status import CONFIG_FILE, differences, identity

_OF_CLUSTERS = ("concepts", "cluster_scaling", "cluster_anomalies")
FITTED_TO_DATA = frozenset({"reconstruction"})
"""Options of models whose default depends on the data: they are left open until it is loaded."""


def looked_up(config: RunConfig) -> RunConfig:
    """Check names and options as far as that needs no loading, and fill in the options' defaults.

    The options of a strategy from a file, another package or a family stay as they are.

    Raises:
        InputError: there is no such strategy, model or dataset, or it has no such option, or that
            has the wrong type.
    """
    if not isinstance(config.strategy, GivenStrategy):
        check_strategy_name(config.strategy)
    if config.dataset is not None:
        name = located(config.dataset, data_roots(config.data_root))
        config = replace(config, dataset=name)
    check_dataset_name(config)
    check_scenario(config)
    check_portion(config)
    _check_classes(config)
    options = config.strategy_options
    if config.strategy in names_of("strategy"):
        options = fill(options_by_name("strategy", config.strategy), options, config.strategy)
    given = config.model_options
    model_options = fill(model_options_of(config.model), given, within_family(config.model))
    for name in FITTED_TO_DATA - given.keys():
        model_options.pop(name, None)
    return replace(config, strategy_options=options, model_options=model_options)


def check_dataset_name(config: RunConfig) -> None:
    """Make sure that there is such a dataset, or such a file or folder, and how it is to be read.

    Raises:
        InputError: there is none, or a setting does not go with it.
    """
    if config.dataset is not None and not is_own(config.dataset):
        check_listed("dataset", config.dataset, tuple(CLASSES), OR_YOUR_OWN)
    check_own(config.dataset or "mnist", reading_of(config))


def reading_of(config: RunConfig) -> Reading:
    """Describe how data of the user's own is to be read."""
    return Reading(config.image_size, config.label_column, config.split_column)


def check_scenario(config: RunConfig) -> None:
    """Refuse settings that the scenario does not have.

    Raises:
        InputError: there is one.
    """
    scenario = config.scenario or ("one-class" if config.normal_class is not None else None)
    _check_stream(config, scenario)
    if scenario not in (None, "one-class") and config.normal_class is not None:
        raise InputError(
            setting="normal_class",
            expected="with the scenario one-class",
            but=f"the scenario is {scenario}, where all classes but the anomaly class are normal",
        )
    if scenario in ("one-class", "joint") and config.classes_per_task != 1:
        raise InputError(
            setting="classes_per_task",
            expected="with the scenario class-stream",
            but=f"the scenario is {scenario}, which has one task",
        )
    if scenario in ("one-class", "joint") and config.blur:
        raise InputError(
            setting="blur",
            expected="with a scenario of several tasks",
            but=f"the scenario is {scenario}, which has one",
        )
    if _brings_anomalies(config, scenario) and config.classes_per_task != 1:
        raise InputError(
            setting="classes_per_task",
            expected="with the scenario class-stream",
            but=f"the scenario is {scenario}, in which each concept with its own "
            "anomalies is a task",
        )
    if scenario == "concepts" and config.anomaly_class not in (None, OWN):
        raise InputError(
            setting="anomaly_class",
            expected="no {} with the scenario concepts, in which each concept has anomalies of its "
            "own",
            got=config.anomaly_class,
        )
    if scenario not in (None, "clusters"):
        _check_no_clusters(config, scenario)
    if scenario == "one-class" and config.task_order != "ascending":
        raise InputError(
            setting="task_order",
            expected="with the scenario class-stream",
            but="the scenario is one-class, which has one task",
        )


def _brings_anomalies(config: RunConfig, scenario: str | None) -> bool:
    """Return whether each concept brings its own anomalies."""
    return scenario == "concepts" or (scenario == "clusters" and config.cluster_anomalies == "own")


def _check_no_clusters(config: RunConfig, scenario: str | None) -> None:
    """Refuse settings of the scenario clusters in another.

    Raises:
        InputError: there is one.
    """
    for option in settings_of_a_run():
        name = option.name
        if name in _OF_CLUSTERS and getattr(config, name) != option.default:
            raise InputError(
                setting=name,
                expected="with the scenario clusters",
                but=f"the scenario is {scenario}",
            )


def _check_stream(config: RunConfig, scenario: str | None) -> None:
    """Refuse what does not go with what the detector is told; None is a scenario left open.

    Raises:
        InputError: something does not.
    """
    is_open = scenario is None
    if config.stream == "concept-aware" and not (is_open or _brings_anomalies(config, scenario)):
        raise InputError(
            setting="stream",
            expected="concept-aware with the scenario concepts, or clusters with "
            "`cluster_anomalies` own, in which each anomaly belongs to a "
            "concept",
            but=f"the scenario is {scenario}",
        )
    if config.stream == "concept-aware" and config.calibration:
        raise InputError(
            setting="calibration",
            expected="no {} with `stream` concept-aware, because a threshold is for samples of any "
            "concept",
            got=f"{config.calibration:g}",
        )


def _check_classes(config: RunConfig) -> None:
    """Make sure that the classes are those of the dataset, where it has a name.

    Raises:
        InputError: one of them is not.
    """
    name = config.dataset or "mnist"
    if (known := CLASSES.get(name)) is None:
        return
    for setting in ("anomaly_class", "normal_class", "task_order", "class_weights"):
        value = getattr(config, setting)
        value = list(value) if isinstance(value, dict) else value
        classes = [] if value in (None, [], "all", "ascending", "random") else parse_labels(value)
        for label in classes:
            if find_label(label, known) is None:
                raise InputError(
                    setting=setting,
                    expected=f"to be a class of {name} ({listed(known)})",
                    got=label,
                )


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
    if config.strategy not in names_of("strategy"):
        del own["strategy_options"]
    open_ones = {k: v for k, v in there.get("model_options", {}).items() if k in FITTED_TO_DATA}
    own["model_options"] = open_ones | own["model_options"]
    known = identity(own, {}).keys() & own.keys()
    one, other = identity(there, {}), identity(own, {})
    if found := differences(*({k: v for k, v in d.items() if k in known} for d in (one, other))):
        raise another_run(folder, found)


def another_run(folder: Path, differences: Sequence[str]) -> InputError:
    """Make the error of a name that another run has."""
    shown = [*differences[:3], f"{len(differences) - 3} more differ"][: len(differences)]
    return InputError(
        setting="name",
        expected="to be new or of the same run",
        but=f"{folder} holds another: {'; '.join(shown)}",
        hint="Give this one another name, or leave `--name` out.",
    )
