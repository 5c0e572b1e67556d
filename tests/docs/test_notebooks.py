"""Example notebooks: they run, and are kept without what they print."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.places import ROOT

NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_was_printed_is_kept(path: Path) -> None:
    notebook = _read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_the_notebook_of_results_runs_and_shows_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # Where the package is not installed, it is found here.
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = _read(ROOT / "docs" / "notebooks" / "results.ipynb")
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    cells = [cell for cell in notebook.cells if cell.get("outputs")]
    shown = {cell.source.splitlines()[-1]: cell.outputs for cell in cells}
    (suite,) = shown["suite"]
    for word in ("upper", "gr", "lower", "forgetting", "<table"):
        assert word in suite["data"]["text/html"]
    assert "not_different_from" in suite["data"]["text/plain"]
    (both,) = shown['by_hand, run.headline["mse"][0, -1]']
    by_hand, ours = map(float, re.findall(r"\d\.\d+", both["data"]["text/plain"]))
    assert by_hand == pytest.approx(ours, abs=1e-6)
    (run,) = shown["read_run(run.folder)"]
    assert "<table" in run["data"]["text/html"] and "gr on digits" in run["data"]["text/plain"]
    printed = shown['main(["export", str(suite.folder), "--to", "latex"])']
    assert any("\\toprule" in own.get("text", "") for own in printed)
