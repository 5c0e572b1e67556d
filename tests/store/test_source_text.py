"""What of Python source counts as code: everything but words."""

import ast
import hashlib
from pathlib import Path
from typing import Any

import pytest

from cl_anomaly.store import source_text
from cl_anomaly.store.source_text import read_source, without_words

PACKAGE = Path(source_text.__file__).parents[1]

SOURCE = '''
"""What it is."""
import math  # for pi

TEXT = """kept
   # as it is

"""


def area(radius):
    """Give the area.

    Of a circle.
    """
    if radius < 0:
        raise ValueError("Expected a radius of 0 or more, but got %s." % (radius - 1))
    # π r²
    return math.pi * radius**2, f"{radius}  # no comment", "ä"  # where it is
'''

SAME = {
    "no comments": lambda text: text.replace("  # for pi", "").replace("    # π r²\n", ""),
    "other comments": lambda text: text.replace("π r²", "r² π").replace("# where", "#   where"),
    "no docstrings": lambda text: text.replace('"""What it is."""\n', ""),
    "a longer docstring": lambda text: text.replace("Of a circle.", "Of a\n\n    circle: ä."),
    "blank lines": lambda text: text.replace("\n\ndef", "\n\n\n\ndef") + "\n\n",
    "blanks at the end": lambda text: text.replace("import math  # for pi", "import math    "),
    "lines as on Windows": lambda text: text.replace("\n", "\r\n"),
    "another message": lambda text: text.replace("of 0 or more, but got", "≥ 0, not"),
    "a longer message": lambda text: text.replace(
        '("Expected',
        '(  # in two lines\n            f"{radius} is a bad one. "\n            "Expected',
    ),
    "a text that is alone": lambda text: text.replace(
        "def area", '"""of a circle"""\n\n\ndef area'
    ),
    "a byte order mark": lambda text: "\ufeff" + text,
}
OTHER = {
    "a number": lambda text: text.replace("**2", "**3"),
    "a text": lambda text: text.replace("# no comment", "# a comment"),
    "blanks in a text": lambda text: text.replace("# as it is\n\n", "# as it is\n"),
    "a comment in a text": lambda text: text.replace("   # as it is", ""),
    "the kind of an error": lambda text: text.replace("ValueError", "TypeError"),
    "a number in an error": lambda text: text.replace("radius - 1", "radius - 2"),
    "a condition of an error": lambda text: text.replace("radius < 0", "radius < 1"),
    "indentation": lambda text: text.replace("    return", "     return"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_words_are_no_code(change: Any) -> None:
    assert change(SOURCE) != SOURCE
    assert without_words(change(SOURCE).encode()) == without_words(SOURCE.encode())


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER.keys())
def test_all_else_is_code(change: Any) -> None:
    assert change(SOURCE) != SOURCE
    assert without_words(change(SOURCE).encode()) != without_words(SOURCE.encode())


_BLOCKS = [
    "if x:\n{}",
    "if x:\n    pass\nelse:\n{}",
    "for x in y:\n{}",
    "while x:\n    pass\nelse:\n{}",
    "with x:\n{}",
    "try:\n    pass\nexcept E:\n{}",
    "try:\n    pass\nfinally:\n{}",
    "match x:\n case 1:\n{}",
    "async def f():\n{}",
    "class C:\n{}",
]


@pytest.mark.parametrize("block", _BLOCKS)
def test_docstrings_are_found_in_every_block(block: str) -> None:
    inside = [f'    def g():\n        """{words}"""\n        return 1' for words in ("one", "two")]
    one, other = (without_words(block.format(own).encode()) for own in inside)
    assert one == other
    assert b"return 1" in one
    assert b"one" not in one


def test_what_is_no_python_counts_as_it_is() -> None:
    for content in (b"def f(:  # no\n", b"\xff\xfe", b"x = 1\0"):
        assert without_words(content) == content


STRINGS = [
    """f'{x["#a"]}'  # no""",
    """f"{x['#a']:{'#'}^{n}} {{#}}"  # no""",
    r"""rf'\\'  # no""",
    'f"""{x["#a"]} "#" {{\n#"""  # no',
    r"""b'#', rb'\\', u'#'  # no""",
    r"""'"#', "'#", '\'#'  # no""",
    '"""a"#"" \\""""  # no',
    "x = ''  # no '\ny = '#'",
    "if'#':pass  # no",
]


@pytest.mark.parametrize("text", STRINGS)
def test_a_comment_is_told_from_a_string(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_text, "_cuts", lambda source, nodes: [])
    left = without_words(text.encode()).decode()
    assert "no" not in left
    assert ast.dump(ast.parse(left)) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("text", [b"f'{x['a # b']}'\n", b"""f"{x['}']["a # b"]}"\n"""])
def test_what_only_later_versions_of_python_can_read_stays_whole(text: bytes) -> None:
    assert without_words(text) == text


def test_it_is_the_same_on_every_version_of_python() -> None:
    digest = hashlib.sha256(without_words(SOURCE.encode())).hexdigest()
    assert digest == "85b645f344d85d86b5277004366a384015b022fc30c4c8c645fb87f63ae73e67"


def test_nothing_but_words_of_this_package_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_text, "_cuts", lambda source, nodes: [])
    for path in PACKAGE.rglob("*.py"):
        content = path.read_bytes()
        left = without_words(content)
        assert b"\n\n" not in left or b'"""' in left, f"{path} stayed whole"
        assert ast.dump(ast.parse(left)) == ast.dump(ast.parse(content)), path


def test_imports_for_types_alone_do_not_run() -> None:
    text = b"import a\nif TYPE_CHECKING:\n    import b\nelse:\n    import c\ndef f():\n  import d"
    assert {own.names[0].name for own in read_source(text)[1]} == {"a", "c", "d"}
