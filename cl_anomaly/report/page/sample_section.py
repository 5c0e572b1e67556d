"""Samples on the page: best and worst detected ones, and those of the models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cl_anomaly.report.page import embedded_pictures as pictures
from cl_anomaly.report.page.content import Content, PageEntry, Standing
from cl_anomaly.report.page.detected import SampleImages, Scored, best_and_worst
from cl_anomaly.report.page.embedded_pictures import Picture


class Room:
    """Bytes left for pictures on a page."""

    def __init__(self) -> None:
        self._left = pictures.MOST_BYTES

    def take(self, shown: Iterable[Picture]) -> bool:
        """Take the room of some pictures, if there is enough."""
        size = sum(picture.bytes for picture in shown)
        fits = size <= self._left
        self._left -= size if fits else 0
        return fits


@dataclass
class SampleSection:
    """A section of samples.

    Attributes:
        runs: content for each run by its title.
        too_large: names of runs without room for their pictures.
        unseen: why samples are not shown, by dataset.
    """

    runs: dict[str, Any] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)


def detected_samples(content: Content, rows: Sequence[Standing], room: Room) -> SampleSection:
    """Choose each run's best and worst detected samples by kind, and their pictures."""
    section = SampleSection()
    for entry in (row.entry for row in rows):
        kinds = best_and_worst(entry.recorded) if entry.recorded else {}
        if not any(kinds.values()):
            continue
        test = content.sample_images_of(entry)
        if test.why:
            section.unseen[entry.dataset] = test.why
        picture_of = _pictures([sample for kind in kinds.values() for sample in kind], test)
        if not room.take(picture_of.values()):
            section.too_large.append(entry.name)
            picture_of = {}
        section.runs[_title(entry)] = kinds, picture_of
    return section


def _pictures(samples: Sequence[Scored], test: SampleImages) -> dict[Scored, Picture]:
    if test.images is None:
        return {}
    top = max(1.0, float(test.images.max(initial=0.0)))
    return {sample: pictures.picture_of(test.images[sample.row] / top) for sample in samples}


def _title(entry: PageEntry) -> str:
    run = entry.recorded
    where = f"{entry.name}, seed {run.seed}, anomaly class {run.anomaly_class}" if run else ""
    return f"{where}, score {entry.results.score}" if entry.results else where


def model_samples(rows: Sequence[Standing], room: Room) -> SampleSection:
    """Collect each run's generated samples and reconstructions: rows of pictures by heading."""
    section = SampleSection()
    for run, name in ((row.entry.recorded, row.entry.name) for row in rows):
        if run is None:
            continue
        shown = {
            "Generated after each task": pictures.generated_rows(run),
            "Test samples and their reconstructions": pictures.reconstruction_rows(run),
        }
        if not room.take([picture for sheet in shown.values() for picture in sheet]):
            section.too_large.append(name)
        elif any(shown.values()):
            section.runs[f"{name}, seed {run.seed}"] = shown
    return section
