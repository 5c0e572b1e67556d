"""Tables for papers: the structure of LaTeX and Markdown, and names that stay text."""

import math
import re

import pytest

from cl_anomaly.report.paper_table import (
    Cell,
    PaperTable,
    escaped_for_latex,
    escaped_for_markdown,
    latex,
    markdown,
)

TABLE = PaperTable(
    ["Method", "AUROC", "Forgetting", "Gap closed"],
    [
        ("up & down_1", [Cell(0.9712, 0.004, 0.961, 0.982, is_best=True), Cell(-0.01), Cell(1.0)]),
        ("gr {50 %}", [Cell(0.8, math.nan), Cell(0.1), Cell(0.5, digits=2)]),
        ("failed", [Cell(math.nan)] * 3),
    ],
    ["Mean ± s.d. of 100 % & more."],
)


def body_of(text: str) -> list[list[str]]:
    """The cells between the rules."""
    inside = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    rows = [row for row in inside.split(r"\\") if row.strip()]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", row)] for row in rows]


def test_latex_has_the_structure_of_booktabs() -> None:
    text = latex(TABLE, "sd")
    rules = [text.index(name) for name in (r"\toprule", r"\midrule", r"\bottomrule")]
    assert rules == sorted(rules)
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["table", "tabular"]
    (alignment,) = re.findall(r"\\begin{tabular}{(\w+)}", text)
    assert alignment == "lrrr"
    rows = body_of(text)
    assert [len(row) for row in rows] == [4, 4, 4]
    assert rows == [
        [r"up \& down\_1", r"$\mathbf{0.971} \pm 0.004$", "$-0.010$", "$1.000$"],
        [r"gr \{50 \%\}", "$0.800$", "$0.100$", "$0.50$"],
        ["failed", "missing", "", ""],
    ]
    assert r"\caption{Mean $\pm$ s.d. of 100 \% \& more.}" in text
    for braces in ("{}", "[]"):
        plain = re.sub(r"\\[{}]", "", text)
        assert plain.count(braces[0]) == plain.count(braces[1])
    assert text.count("$") % 2 == 0


def test_intervals_stand_in_the_place_of_deviations() -> None:
    first, second, _ = body_of(latex(TABLE, "interval"))
    assert first[1] == r"$\mathbf{0.971}$ $[0.961, 0.982]$"
    assert second[1] == "$0.800$", "of a single replica there is none"
    assert "| **0.971** [0.961, 0.982] |" in markdown(TABLE, "interval")


def test_markdown() -> None:
    lines = markdown(TABLE, "sd").splitlines()
    assert lines[0] == "| Method | AUROC | Forgetting | Gap closed |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert lines[2] == r"| up & down\_1 | **0.971** ± 0.004 | -0.010 | 1.000 |"
    assert lines[4] == "| failed | missing |  |  |"
    cells = [len(re.split(r"(?<!\\)\|", line)) for line in lines[:5]]
    assert cells == [6] * 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"a\b", r"a\textbackslash{}b"),
        ("50 % & $5 #1 a_b {x}", r"50 \% \& \$5 \#1 a\_b \{x\}"),
        ("~^<>|", r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
        ("two\nlines\t here", "two lines here"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("λ = 5", "λ = 5"),
    ],
)
def test_signs_of_latex_stay_text(text: str, expected: str) -> None:
    assert escaped_for_latex(text) == expected


def test_signs_of_markdown_stay_text() -> None:
    assert escaped_for_markdown("a|b *c* <b> [d](e) `f`\ng") == (
        r"a\|b \*c\* \<b\> \[d\](e) \`f\` g"
    )
