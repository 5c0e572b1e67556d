"""The page while it is being made: its sections' names, its figures and their data."""

from cl_anomaly.report.page import embedded_pictures as pictures
from cl_anomaly.report.page.chart_data import Columns
from cl_anomaly.report.page.content import Content
from cl_anomaly.report.page.look import looks_of
from cl_anomaly.report.page.markup import Html, element
from cl_anomaly.report.page.ranking import standings_of


class Draft:
    """What sections are made from, and what they leave for the page's scripts.

    Args:
        content: of the page.

    Attributes:
        looks: of each run, by its name.
        rows: of the headline table.
        figures: Vega-Lite's descriptions, by name.
        data: of the figures, by name.
        headings: of the sections that there are, by name.
        room: bytes that are left for pictures.
    """

    def __init__(self, content: Content) -> None:
        self.content = content
        self.looks = looks_of(content.members)
        self.rows = standings_of(content)
        self.figures: dict[str, dict] = {}
        self.data: dict[str, Columns] = {}
        self.headings: dict[str, str] = {}
        self.room = pictures.MOST_BYTES

    def section(self, name: str, heading: str, *children: object) -> Html:
        """Make a section."""
        self.headings[name] = heading
        return element("section", element("h2", heading), *children, id=name)


def note(*sentences: str) -> Html:
    """Describe what a reader must know beside a table or a figure."""
    return element("p", " ".join(sentences), class_="note")


def details(summary: str, inside: object) -> Html:
    """Make what opens when it is asked for."""
    return element("details", element("summary", summary), inside)
