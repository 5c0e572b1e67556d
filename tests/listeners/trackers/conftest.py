import pytest

from cl_anomaly.runs import tracking
from tests.listeners.trackers.offered import offered

__all__ = ["offered"]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test reads what was tracked: it waits for that longer than a run does."""
    monkeypatch.setattr(tracking, "_SECONDS_AT_THE_END", 90.0)
