"""The names of anomaly scores, as a setting holds them; known without PyTorch."""

from typing import Annotated, Any

from cl_anomaly.settings.kinds import Reader

SCORE_NAMES = (
    *("recon", "mse", "l1", "elbo", "kl"),
    *("recon-prob", "iwae", "mahalanobis", "sap", "nap", "likelihood-regret"),
    *("nll", "noise-error"),
    *("least", "log-margin", "auto-margin", "softmin", "background"),
    *(
        "mahalanobis-log-margin",
        "mahalanobis-auto-margin",
        "mahalanobis-softmin",
        "mahalanobis-background",
    ),
)


def parse_scores(value: Any) -> str | list[str]:
    """Turn "mse,sap" into a list, and a list of one score into that score.

    Raises:
        ValueError, TypeError: it holds none, one twice, or one that does not exist.
    """
    names = value.strip("[] ,").split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise TypeError
    names = [str(name).strip() for name in names]
    if not names or len(set(names)) < len(names) or not set(names) <= {*SCORE_NAMES}:
        raise ValueError
    return names[0] if len(names) == 1 else names


Scores = Annotated[
    str | list[str],
    Reader(f"one of {', '.join(SCORE_NAMES)}, or different ones such as mse,sap", parse_scores),
]


def listed(scores: str | list[str] | None) -> list[str]:
    """Return the names that the setting holds; none where it is open."""
    return scores if isinstance(scores, list) else [] if scores is None else [scores]
