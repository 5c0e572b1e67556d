"""How runs were compared, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cl_anomaly.statistics.comparison import Comparison

_MOST_NAMED = 6


def tested_over(compared: Comparison) -> str:
    """Name the test and what it is over, for a title: "Wilcoxon and Holm over 5 seeds"."""
    from cl_anomaly.statistics.pair_tests import counted  # with pandas

    return f"Wilcoxon and Holm over {counted(compared.count, compared.units)}"


def how_tested(compared: Comparison) -> list[str]:
    """Describe which pairs were tested by what, what a block is, and what decides nothing."""
    from cl_anomaly.statistics.pair_tests import counted

    said = [
        f"Two runs are called different by Wilcoxon's signed-rank test (paired, exact, both "
        f"sides, {compared.alpha:g}) over {counted(compared.count, compared.units)}, adjusted by "
        f"Holm's method within a family of pairs: {_families(compared)}. Other pairs are not "
        f"tested.",
        _BLOCKS if compared.units == "blocks" else _SEEDS,
    ]
    if compared.friedman is not None:
        said.append(
            f"Mean ranks, Friedman's test (p {in_p(compared.friedman)}) and Nemenyi's critical "
            f"difference of {compared.critical_difference:.2f} mean ranks belong to the picture of "
            f"ranks alone, and decide nothing."
        )
    return said


_BLOCKS = (
    "A block is one anomaly class of one dataset, with the mean over its seeds. Anomaly classes of "
    "one dataset share its images and are no independent datasets: a difference holds for this "
    "data, whichever class is the anomaly."
)
_SEEDS = "Seeds share the data and the anomaly class: a difference holds for these two."


def _families(compared: Comparison) -> str:
    from cl_anomaly.statistics.pair_tests import BEST

    families = []
    if compared.named:
        families.append(
            f"the {len(compared.named)} that were named in advance ({_listed(compared.named)})"
            if len(compared.named) > 1
            else f"the one that was named in advance ({_listed(compared.named)})"
        )
    count = int((compared.pairs["family"] == BEST).sum())
    if count:
        others = "each other run" if count > 1 or compared.named else "the other run"
        families.append(f"the {count} of {compared.best}, which has the best mean, with {others}")
    return "; ".join(families) or "none"


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    names = [f"{one} – {other}" for one, other in pairs[:_MOST_NAMED]]
    return ", ".join([*names, *(["…"] if len(pairs) > _MOST_NAMED else [])])


def in_p(value: float) -> str:
    """Write a p-value with its sign: "= 0.031" or "< 0.001"."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
