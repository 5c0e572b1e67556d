"""The page's template: text stays text, JSON stays in its script, and no name is misspelt."""

import json

import pytest
from jinja2 import UndefinedError

from cl_anomaly.report.page.page import page_template

ENVIRONMENT = page_template().environment


def test_text_and_attributes_are_escaped() -> None:
    template = ENVIRONMENT.from_string('<p title="{{ text }}">{{ text }}</p>')
    assert template.render(text='"><b>1 & 2</b>') == (
        '<p title="&#34;&gt;&lt;b&gt;1 &amp; 2&lt;/b&gt;">&#34;&gt;&lt;b&gt;1 &amp; 2&lt;/b&gt;</p>'
    )


def test_text_that_a_macro_is_given_is_escaped_once() -> None:
    template = ENVIRONMENT.from_string(
        '{% from "elements.html.j2" import cell, details %}'
        "{% call details(text) %}{{ cell(text) }}{% endcall %}"
    )
    shown = template.render(text="<b>&")
    assert shown.count("&lt;b&gt;&amp;") == 2
    assert "<b>" not in shown


@pytest.mark.parametrize("text", ["</script><b>", "<!--", "a&b", "\u2028\u2029"])
def test_json_cannot_end_its_script(text: str) -> None:
    written = ENVIRONMENT.from_string("{{ content | tojson }}").render(content={text: [text]})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {text: [text]}


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        ENVIRONMENT.from_string("{{ content | tojson }}").render(content=[float("nan")])


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nobody"):
        ENVIRONMENT.from_string("{{ nobody }}").render()
