"""A folder for results is tried before hours of training."""

from pathlib import Path

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.store.files import check_writable


def test_check_writable_leaves_the_folder_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_check_writable_refuses_what_is_no_folder(tmp_path: Path, place: str) -> None:
    # Not by permissions: root, who may run the tests, is refused nothing.
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=f"`out`.*{tmp_path / place}.*--out"):
        check_writable(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"
