"""What a measurement says, as a line of the table and in the JSON file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: was measured, with its unit.
        value: the figure.
        detail: what it was computed from.
        at_most: the target, where less is better.
        at_least: the target, where more is better.
    """

    what: str
    value: float
    detail: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        """The target as text; empty where there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least
