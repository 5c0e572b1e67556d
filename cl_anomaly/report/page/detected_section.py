"""The section of the best and the worst detected samples, as images or by their rows."""

from collections.abc import Mapping, Sequence

from cl_anomaly.report.page import embedded_pictures as pictures
from cl_anomaly.report.page.content import Member
from cl_anomaly.report.page.detected import SampleImages, Scored, best_and_worst
from cl_anomaly.report.page.draft import Draft, details, note
from cl_anomaly.report.page.html_tables import detected_table
from cl_anomaly.report.page.markup import Html, element
from cl_anomaly.report.page.numbers import short_score

_HEIGHT = 48  # pixels of a tile on the screen, about

Found = Mapping[str, Sequence[Scored]]


def detected(draft: Draft) -> Html | None:
    """Show what each run detects best and worst; as rows of the test set where there is no room."""
    parts, unseen, too_large = [], {}, []
    for place, row in enumerate(draft.rows):
        member = row.member
        found = {} if member.recorded is None else best_and_worst(member.recorded)
        if not any(found.values()):
            continue
        test = draft.content.sample_images_of(member)
        tiles = _tiles(found, test)
        size = sum(tile.bytes for own in tiles.values() for tile in own)
        if test.why:
            unseen[member.dataset] = test.why
        if size > draft.room:
            too_large.append(member.name)
            tiles = {}
        draft.room -= size if tiles else 0
        inside = _sheets(found, tiles) if tiles else detected_table(found, f"detected-{place}")
        parts.append(details(_whose(member), inside))
    if not parts:
        return None
    seen = [_BELOW] if draft.room < pictures.MOST_BYTES else []
    said = [
        _WHAT,
        *seen,
        *(f"Samples of {own} are not shown: {why}" for own, why in unseen.items()),
    ]
    if too_large:
        said.append(f"As rows only, for the page would be too large: {', '.join(too_large)}.")
    return draft.section("detected", "Best and worst detected samples", note(*said), *parts)


_WHAT = (
    "By their scores after the last task, of the first replica; a higher score is more anomalous. "
    "Rows of the test set are counted from 0."
)
_BELOW = "Below an image stand its class and its score."


def _whose(member: Member) -> str:
    run = member.recorded
    where = f"{member.name}, seed {run.seed}, anomaly class {run.anomaly_class}" if run else ""
    return f"{where}, score {member.results.score}" if member.results else where


def _tiles(found: Found, test: SampleImages) -> dict[str, list[pictures.Tile]]:
    """Draw the samples, where they are images."""
    if test.images is None:
        return {}
    top = max(1.0, float(test.images.max(initial=0.0)))
    return {
        kind: [pictures.tile_of(test.images[sample.row] / top) for sample in samples]
        for kind, samples in found.items()
    }


def _sheets(found: Found, tiles: Mapping[str, Sequence[pictures.Tile]]) -> list[Html]:
    parts = []
    for kind, samples in found.items():
        drawn = [_drawn(*own) for own in zip(samples, tiles[kind], strict=True)]
        parts += [element("h4", kind), element("div", drawn, class_="detected")]
    return parts


def _drawn(sample: Scored, tile: pictures.Tile) -> Html:
    score = short_score(sample.score)
    words = f"class {sample.label}, score {score}, row {sample.row}"
    width = tile.width * max(1, round(_HEIGHT / tile.height))
    return element(
        "figure",
        element("img", src=tile.data, alt=words, style=f"width:{width}px"),
        element("figcaption", sample.label, element("br"), score),
    )
