"""What the model generates after every task."""

from matplotlib.figure import Figure

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.captions import (
    chosen_tasks,
    classes_of_first_replica,
    of_first_replica,
    task_name,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.images import as_images
from cl_anomaly.report.legends import put_title
from cl_anomaly.report.tiles import GAP, Sheet

_MOST_TASKS = 20


def draw(run: DrawnRun) -> Figure:
    """Draw ten samples that the first replica's model generates, a row after each task.

    Classes that are gone from the lower rows are forgotten.
    """
    if "generated" not in run.pictures:
        raise InputError(
            f"Expected a model that can make samples of its own, but "
            f"{run.results.settings['model']} cannot, or it failed in its first task."
        )
    images = as_images(run.pictures["generated"], 2, run.results.dataset)
    after, classes = run.pictures["generated_after"].tolist(), classes_of_first_replica(run)
    shown = chosen_tasks(after, _MOST_TASKS)
    row = images.shape[2] / images.shape[3] + GAP
    words = [f"after {task_name(task, classes)}" for task in shown]
    sheet = Sheet(images.shape[1] * (1 + GAP) - GAP, row * len(shown) - GAP, 0.42, words)
    for number, task in enumerate(shown):
        for place, image in enumerate(images[after.index(task)]):
            sheet.tile(image, place * (1 + GAP), number * row)
        sheet.write_left(words[number], (number + 0.5) * row - GAP / 2)
    put_title(sheet.figure, run, of_first_replica(run))
    return sheet.finish()
