"""Options from outside: checked by type, with defaults filled in."""

from typing import Any, Literal

import pytest

from cl_anomaly.errors import InputError
from cl_anomaly.options import describe_options, fill_options, summary


class Shelf:
    """Holds books.

    More about it.
    """

    def __init__(
        self,
        room: object,
        boards: int,
        depth: float = 0.5,
        wood: Literal["oak", "pine"] = "oak",
        heights: tuple[int, ...] = (30, 40),
    ) -> None: ...


class Empty:
    def __init__(self) -> None: ...


class UntypedRequired:
    def __init__(self, boards) -> None: ...


class UntypedWithDefault:
    def __init__(self, boards=3) -> None: ...


GIVEN_ELSEWHERE = frozenset({"room"})


def fill(options: dict[str, Any]) -> dict[str, Any]:
    return fill_options(Shelf, options, GIVEN_ELSEWHERE)


def test_defaults_are_filled_in() -> None:
    assert fill({"boards": 4}) == {
        "boards": 4,
        "depth": 0.5,
        "wood": "oak",
        "heights": (30, 40),
    }


def test_given_options_replace_defaults() -> None:
    filled = fill({"boards": 4, "wood": "pine", "heights": (1,)})
    assert filled["wood"] == "pine"
    assert filled["heights"] == (1,)


def test_options_are_converted_to_their_types() -> None:
    # 5 from the command line and 5.0 from a file are one configuration, with one fingerprint;
    # JSON and TOML know no tuples.
    filled = fill({"boards": 4, "depth": 5, "heights": [1, 2]})
    assert repr(filled["depth"]) == "5.0"
    assert filled["heights"] == (1, 2)


def test_given_options_are_left_as_they_are() -> None:
    options = {"boards": 4, "depth": 5}
    fill(options)
    assert options == {"boards": 4, "depth": 5}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"boards": 4, "colour": "red"}, "colour", id="unknown"),
        pytest.param({"boards": 4, "room": 1}, "room", id="no-option"),
        pytest.param({}, "boards", id="missing"),
        pytest.param({"boards": "four"}, "four", id="text-for-number"),
        pytest.param({"boards": 2.5}, "2.5", id="fraction-for-whole"),
        pytest.param({"boards": True}, "True", id="truth-for-number"),
        pytest.param({"boards": 4, "depth": "deep"}, "deep", id="text-for-fraction"),
        pytest.param({"boards": 4, "depth": None}, "depth", id="nothing-for-fraction"),
        pytest.param({"boards": 4, "wood": "steel"}, "steel", id="no-such-choice"),
        pytest.param({"boards": 4, "heights": [1, "x"]}, "x", id="wrong-element"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        fill(options)
    # The message also says what would have been right.
    assert "Shelf takes the options: boards, depth=0.5, wood=oak" in str(refused.value)


def test_a_class_without_options_says_so() -> None:
    assert fill_options(Empty, {}) == {}
    with pytest.raises(InputError, match="Empty takes the options: none.*boards"):
        fill_options(Empty, {"boards": 4})


@pytest.mark.parametrize("cls", [UntypedRequired, UntypedWithDefault])
def test_an_argument_without_a_type_is_refused(cls: type) -> None:
    # Its options could not be checked: any mistake would surface in the middle of a run.
    with pytest.raises(InputError, match="boards"):
        fill_options(cls, {"boards": 4})


def test_describe_options() -> None:
    assert describe_options(Shelf, GIVEN_ELSEWHERE) == [
        "boards",
        "depth=0.5",
        "wood=oak",
        "heights=(30, 40)",
    ]
    assert describe_options(Empty) == []


def test_summary_is_the_first_line_of_the_docstring() -> None:
    assert summary(Shelf) == "Holds books."
    assert summary(Empty) == ""
