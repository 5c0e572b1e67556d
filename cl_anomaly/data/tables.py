"""Tables, FILE.csv and FILE.parquet: a row for each sample, a column with its label."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import listed_columns
from cl_anomaly.data.own_arrays import LabelledArrays, float32_of
from cl_anomaly.data.splits import seeded_split

_SPLITS = ("train", "test")


def read_table(path: Path, label_column: str, split_column: str | None = None) -> LabelledArrays:
    """Read a table of numbers, with a column of labels and perhaps one that says train or test.

    Without such a column, 30 % of each class is held out for testing, copies of a row together, by
    a split that is the same everywhere.

    Raises:
        InputError: the file cannot be read, a column is missing, or a cell is empty or no number.
    """
    frame = _read(path, label_column, split_column)
    for setting, column in (("label_column", label_column), ("split_column", split_column)):
        if column is not None and column not in frame.columns:
            raise InputError(
                setting=setting,
                expected=f"to be a column of {path}, one of {listed_columns(frame.columns)}",
                got=repr(column),
            )
    if not len(frame):
        raise InputError(f"Expected {path} to hold samples, a row for each, but it holds none.")
    labels = _labels(frame[label_column], path)
    not_features = [label_column] if split_column is None else [label_column, split_column]
    x = _numbers(frame.drop(columns=not_features), path)
    if split_column is None:
        is_test = seeded_split(x, labels)
    else:
        is_test = _split(frame[split_column], path)
    return LabelledArrays(x[~is_test], labels[~is_test], x[is_test], labels[is_test])


def _read(path: Path, *as_text: str | None) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path)
        # As it is written: a class may be called NA, or 007.
        kinds = {column: str for column in as_text if column is not None}
        return pd.read_csv(
            path, dtype=kinds, keep_default_na=False, encoding="utf-8-sig", index_col=False
        )
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror or error}.") from error
    except Exception as error:  # of pandas' and pyarrow's readers, each its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"Expected {path} to be a table with a line of column names, but: "
            f"{reason.removesuffix('.')}."
        ) from error


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"Expected pyarrow, with which {path} is read, but it is not installed. Install it "
            f"with `pip install pyarrow`, or save the table as CSV."
        ) from error
    return pd.read_parquet(path)


def _labels(column: "pd.Series[Any]", path: Path) -> NDArray[Any]:
    """Return labels as text; whole numbers without a fraction, however they are stored."""
    texts = [_label(value) for value in column.tolist()]
    if "" in texts:
        raise InputError(
            f"Expected a label in every row of {path}, but column {column.name!r} has none in row "
            f"{texts.index('') + 1}."
        )
    return np.array(texts)


def _label(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = str(value).strip()
    whole, point, fraction = text.partition(".")
    return whole if point and whole.lstrip("-").isdecimal() and not fraction.strip("0") else text


def _split(column: "pd.Series[Any]", path: Path) -> NDArray[np.bool_]:
    texts = [str(value).strip().lower() for value in column.tolist()]
    wrong = [number for number, text in enumerate(texts) if text not in _SPLITS]
    if wrong:
        raise InputError(
            f"Expected column {column.name!r} of {path} to say train or test in every row, but got "
            f"{column.iloc[wrong[0]]!r} in row {wrong[0] + 1}."
        )
    if missing := [part for part in _SPLITS if part not in texts]:
        raise InputError(
            f"Expected column {column.name!r} of {path} to say {missing[0]} in some rows, but got "
            f"only {texts[0]}."
        )
    return np.array(texts) == "test"


def _numbers(frame: pd.DataFrame, path: Path) -> NDArray[np.float32]:
    if not len(frame.columns):
        raise InputError(f"Expected {path} to have columns beside the label, but it has none.")
    read = []
    for name, column in frame.items():
        if str(name).startswith("Unnamed: "):
            raise InputError(
                f"Expected every column of {path} to have a name, but number "
                f"{str(name).removeprefix('Unnamed: ')}, counted from 0, has none. If it holds row "
                f"numbers, leave it out: they would tell samples apart."
            )
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        read.append(numbers)
        if len(wrong := np.flatnonzero(~np.isfinite(numbers))):
            value = column.iloc[wrong[0]]
            got = "nothing" if pd.isna(value) or value == "" else f"{value!s:.80}"
            raise InputError(
                f"Expected the columns of {path} to hold numbers, but column {name!r} has {got} in "
                f"row {wrong[0] + 1}. Fill it in, leave the column out, or turn it into numbers."
            )
    return float32_of(np.column_stack(read), f"{path}")
