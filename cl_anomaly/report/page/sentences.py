"""What was run, in two sentences made from the settings."""

from collections.abc import Sequence
from typing import Any

from cl_anomaly.core.labels import listed
from cl_anomaly.report.page.content import OWN_SCORE, Content, Member
from cl_anomaly.report.run_names import named_classes

_MOST_NAMES = 8


def what_was_run(content: Content) -> str:
    """Describe which runs learnt what."""
    members, runs = content.members, len(content.runs)
    names = content.lines
    shown = ", ".join(names[:_MOST_NAMES]) + f" and {len(names) - _MOST_NAMES} more" * (
        len(names) > _MOST_NAMES
    )
    who = f"The strategy {names[0]}" if runs == 1 else f"{runs:,} runs ({shown})"
    parts = [_classes(content), _seeds(members), _epochs(members), _model(members)]
    said = "; ".join(filter(None, parts))
    return f"{who} learnt {_words(content.datasets)} task by task: {said}."


def what_is_shown(content: Content) -> str:
    """Describe what the headline is."""
    return (
        f"The headline is the AUROC after the last task by {_score(content)}, "
        f"all anomalies against all normal samples of the tasks so far: 1 is perfect, 0.5 is "
        f"chance."
    )


def _score(content: Content) -> str:
    return "each run's own score" if content.score == OWN_SCORE else f"the score {content.score}"


def _classes(content: Content) -> str:
    classes = {member.results.anomaly_classes for member in content.with_results if member.results}
    if len(classes) != 1:
        return f"{len(classes)} different sets of anomaly classes" if classes else ""
    (own,) = classes
    if own == ("own",):
        return "each task brings its own anomalies"
    if len(own) == 1:
        return f"anomaly class {own[0]}"
    return f"anomaly classes {named_classes(own).rpartition(' classes ')[2]} in turn"


def _seeds(members: Sequence[Member]) -> str:
    seeds = _shared(members, "seeds")
    if not isinstance(seeds, list):
        return "different seeds"
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {listed(seeds)}"


def _epochs(members: Sequence[Member]) -> str:
    epochs, steps = _shared(members, "epochs"), _shared(members, "steps")
    if steps:
        return f"{steps:,} step{'s' * (steps != 1)} for each task"
    if not epochs:
        return "different numbers of epochs"
    return f"{epochs} epoch{'s' * (epochs != 1)} for each task"


def _model(members: Sequence[Member]) -> str:
    model = _shared(members, "model")
    return f"model {model}" if model else "different models"


def _shared(members: Sequence[Member], setting: str) -> Any:
    """Return a setting that all have; None where they differ."""
    first, *rest = (member.config.get(setting) for member in members)
    return first if all(own == first for own in rest) else None


def _words(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
