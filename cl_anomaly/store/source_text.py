"""Reduce Python source to what makes numbers: no comments, docstrings, blank lines or messages."""

import ast
import re
from collections.abc import Iterator

# In the fields of an f-string: texts in other quotes, and a format with fields of its own.
_IN_SHORT = {
    '"': r"""\{(?:[^{}"'\n]|'[^'"\n]*'|\{[^{}"\n]*\})*+\}""",
    "'": r"""\{(?:[^{}"'\n]|"[^'"\n]*"|\{[^{}'\n]*\})*+\}""",
}
_IN_LONG = dict.fromkeys(_IN_SHORT, r"""\{(?:[^{}"']|'[^'\n]*'|"[^"\n]*"|\{[^{}]*\})*+\}""")
_QUOTES = tuple(_IN_SHORT)


def _long(quote: str, fields: str = "") -> str:
    three, open_ones = quote * 3, "{" if fields else ""
    return rf"{three}(?:[^\\{open_ones}{quote}]|\\.{fields}|(?!{three}){quote})*+{three}"


def _short(quote: str, fields: str = "") -> str:
    open_ones = "{" if fields else ""
    return rf"{quote}(?:[^\\\n{open_ones}{quote}]|\\.{fields})*+{quote}"


_PLAIN = "|".join(form(own) for form in (_long, _short) for own in _QUOTES)
_FORMATTED = "|".join(
    form(own, r"|\{\{|" + fields[own])
    for form, fields in ((_long, _IN_LONG), (_short, _IN_SHORT))
    for own in _QUOTES
)
_STARTS = r"(?<!\w)(?:[fFtT][rR]?|[rR][fFtT])"
_STRING = (
    f"(?:{_STARTS}(?:{_FORMATTED})"
    rf"|(?:(?<!\w)(?:[bB][rR]?|[rR][bB]?|[uU]))?(?:{_PLAIN}))"
)
# From Python 3.12 on, an f-string may hold its own quotes: a file with such a one stays whole.
_UNSURE = f"(?P<unsure>{_STARTS}[{''.join(_QUOTES)}])"
_ENDS_OF_LINES = r"(?P<ends>(?:[ \t\f]*(?:\#[^\n]*)?\n)+)"

_TOKENS = re.compile(rf"(?P<string>{_STRING})|{_UNSURE}|{_ENDS_OF_LINES}".encode(), re.DOTALL)
_IN_RAISE = re.compile(
    rf"(?P<strings>{_STRING}(?:(?:\s|\#[^\n]*(?=\n))*{_STRING})*)"
    rf"|(?:\s|\#[^\n]*(?=\n))+|,(?=(?:\s|\#[^\n]*(?=\n))*\))".encode(),
    re.DOTALL,
)

Imports = list[ast.Import | ast.ImportFrom]
_Cut = tuple[int, int, bytes]
"""From where to where source is cut, and what stands there instead."""


def without_words(content: bytes) -> bytes:
    """Return a Python file without what makes no numbers; what is no Python stays whole.

    Comments, docstrings and blank lines are left out, and the strings in `raise` statements. The
    result is the same on every version of Python.
    """
    return read_source(content)[0]


def read_source(content: bytes) -> tuple[bytes, Imports]:
    """Return what `without_words` does, and the imports that run, wherever in the file."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
        source = f"{text}\n".replace("\r\n", "\n").replace("\r", "\n").encode()
        nodes = list(_statements(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return content, []
    imports: Imports = [own for own in nodes if isinstance(own, ast.Import | ast.ImportFrom)]
    for start, end, instead in sorted(_cuts(source, nodes), reverse=True):
        source = source[:start] + instead + source[end:]
    pieces, end = [], 0
    for token in _TOKENS.finditer(source):
        if token.lastgroup == "unsure":
            return content, imports
        if token.lastgroup == "ends":
            pieces += [source[end : token.start()], b"\n"]
            end = token.end()
    return b"".join([*pieces, source[end:]]).lstrip(b"\n"), imports


def _cuts(source: bytes, nodes: list[ast.stmt]) -> Iterator[_Cut]:
    starts = [0, *(end.end() for end in re.finditer(b"\n", source))]
    for node in nodes:
        value = node.value if isinstance(node, ast.Expr) else None
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if is_text or isinstance(node, ast.Raise):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            yield start, end, b"" if is_text else _IN_RAISE.sub(_in_raise, source[start:end])


def _in_raise(match: re.Match[bytes]) -> bytes:
    return b'""' if match["strings"] else b""


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements that run; `ast.walk` would go through every expression."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        test = getattr(node, "test", None)
        is_for_types = isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
        for name in ("orelse",) if is_for_types else _BLOCKS:
            inside = getattr(node, name, [])
            waiting += inside if isinstance(inside, list) else []


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
