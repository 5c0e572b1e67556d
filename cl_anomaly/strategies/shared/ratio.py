"""The number of samples that are replayed for the new ones of a batch."""

from typing import Literal

from cl_anomaly.core.errors import InputError

Ratio = float | Literal["proportional"]
"""Replayed samples for each new one; "proportional" for one of each past task."""


def checked_ratio(ratio: Ratio) -> Ratio:
    """Return a ratio as it is; refuse one that replays nothing.

    Raises:
        InputError: it is neither "proportional" nor a number above 0.
    """
    if ratio != "proportional" and not 0 < ratio < float("inf"):
        raise InputError(setting="ratio", expected="to be proportional or above 0", got=ratio)
    return ratio


def replayed_count(ratio: Ratio, past_tasks: int, new_samples: int) -> int:
    """Count the samples that join a batch, 1 or more."""
    return max(1, round((past_tasks if ratio == "proportional" else float(ratio)) * new_samples))
