"""HTML in which all that is not markup of this program's own stays text."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

_VOID = {"img", "input", "meta", "link", "br"}


class Html(str):
    """Markup that needs no escaping any more."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """Make an element; children that are no `Html` are escaped, and so are all attributes.

    Args:
        name: of the element.
        children: text, markup, or lists of these; None is left out.
        attributes: `class_` is called class, and `aria_label` aria-label. True stands alone; None
            and False are left out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[object]) -> Html:
    """Put children after each other, as `element` does."""
    return Html("".join(map(_child, children)))


def _child(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, list | tuple):
        return joined(child)
    return escape(str(child))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    dashed = name.rstrip("_").replace("_", "-")
    return f" {dashed}" if value is True else f' {dashed}="{escape(str(value))}"'


# What could end the script that it stands in, or a line of it.
_IN_SCRIPTS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"}


def json_for_script(content: Any) -> Html:
    """Write JSON that can stand in a script element, whatever text is in it.

    Raises:
        ValueError: there is a number that JSON has no word for, such as NaN.
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, instead in _IN_SCRIPTS.items():
        text = text.replace(sign, instead)
    return Html(text.replace("\u2029", "\\u2029"))
