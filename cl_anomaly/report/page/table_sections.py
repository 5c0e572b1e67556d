"""Sections of tables and words: results, what was chosen, how to make it again, what failed."""

from cl_anomaly.report.cells import WHAT_THEY_ARE
from cl_anomaly.report.how_tested import how_tested
from cl_anomaly.report.page import html_tables as tables
from cl_anomaly.report.page.controls import filters
from cl_anomaly.report.page.draft import Draft, details, note
from cl_anomaly.report.page.markup import Html, element

_MANY_RUNS = 50  # whose commands are shown to who asks for them


def headline(draft: Draft) -> Html:
    """Show the headline table."""
    content = draft.content
    several = len(content.datasets) > 1
    rule = (
        "Sorted by the AUROC after the last task, the highest first; missing results stand at "
        "the end. A click on a column's name sorts by it."
    )
    several_runs = len(content.members) > 1
    first = next(iter(content.compared.values()), None)
    return draft.section(
        "results",
        "Results",
        filters("standings", content.datasets) if several_runs else None,
        tables.headline_table(draft.rows, several),
        note(rule, "Intervals are 95 % bootstrap intervals of the mean.", WHAT_THEY_ARE),
        note(*how_tested(first)) if first and several_runs else None,
    )


def remarks(draft: Draft) -> Html | None:
    """Describe what the numbers do not show."""
    if not draft.content.remarks:
        return None
    said = [element("li", remark) for remark in draft.content.remarks]
    return draft.section("remarks", "What these numbers do not show", element("ul", said))


def overall(draft: Draft) -> Html | None:
    """Show how methods compare over all datasets, where there are several."""
    overall = draft.content.overall
    if overall is None:
        return None
    return draft.section(
        "overall",
        "All datasets together",
        tables.overall_table(draft.content.overall_standings),
        note(*how_tested(overall), *overall.remarks),
    )


def chosen(draft: Draft) -> Html:
    """Show what was tuned, and on what."""
    heading = "What was chosen, and on which data"
    return draft.section("chosen-on", heading, tables.chosen_table(draft.content))


def reproduction(draft: Draft) -> Html:
    """Show how each run is made again."""
    said = (
        "Each command makes its run again on this machine or another; the first eight digits "
        "of the SHA-256 of code and data say what it was made of."
    )
    runs = draft.content.runs
    table = tables.reproduction_table(runs)
    if len(runs) > _MANY_RUNS:
        table = details(f"The commands of {len(runs):,} runs", table)
    return draft.section("again", "How to make it again", table, note(said))


def problems(draft: Draft) -> Html:
    """Describe what failed, and what is missing."""
    said = [
        element("li", element("b", own.name), f": {problem}")
        for own in draft.content.runs
        for problem in own.problems
    ]
    none = element("p", "Nothing failed, and nothing is missing.")
    return draft.section(
        "problems", "What failed, or is missing", element("ul", said) if said else none
    )
