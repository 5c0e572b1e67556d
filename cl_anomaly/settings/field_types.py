"""Types of a run's settings: what each may be, read from what a person wrote."""

import re
from collections.abc import Sequence
from numbers import Integral
from typing import Annotated, Any, Literal

from pydantic import Field

from cl_anomaly.core.labels import Label, parse_class_weights, parse_classes, parse_task_order
from cl_anomaly.settings.values import Form

DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
ScenarioName = Literal["class-stream", "one-class", "joint", "clusters", "concepts"]
ScaledBy = Literal["first", "all"]
AnomaliesOf = Literal["shared", "own"]
Features = Literal["pixels", "hog", "random"]
StreamName = Literal["concept-aware", "concept-incremental", "concept-agnostic"]
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
"""The names of anomaly scores, known without PyTorch."""
MOST_SEEDS = 10_000
_MOST = 2**63 - 1  # what the files of a run hold


def is_text(value: Any) -> bool:
    """Return whether it is text that a file can be called, and can hold: no part of a character."""
    try:
        return "\0" not in value and len(value.encode()) > 0
    except (TypeError, AttributeError, UnicodeEncodeError):
        return False


def _parse_name(value: Any) -> str:
    if not is_text(value):
        raise ValueError
    return value


def parse_seeds(value: Any) -> list[int]:
    """Turn a number of seeds, or a list of them, into that list.

    Raises:
        ValueError, TypeError: no seed, a negative or a huge one, the same one twice, or something
            else altogether.
    """
    if isinstance(value, Integral) or (isinstance(value, str) and value.isdecimal()):
        (number,) = _whole_numbers([value])
        seeds = list(range(number)) if number <= MOST_SEEDS else []
    else:
        seeds = _whole_numbers(value)
    if not seeds or min(seeds) < 0 or max(seeds) > _MOST or len(set(seeds)) < len(seeds):
        raise ValueError
    return seeds


def _whole_numbers(value: Any) -> list[int]:
    parts = value.strip("[] ,").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise TypeError
    return [int(str(part)) for part in parts]


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


def parse_image_size(value: Any) -> str:
    """Turn 32 or "32" into "32x32"; "32x48" stays as it is.

    Raises:
        ValueError, TypeError: it is none of these.
    """
    if isinstance(value, bool) or not isinstance(value, Integral | str):
        raise TypeError
    sizes = re.fullmatch(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", str(value).strip())
    if sizes is None:
        raise ValueError
    return f"{sizes[1]}x{sizes[2] or sizes[1]}"


Name = Annotated[str, Form("a name or a path", _parse_name)]
Count = Annotated[int, Field(ge=1, le=_MOST, description="a whole number, 1 or more")]
Rate = Annotated[float, Field(gt=0, description="a number above 0")]
Share = Annotated[float, Field(ge=0, lt=1, description="a share, 0 or more and below 1")]
Seeds = Annotated[
    int | str | list[int],
    Form(
        f"how many seeds (1 to {MOST_SEEDS:,}), or different seeds of 0 or more such as 3,7",
        parse_seeds,
    ),
]
Classes = Annotated[
    Label | Sequence[Label],
    Form("a class, different classes such as 0,4, or all", parse_classes),
]
TaskOrder = Annotated[
    str | Sequence[Label],
    Form("ascending, random, or classes such as 3,1,2, each once", parse_task_order),
]
ClassWeights = Annotated[
    dict[str, float],
    Form("weights above 0 of different classes, such as 3=2,5=0.5", parse_class_weights),
]
ImageSize = Annotated[
    str, Form("a size such as 32, or HEIGHTxWIDTH such as 32x48", parse_image_size)
]
Scores = Annotated[
    str | list[str],
    Form(f"one of {', '.join(SCORE_NAMES)}, or different ones such as mse,sap", parse_scores),
]
