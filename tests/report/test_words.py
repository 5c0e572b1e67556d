"""Words that a person gives in place of a figure's own."""

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.words import check_task_names, relabelled

NAMES = ["gr", "ewc", "ewc, epochs 5", "a=b"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["One,Two, Three ,Four"], ["One", "Two", "Three", "Four"]),
        (["One", "Two, too", "Three", "Four"], ["One", "Two, too", "Three", "Four"]),
        (["gr=Ours"], ["Ours", "ewc", "ewc, epochs 5", "a=b"]),
        (["gr=Ours,ewc=EWC"], ["Ours", "EWC", "ewc, epochs 5", "a=b"]),
        (["ewc, epochs 5=EWC, short"], ["gr", "ewc", "EWC, short", "a=b"]),
        (["ewc=EWC", "ewc, epochs 5=EWC, short"], ["gr", "EWC", "EWC, short", "a=b"]),
        (["a=b=c"], ["gr", "ewc", "ewc, epochs 5", "c"]),
        (["gr=ewc,ewc=gr"], ["ewc", "gr", "ewc, epochs 5", "a=b"]),
    ],
)
def test_lines_get_names_in_order_or_by_those_they_have(
    given: list[str], expected: list[str]
) -> None:
    assert list(relabelled(given, NAMES).values()) == expected
    assert list(relabelled(given, NAMES)) == NAMES


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["One,Two"], "for all 4 lines"),
        (["One,Two,Three,Four,Five"], "but got 5"),
        (["gr=Ours,ewd=EWC"], "Did you mean 'ewc'?"),
        (["gr=ewc"], "tell the lines apart"),
        (["gr="], "tell the lines apart"),
        (["One,Two,Three,Two"], "tell the lines apart"),
    ],
)
def test_names_that_do_not_fit_are_refused(given: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        relabelled(given, NAMES)


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c"), ("a", "a")])
def test_there_is_a_name_for_each_task(names: tuple[str, ...]) -> None:
    check_task_names((), 2)
    check_task_names(("a", "b"), 2)
    with pytest.raises(InputError, match="2 different names"):
        check_task_names(names, 2)
