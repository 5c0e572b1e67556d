"""Streams that tell nothing of concepts: settings that they have, and what is open in them."""

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.run_config import RunConfig

# Two batches of MNIST, four of digits: enough to shuffle, and a memory does not wait long.
DEFAULT_PORTION = 128


def is_agnostic(config: RunConfig) -> bool:
    """Return whether training is told nothing of concepts."""
    return config.stream == "concept-agnostic"


def check_portion(config: RunConfig) -> None:
    """Refuse a portion where there is none, and one that does not fill a batch.

    Raises:
        InputError: it is either.
    """
    if config.portion is not None and not is_agnostic(config):
        raise InputError(
            setting="portion",
            expected="with {stream} concept-agnostic",
            but=f"the stream is {config.stream}, in which samples come task by task",
        )
    size = config.portion or DEFAULT_PORTION
    if is_agnostic(config) and (config.batch_size or 0) > size:
        raise InputError(
            setting="batch_size",
            expected=f"to be at most the samples of a portion, {size}",
            got=config.batch_size,
            hint="Set `portion`.",
        )


def about_portions(config: RunConfig) -> str:
    """Describe in a sentence how samples arrive, once nothing is left open."""
    passes = "one pass" if config.epochs == 1 else f"{config.epochs} passes"
    if config.steps is not None:
        passes = f"{config.steps} steps"
    return f"Samples arrive in portions of {config.portion}, with {passes} over each."
