"""What a reader can choose on the page: menus, boxes and fields, each with its words."""

from collections.abc import Iterable, Mapping, Sequence

from cl_anomaly.report.page.look import Look
from cl_anomaly.report.page.markup import Html, element


def menu(
    figures: str, parameter: str, label: str, choices: Sequence[str] | Mapping[str, str]
) -> Html:
    """Make a menu that sets a parameter of figures; nothing where there is no choice.

    Args:
        figures: their names, separated by spaces.
        parameter: of theirs.
        label: stands before it.
        choices: values, by what the menu calls them where that is something else.
    """
    named = dict(choices) if isinstance(choices, Mapping) else {own: own for own in choices}
    if len(named) < 2:
        return Html()
    options = [element("option", words, value=value) for value, words in named.items()]
    select = element("select", options, data_figures=figures, data_parameter=parameter)
    return element("label", f"{label} ", select)


def legend(figure: str, looks: Mapping[str, Look]) -> Html:
    """Make a box for each line of a figure, which shows it or leaves it out."""
    boxes = [
        element(
            "label",
            element("input", type="checkbox", checked=True, value=name, data_run=True),
            _swatch(look),
            name,
            class_="key",
        )
        for name, look in looks.items()
    ]
    buttons = [
        element("button", "all", type="button", data_all="1"),
        element("button", "none", type="button", data_all="0"),
    ]
    words = element("legend", "Runs shown")
    return element(
        "fieldset",
        words,
        boxes,
        buttons,
        class_="keys",
        data_figures=figure,
        data_parameter="shown",
    )


def _swatch(look: Look) -> Html:
    """Draw a piece of a line with its point."""
    dashes = " ".join(f"{length:g}" for length in look.dashes)
    line = element(
        "path", d="M0,6L28,6", stroke=look.colour, stroke_width="2", stroke_dasharray=dashes
    )
    point = element("path", d=look.shape, fill=look.colour, transform="translate(14,6) scale(4)")
    return element("svg", line, point, viewBox="0 0 28 12", aria_hidden="true", class_="swatch")


def filters(table: str, datasets: Iterable[str]) -> Html:
    """Make what narrows a table down: by words, by dataset, by whether real samples are stored."""
    named = list(datasets)
    parts = [
        element(
            "label",
            "Filter ",
            element("input", type="search", data_words=True, placeholder="words in a row"),
        )
    ]
    if len(named) > 1:
        options = [element("option", "all", value="")]
        options += [element("option", name, value=name) for name in named]
        parts.append(element("label", "Dataset ", element("select", options, data_key="dataset")))
    choices = {"": "all runs", "no": "no real samples", "yes": "real samples"}
    options = [element("option", words, value=value) for value, words in choices.items()]
    parts.append(element("label", "Stores ", element("select", options, data_key="stores")))
    count = element("output", aria_live="polite", data_count=True)
    return element("div", parts, count, class_="controls", data_table=table, role="search")
