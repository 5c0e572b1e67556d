"""Settings that do not go together, found before anything is loaded that trains."""

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import OWN, find_label, listed, parse_labels
from cl_anomaly.data.dataset_names import CLASSES, OR_YOUR_OWN, Reading, check_own, is_own
from cl_anomaly.settings.catalogue import check_listed
from cl_anomaly.settings.run_config import RunConfig, settings_of_a_run

_OF_CLUSTERS = ("concepts", "cluster_scaling", "cluster_anomalies")


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
    if scenario in ("one-class", "joint"):
        _check_one_task(config, scenario)
    if _brings_anomalies(config, scenario):
        _check_concepts(config, str(scenario))
    if scenario not in (None, "clusters"):
        _check_no_clusters(config, scenario)


def _check_one_task(config: RunConfig, scenario: str) -> None:
    """Refuse settings of several tasks in a scenario that has one.

    Raises:
        InputError: there is one.
    """
    if config.classes_per_task != 1:
        raise InputError(
            setting="classes_per_task",
            expected="with the scenario class-stream",
            but=f"the scenario is {scenario}, which has one task",
        )
    if config.blur:
        raise InputError(
            setting="blur",
            expected="with a scenario of several tasks",
            but=f"the scenario is {scenario}, which has one",
        )
    if scenario == "one-class" and config.task_order != "ascending":
        raise InputError(
            setting="task_order",
            expected="with the scenario class-stream",
            but=f"the scenario is {scenario}, which has one task",
        )


def _check_concepts(config: RunConfig, scenario: str) -> None:
    """Refuse settings of classes in a scenario whose concepts bring their own anomalies.

    Raises:
        InputError: there is one.
    """
    if config.classes_per_task != 1:
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
            expected="no {} with {stream} concept-aware, because a threshold is for samples of any "
            "concept",
            got=f"{config.calibration:g}",
        )


def check_classes(config: RunConfig) -> None:
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
