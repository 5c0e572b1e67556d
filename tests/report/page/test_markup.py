import json

import pytest

from cl_anomaly.report.page.markup import Html, element, json_for_script


def test_text_and_attributes_are_escaped() -> None:
    made = element("p", "<b>1 & 2</b>", title='"><script>', class_="x", aria_label="y")
    assert made == (
        '<p title="&quot;&gt;&lt;script&gt;" class="x" aria-label="y">'
        "&lt;b&gt;1 &amp; 2&lt;/b&gt;</p>"
    )


def test_markup_stays_markup_and_nothing_is_left_out_but_none() -> None:
    inside = [element("b", 1), None, "<", Html("&amp;")]
    assert element("p", inside, hidden=True, title=None, lang=False) == (
        "<p hidden><b>1</b>&lt;&amp;</p>"
    )


def test_an_element_without_children_is_not_closed() -> None:
    assert element("img", alt="a") == '<img alt="a">'


@pytest.mark.parametrize("text", ["</script><b>", "<!--", "a&b", "\u2028\u2029"])
def test_json_cannot_end_its_script(text: str) -> None:
    written = json_for_script({text: [text]})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {text: [text]}


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_for_script([float("nan")])
