"""What of a Python file is code, and what is words."""

import ast
import io
import tokenize
from collections.abc import Iterator


def without_words(content: bytes) -> bytes:
    """Take comments, docstrings and blank lines out of a Python file; what is none stays whole."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
        tree, lines = ast.parse(text), text.split("\n")
        comments, inside = _comments_and_strings(text, lines)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return content
    docstrings = list(_docstrings(tree, lines))
    for line, start, end in sorted([*comments, *docstrings], reverse=True):
        lines[line] = lines[line][:start] + lines[line][end:]
    inside -= {line for line, _, _ in docstrings}
    kept = [
        line if number in inside else line.rstrip()
        for number, line in enumerate(lines)
        if number in inside or number - 1 in inside or line.strip()
    ]
    return "\n".join(kept).encode()


_Cut = tuple[int, int, int]
"""A line's number, and from where to where it is cut."""


def _comments_and_strings(text: str, lines: list[str]) -> tuple[list[_Cut], set[int]]:
    """Find comments, and the lines at whose end a string goes on: blanks count there."""
    comments: list[_Cut] = []
    inside: set[int] = set()
    begun: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        first, last, kind = token.start[0] - 1, token.end[0] - 1, tokenize.tok_name[token.type]
        if kind == "COMMENT":
            comments.append((first, len(lines[first][: token.start[1]].rstrip()), token.end[1]))
        elif kind == "STRING":
            inside |= set(range(first, last))
        elif kind.endswith("STRING_START"):  # from Python 3.12, strings with values in them
            begun.append(first)
        elif kind.endswith("STRING_END"):
            inside |= set(range(begun.pop(), last))
    return comments, inside


def _docstrings(tree: ast.AST, lines: list[str]) -> Iterator[_Cut]:
    for node in _statements(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is None:
            continue
        string = node.body[0]
        first, last = string.lineno - 1, (string.end_lineno or string.lineno) - 1
        for line in range(first, last + 1):
            # Columns are counted in bytes.
            encoded = lines[line].encode()
            start = string.col_offset if line == first else 0
            end = (string.end_col_offset or 0) if line == last else len(encoded)
            yield line, len(encoded[:start].decode()), len(encoded[:end].decode())


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Return a module and all statements in it; `ast.walk` would go through every expression."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, name, [])
            waiting += inside if isinstance(inside, list) else []
