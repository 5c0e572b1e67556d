"""The figures' JavaScript: put together once, kept in the user's cache."""

from pathlib import Path

import pytest
import vl_convert

from cl_anomaly.data.downloads import data_roots
from cl_anomaly.report.page.page import bundle


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions for which the text was put together."""
    versions: list[str] = []

    def put_together(snippet: str, vl_version: str) -> str:
        versions.append(vl_version)
        return "x = '</script>'; " + snippet

    monkeypatch.setattr(vl_convert, "javascript_bundle", put_together)
    return versions


def test_it_is_put_together_once_and_cannot_end_its_element(made: list[str]) -> None:
    first = bundle.__wrapped__()
    assert first == "x = '<\\/script>'; window.vegaEmbed = vegaEmbed;"
    assert bundle.__wrapped__() == first
    assert len(made) == 1
    (kept,) = data_roots(None)[-1].iterdir()
    assert kept.name.startswith(f"vega-lite-{made[0]}-")


def test_without_a_cache_that_can_be_written_it_is_put_together_again(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert bundle.__wrapped__() == bundle.__wrapped__()
    assert len(made) == 2
