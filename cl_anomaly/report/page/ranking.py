"""The headline table: a row for each run, those without results among them."""

from dataclasses import dataclass
from typing import Any

from cl_anomaly.report.page.content import Content, Member
from cl_anomaly.report.page.numbers import is_known


@dataclass(frozen=True)
class Standing:
    """A run and its row of the table of its dataset, see `results.table.COLUMNS`.

    Attributes:
        member: the run.
        row: by column; NaN or None where a number is not known.
    """

    member: Member
    row: dict[str, Any]

    def number(self, column: str) -> float | None:
        """Return a number; None if it is missing."""
        value = self.row.get(column)
        return float(value) if is_known(value) else None  # type: ignore[arg-type]


def standings_of(content: Content) -> list[Standing]:
    """Sort all runs by their mean, the highest first; those without results come last."""
    rows = {
        (dataset, str(row["run"])): {str(name): value for name, value in row.items()}
        for dataset, table in content.standings.items()
        for row in table.to_dict("records")
    }
    standings = [Standing(member, rows[member.dataset, member.line]) for member in content.members]
    return sorted(
        standings, key=lambda row: (row.number("mean") is None, -(row.number("mean") or 0.0))
    )
