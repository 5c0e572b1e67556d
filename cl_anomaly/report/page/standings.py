"""The headline table: a row for each run, those without results among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cl_anomaly.evaluation.bounds import kind_of
from cl_anomaly.evaluation.metrics import gap_closed
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
    rows = _with_gaps([_standing(content, member) for member in content.members])
    return sorted(rows, key=lambda row: (row.mean is None, -(row.mean or 0.0)))


def _standing(content: Content, member: Member) -> Standing:
    compared = content.compared.get(member.dataset)
    found: dict[str, Any] = {}
    if compared is not None and member.results is not None:
        rows = compared.table[compared.table["run"] == member.line].to_dict("records")
        found = {str(name): value for name, value in rows[0].items()} if rows else {}
    cost = member.cost
    replicas = _number(cost.get("replicas"))
    kept = [_number(cost.get("strategy_bytes")), _score_bytes(cost, member)]
    not_different = found.get("not_different_from")
    return Standing(
        member=member,
        **{name: _number(found.get(name)) for name in ("mean", "low", "high", "rank")},
        not_different_from=not_different if isinstance(not_different, str) else "",
        replicas=int(found.get("replicas", 0)),
        missing=int(found.get("missing", 0)),
        gap_closed=None,  # until the bounds are known
        forgetting=_forgetting(member),
        seconds=_per_replica(cost.get("training_seconds"), replicas),
        operations=_per_replica(cost.get("training_flops"), replicas),
        kept=None if None in kept else sum(filter(None, kept)),
        stores_samples=_truth(cost.get("stores_samples")),
    )


def _with_gaps(rows: Sequence[Standing]) -> list[Standing]:
    """Set every run between the Lower and the Upper Bound of its dataset, model and score."""
    bounds = {_kind(row.member, row.member.strategy): row.mean for row in reversed(rows)}
    whole = []
    for row in rows:
        low, high = (bounds.get(_kind(row.member, bound)) for bound in ("lower", "upper"))
        closed = None
        if row.mean is not None and low is not None and high is not None:
            closed = _number(gap_closed(row.mean, low, high))
        whole.append(replace(row, gap_closed=closed))
    return whole


def _kind(member: Member, strategy: str) -> tuple[str, ...]:
    score = member.results.score if member.results else ""
    return member.dataset, *kind_of(strategy, member.config, score)


def _forgetting(member: Member) -> float | None:
    """Give the forgetting after the last task, over all anomaly classes."""
    if member.results is None or member.summary.empty:
        return None
    own = member.summary
    own = own[(own["score"] == member.results.score) & (own["metric"] == "forgetting")]
    of_all = own[own["anomaly_class"] == MEAN]
    found = (of_all if len(of_all) else own)["mean"].tolist()
    return _number(found[0]) if found else None


def _score_bytes(cost: Mapping[str, Any], member: Member) -> float | None:
    """Give the bytes of the shown score: by score in a run's file, a number in a comparison's."""
    found, score = cost.get("score_bytes"), member.results.score if member.results else ""
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
