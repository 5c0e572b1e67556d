"""Options from outside: checked by type, with defaults filled in."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.options import fill_options, options_of, summary
from cl_anomaly.settings.values import Text


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
    # The message also says whose option it is, and what would have been right.
    assert "Shelf" in str(refused.value)
    assert str(refused.value).startswith("Expected ")


def test_a_class_without_options_says_so() -> None:
    assert fill_options(Empty, {}) == {}
    with pytest.raises(InputError, match="no option, as Empty has none, but got `boards`"):
        fill_options(Empty, {"boards": 4})


@pytest.mark.parametrize("cls", [UntypedRequired, UntypedWithDefault])
def test_an_argument_without_a_type_is_refused(cls: type) -> None:
    # Its options could not be checked: any mistake would surface in the middle of a run.
    with pytest.raises(InputError, match="boards"):
        fill_options(cls, {"boards": 4})


def test_options_are_written_with_their_defaults() -> None:
    assert list(map(str, options_of(Shelf, GIVEN_ELSEWHERE))) == [
        "boards",
        "depth=0.5",
        "wood=oak",
        "heights=(30, 40)",
    ]
    assert options_of(Empty) == ()


def test_summary_is_the_first_line_of_the_docstring() -> None:
    assert summary(Shelf) == "Holds books."
    assert summary(Empty) == ""


@pytest.mark.parametrize(
    ("typed", "filled"),
    [
        ({"boards": "4"}, {"boards": 4}),
        ({"depth": "5"}, {"depth": 5.0}),
        ({"depth": "1e-3"}, {"depth": 0.001}),
        ({"wood": "pine"}, {"wood": "pine"}),
        ({"heights": "30,50"}, {"heights": (30, 50)}),
        ({"heights": "[30, 50]"}, {"heights": (30, 50)}),
        ({"heights": "30,"}, {"heights": (30,)}),
        ({"heights": "30"}, {"heights": (30,)}),
    ],
)
def test_what_is_typed_is_read_as_its_type(typed: dict[str, str], filled: dict[str, Any]) -> None:
    options = {"boards": 4} | {name: Text(value) for name, value in typed.items()}
    assert repr({name: fill(options)[name] for name in filled}) == repr(filled)


@pytest.mark.parametrize(
    ("name", "typed", "expected"),
    [
        ("boards", "4.0", "a whole number"),
        ("boards", "null", "a whole number"),
        ("depth", "nan", "a number"),
        ("wood", "steel", "one of oak, pine"),
        ("heights", "30,x", "a list such as 3,7 of which each is a whole number"),
        ("heights", "[30", "a list such as 3,7 of which each is a whole number"),
    ],
)
def test_what_is_typed_wrong_is_refused(name: str, typed: str, expected: str) -> None:
    with pytest.raises(InputError) as refused:
        fill({"boards": 4, name: Text(typed)})
    assert str(refused.value) == f"Expected `{name}` of Shelf to be {expected}, but got {typed!r}."


class Limited:
    def __init__(
        self,
        share: Annotated[float, Field(gt=0, le=1)] = 0.5,
        sizes: list[tuple[int, ...]] = [],  # noqa: B006
        name: str | None = None,
    ) -> None: ...


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": 0}, "`share` of Limited to be a number, above 0, at most 1, but got 0."),
        ({"share": Text("2")}, "`share` of Limited to be a number, above 0, at most 1, but got"),
        ({"sizes": [3]}, "`sizes` of Limited to be a list such as 3,7 of which each is a list"),
    ],
)
def test_a_limit_is_told_by_its_numbers(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        fill_options(Limited, given)
    assert said in str(refused.value)


def test_lists_and_tuples_stand_for_each_other() -> None:
    given = {"sizes": ([1, 2], (3,)), "share": 1, "name": Text("null")}
    assert fill_options(Limited, given) == {"sizes": [(1, 2), (3,)], "share": 1.0, "name": None}
    typed = {"sizes": Text("[[1, 2], []]"), "name": Text("7")}
    assert fill_options(Limited, typed) == {"sizes": [(1, 2), ()], "share": 0.5, "name": "7"}


def test_text_that_was_not_typed_is_no_number() -> None:
    with pytest.raises(InputError, match="`boards` of Shelf to be a whole number, but got '4'"):
        fill({"boards": "4"})


def test_a_misspelt_option_is_told_which_one_it_is_like() -> None:
    with pytest.raises(InputError, match=r"got `borads`\. Did you mean `boards`\?$"):
        fill({"borads": 4})


class Foreign:
    def __init__(self, memory, model: InputError | None = None, size: float = 1) -> None: ...


def test_arguments_of_other_code_are_checked_as_far_as_their_types_are_known() -> None:
    typed = {"memory": Text("[1, 2]"), "model": Text("x"), "size": Text("3")}
    filled = fill_options(Foreign, typed, untyped=True)
    assert filled == {"memory": [1, 2], "model": "x", "size": 3.0}
    with pytest.raises(InputError, match="`size` of Foreign to be a number"):
        fill_options(Foreign, {"memory": 1, "size": "much"}, untyped=True)
    with pytest.raises(InputError, match="`memory` of Foreign to have a type such as int"):
        fill_options(Foreign, {})


def test_help_is_read_from_the_docstring() -> None:
    from cl_anomaly.strategies.ewc import EWC

    helps = {option.name: option.help for option in options_of(EWC)}
    assert helps["lam"] == "λ, the weight of the penalty."
    assert helps["decay"].endswith("multiplied by after each task.")
