"""Tables of the user's own: what is read, how it is split, and what is said of mistakes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import Reading
from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.data.own_arrays import dataset_of
from cl_anomaly.data.tables import read_table
from cl_anomaly.plan.specification import specify

TABLE = "width,kind,height\n1,cat,-2.5\n3,dog,4e2\n5,cat,0\n7,NA,1\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "pets.csv"
    path.write_text(TABLE)
    return path


def test_columns_are_features_and_labels_are_as_they_are_written(table: Path) -> None:
    x_train, y_train, x_test, y_test = read_table(table, "kind")
    rows = sorted(zip([*y_train, *y_test], [*x_train.tolist(), *x_test.tolist()], strict=True))
    # NA is a class, and no missing value.
    expected = [("NA", [7, 1]), ("cat", [1, -2.5]), ("cat", [5, 0]), ("dog", [3, 400])]
    assert [(str(label), row) for label, row in rows] == expected
    assert x_train.dtype == x_test.dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["0", "1", "10"], [0, 1, 10]),
        (["0.0", "1.0", "2.0"], [0, 1, 2]),
        (["-1", "1", "1"], [-1, 1]),
        (["007", "1", "2"], ["007", "1", "2"]),
        (["1.5", "2", "2"], ["1.5", "2"]),
        (["True", "False", "True"], ["False", "True"]),
    ],
)
def test_labels_are_numbers_or_names(
    tmp_path: Path, labels: list[str], classes: list[object]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("x,y\n" + "".join(f"{n},{label}\n" for n, label in enumerate(labels * 4)))
    dataset = load_dataset(str(path), reading=Reading(label_column="y"))
    assert dataset.classes == classes
    # A number of 0 or more is its own code, so that it means the same everywhere.
    assert (dataset.class_names is None) == all(str(c).isdecimal() and c != "007" for c in classes)


def test_a_column_says_what_is_for_the_test(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("x,y,part\n1,0,train\n2,1,test\n3,0, TEST\n4,1,train\n")
    arrays = read_table(path, "y", "part")
    assert (arrays.x_train.tolist(), arrays.x_test.tolist()) == ([[1], [4]], [[2], [3]])
    assert (arrays.y_train.tolist(), arrays.y_test.tolist()) == (["0", "1"], ["1", "0"])


def test_30_percent_of_each_class_are_for_the_test_and_always_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    labels = ["a"] * 100 + ["b"] * 10 + ["c"]
    frame = pd.DataFrame({"x": range(111), "y": labels})
    frame.to_csv(path, index=False)
    arrays = read_table(path, "y")
    assert [(arrays.y_test == c).sum() for c in "abc"] == [30, 3, 1]
    both = np.sort(np.concatenate([arrays.x_train, arrays.x_test]).ravel())
    assert both.tolist() == list(range(111))
    assert np.array_equal(read_table(path, "y").x_test, arrays.x_test)
    # A class is split by itself: others may come and go.
    frame[frame["y"] != "b"].to_csv(path, index=False)
    fewer = read_table(path, "y")
    assert np.array_equal(fewer.x_test[fewer.y_test == "a"], arrays.x_test[arrays.y_test == "a"])


WRONG: dict[str, tuple[str, str]] = {
    "empty": ("", "to be a table"),
    "no rows": ("x,y\n", "to hold samples"),
    "no such column": ("x,z\n1,2\n", r"`label_column`.*one of x, z, but got 'y'"),
    "missing label": ("x,y\n1,0\n2,\n", "label in every row.*'y' has none in row 2"),
    "no features": ("y\n0\n1\n", "columns beside the label"),
    "text": ("x,y\n1,0\nfar,1\n", "column 'x' has far in row 2"),
    "nothing": ("x,y\n1,0\n,1\n", "column 'x' has nothing in row 2"),
    "infinite": ("x,y\n1,0\ninf,1\n", "column 'x' has inf in row 2"),
    "too large": ("x,y\n1,0\n1e300,1\n", "finite floats, but got 1e\\+300"),
    "row numbers": (",x,y\n0,1,0\n1,2,1\n", "to have a name, but number 0"),
    "one class": ("x,y\n1,0\n2,0\n3,0\n", "two classes.*only class 0"),
    "a comma in a name": ('x,y\n1,"a,b"\n2,c\n', "'a,b' has a comma"),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=f"(?s){said}") as caught:
        load_dataset(str(path), reading=Reading(label_column="y"))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["train", "later"], "train or test in every row, but got 'later' in row 2"),
        (["train", "train"], "to say test in some rows"),
    ],
)
def test_a_split_that_is_none(tmp_path: Path, parts: list[str], said: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("x,y,part\n" + "".join(f"1,0,{part}\n" for part in parts))
    with pytest.raises(InputError, match=said):
        read_table(path, "y", "part")
    with pytest.raises(InputError, match="`split_column`.*'gone'"):
        read_table(path, "y", "gone")


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"x,y\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="mine.csv to be a table"):
        read_table(path, "y")


def test_parquet_without_pyarrow_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        read_table(tmp_path / "mine.parquet", "y")


def test_parquet_is_read_by_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for pyarrow, which need not be installed: labels come as numbers, and not as text.
    frame = pd.DataFrame({"x": [1.5, 2, 3, 4], "y": pd.Series([0.0, 1, 1, 0])})
    monkeypatch.setitem(sys.modules, "pyarrow", pd)
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame)
    dataset = dataset_of("mine", read_table(tmp_path / "mine.parquet", "y"), tmp_path)
    assert dataset.classes == [0, 1]
    missing: Any = frame.assign(y=[0.0, float("nan"), 1, 0])
    monkeypatch.setattr(pd, "read_parquet", lambda path: missing)
    with pytest.raises(InputError, match="'y' has none in row 2"):
        read_table(tmp_path / "mine.parquet", "y")


def test_a_table_needs_its_label_column_named(table: Path) -> None:
    from cl_anomaly.settings.run_config import RunConfig

    with pytest.raises(InputError, match="`label_column`.* it has width, kind, height"):
        specify(RunConfig(dataset=str(table)))
