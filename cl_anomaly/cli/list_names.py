"""`cl-anomaly list`: strategies, datasets, models, scores and suites, with their options."""

from cl_anomaly.cli.screen_tables import show_list
from cl_anomaly.data.datasets import DATASETS, OWN, find_dataset
from cl_anomaly.models import MODELS
from cl_anomaly.scores import CHEAP_SCORES, SCORES, Score
from cl_anomaly.settings.catalogue import OF_THE_RUN
from cl_anomaly.settings.options import options_of, summary
from cl_anomaly.strategies import strategies
from cl_anomaly.suites.shipped import shipped_suites
from cl_anomaly.suites.suite_file import read_suite_file


def show_names(what: str) -> None:
    """List all strategies, datasets, models, scores or suites."""
    if what == "strategies":
        rows = [
            (name, summary(cls), "\n".join(map(str, options_of(cls))))
            for name, cls in strategies().items()
        ]
        columns = ("name", "what it is", "options, --strategy.NAME")
    elif what == "models":
        rows = [
            (
                name,
                summary(model),
                model.default_score,
                "\n".join(map(str, options_of(model, OF_THE_RUN))),
            )
            for name, model in MODELS.items()
        ]
        columns = ("name", "what it is", "default score", "options, --model.NAME")
    elif what == "datasets":
        rows = [
            (name, about, f"epochs={spec.epochs}\nbatch_size={spec.batch_size}")
            for name, about, spec in (
                *((dataset.name, dataset.summary, dataset) for dataset in DATASETS.values()),
                *((name, about, find_dataset(name)) for name, about in OWN.items()),
            )
        ]
        columns = ("name", "what it is", "defaults")
    elif what == "suites":
        rows = [(name, read_suite_file(path).title) for name, path in shipped_suites().items()]
        columns = ("name", "what it is")
    else:
        rows = [_score_row(name, score) for name, score in SCORES.items()]
        columns = ("name", "what it is", "recorded", "cost in forward passes")
    show_list(what, rows, columns)


def _score_row(name: str, score: type[Score]) -> tuple[str, str, str, str]:
    memory = f"; keeps {score.statistics}, 4 bytes each" if score.statistics else ""
    recorded = "always" if name in CHEAP_SCORES else "with --score"
    return name, summary(score), recorded, f"{score.passes:g}{memory}"
