"""The headline table: a row for each run, those without results among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cl_anomaly.evaluation.statistics import MEAN
from cl_anomaly.report.page.content import Content, Member
from cl_anomaly.report.page.numbers import is_known


@dataclass(frozen=True)
class Standing:
    """What the headline table says of a run; None is not known.

    Attributes:
        member: the run.
        mean: of the headline AUROC after the last task, over all that is paired.
        low: of its 95 % interval.
        high: of it.
        rank: mean rank, 1 is the best.
        not_different_from: names of runs.
        replicas: that have a result.
        missing: replicas that have none, of those that another run has.
        gap_closed: the share of the way from the Lower to the Upper Bound.
        forgetting: after the last task, by the result matrix.
        seconds: of training, for each replica.
        operations: of training, for each replica.
        kept: bytes that its strategy and score keep after the last task, all replicas together.
        stores_samples: whether real ones are among them.
    """

    member: Member
    mean: float | None
    low: float | None
    high: float | None
    rank: float | None
    not_different_from: str
    replicas: int
    missing: int
    gap_closed: float | None
    forgetting: float | None
    seconds: float | None
    operations: float | None
    kept: float | None
    stores_samples: bool | None


def standings_of(content: Content) -> list[Standing]:
    """Order all runs by their mean, the highest first; those without results stand at the end."""
    rows = [_standing(content, member) for member in content.members]
    return sorted(rows, key=lambda row: (row.mean is None, -(row.mean or 0.0)))


def _standing(content: Content, member: Member) -> Standing:
    compared = content.compared.get(member.dataset)
    found: dict[str, Any] = {}
    if compared is not None and member.results is not None:
        rows = compared.table[compared.table["run"] == member.name].to_dict("records")
        found = {str(name): value for name, value in rows[0].items()} if rows else {}
    cost, last = member.cost, _after_last_task(content, member)
    replicas = _number(cost.get("replicas"))
    kept = [_number(cost.get("strategy_bytes")), _score_bytes(cost, content.score)]
    not_different = found.get("not_different_from")
    return Standing(
        member=member,
        **{name: _number(found.get(name)) for name in ("mean", "low", "high", "rank")},
        not_different_from=not_different if isinstance(not_different, str) else "",
        replicas=int(found.get("replicas", 0)),
        missing=int(found.get("missing", 0)),
        gap_closed=last.get("gap_closed"),
        forgetting=last.get("forgetting"),
        seconds=_per_replica(cost.get("training_seconds"), replicas),
        operations=_per_replica(cost.get("training_flops"), replicas),
        kept=None if None in kept else sum(filter(None, kept)),
        stores_samples=_truth(cost.get("stores_samples")),
    )


def _after_last_task(content: Content, member: Member) -> dict[str, float | None]:
    """Give what the summary says after the last task, over all anomaly classes."""
    summary = content.summary
    if member.results is None or summary.empty:
        return {}
    own = summary[(summary["run"] == member.name) & (summary["score"] == content.score)]
    own = own[own["metric"].isin(["gap_closed", "forgetting"])]
    of_all = own[own["anomaly_class"].astype(str) == MEAN]
    own = of_all if len(of_all) or own["anomaly_class"].nunique() > 1 else own
    return {
        str(metric): _number(value)
        for metric, value in zip(own["metric"], own["mean"], strict=True)
    }


def _score_bytes(cost: Any, score: str) -> float | None:
    """Give the bytes of the shown score: by score in a run's file, a number in a comparison's."""
    found = cost.get("score_bytes")
    return _number(found.get(score, 0) if isinstance(found, dict) else found)


def _per_replica(value: Any, replicas: float | None) -> float | None:
    total = _number(value)
    return total / replicas if total is not None and replicas else None


def _number(value: Any) -> float | None:
    return float(value) if is_known(value) and not isinstance(value, str) else None


def _truth(value: Any) -> bool | None:
    known = {"True": True, "False": False}
    return known.get(str(value))


def values_for(rows: Sequence[Standing], name: str) -> list[float]:
    """Give the known values of a column."""
    return [value for row in rows if (value := getattr(row, name)) is not None]
