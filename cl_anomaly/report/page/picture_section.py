"""The section of samples: what each run's model makes after its tasks."""

from collections.abc import Sequence

from cl_anomaly.report.page import embedded_pictures as pictures
from cl_anomaly.report.page.draft import Draft, details, note
from cl_anomaly.report.page.markup import Html, element

_HEIGHT = 32  # pixels of a tile on the screen, about


def samples(draft: Draft) -> Html | None:
    """Show what each run's model generates and reconstructs, as far as there is room."""
    parts, left_out = [], []
    for row in draft.rows:
        run = row.member.recorded
        if run is None:
            continue
        found = {
            "Generated after each task": pictures.generated_rows(run),
            "Test samples and their reconstructions": pictures.reconstruction_rows(run),
        }
        size = sum(map(pictures.bytes_of, found.values()))
        if size > draft.room:
            left_out.append(row.member.name)
        elif size:
            draft.room -= size
            inside = [
                part
                for heading, rows in found.items()
                if rows
                for part in (element("h4", heading), _sheet(rows))
            ]
            parts.append(details(f"{row.member.name}, seed {run.seed}", inside))
    if left_out:
        words = (
            f"Left out, for the page would be too large: {', '.join(left_out)}. `cl-anomaly "
            f"plot RUN --kind samples` draws them."
        )
        parts.append(note(words))
    return draft.section("samples", "Samples", parts) if parts else None


def _sheet(rows: Sequence[pictures.Row]) -> list[Html]:
    return [
        element(
            "figure",
            element("figcaption", row.caption),
            element("img", src=row.data, alt=row.caption, style=f"width:{_width(row)}px"),
            class_="tiles",
        )
        for row in rows
    ]


def _width(row: pictures.Row) -> int:
    """Enlarge a row by a whole number, so that its pixels stay squares."""
    return row.width * max(1, round(_HEIGHT / row.height))
