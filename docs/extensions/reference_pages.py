"""Pages that are written from the program itself: its registries, and their docstrings.

A page says where: `<!-- made from: strategies -->`. What stands there is made when it is built.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sphinx.application import Sphinx

from cl_anomaly import __all__ as public_names
from cl_anomaly.data.dataset_names import CLASSES
from cl_anomaly.data.datasets import DATASETS, OWN
from cl_anomaly.models import MODELS
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.catalogue import OF_THE_RUN, names_of, options_by_name
from cl_anomaly.settings.options import REQUIRED, Option, options_of
from cl_anomaly.settings.run_config import settings_of_a_run
from cl_anomaly.settings.values import in_words
from cl_anomaly.strategies import find_strategy

MARK = re.compile(r"^<!-- made from: ([a-z ]+) -->$", flags=re.MULTILINE)
_SECTIONS = re.compile(r"^(Args|Attributes|Returns|Raises):$", flags=re.MULTILINE)
# What Markdown would take for its own, outside of code.
_SIGNS = re.compile(r"(?<!`)([*_<>|\[\]])(?!`)")


def strategies() -> Iterator[str]:
    """Describe every strategy of this repository."""
    for name in names_of("strategy"):
        cls = find_strategy(name)
        yield from _entry(name, cls)
        yield _facts(
            {
                "Needs of the model": _listed(cls.needs) or "nothing",
                "Told where tasks end": _said(cls.needs_boundaries),
                "Keeps real samples": _said(cls.stores_samples),
            }
        )
        yield _options("strategy", options_by_name("strategy", name))


def models() -> Iterator[str]:
    """Describe every model."""
    for name, cls in sorted(MODELS.items()):
        yield from _entry(name, cls)
        yield _facts(
            {
                "Can": _listed(cls.abilities),
                "Score by default": f"`{cls.default_score}`",
            }
        )
        yield _options("model", options_by_name("model", name))


def scores() -> Iterator[str]:
    """Describe every anomaly score."""
    for name, cls in SCORES.items():
        yield from _entry(name, cls)
        yield _facts(
            {
                "Needs of the model": _listed(cls.needs) or "nothing",
                "Forward passes for each sample": f"{cls.passes:g}",
                "Recorded without being asked for": _said(cls.is_cheap),
                "Keeps for each replica": _escaped(cls.statistics) or "nothing",
            }
        )
        yield _options("score", options_of(cls, OF_THE_RUN))


def datasets() -> Iterator[str]:
    """Describe every dataset that has a name, and what data of one's own may be."""
    for name, spec in DATASETS.items():
        yield f"## `{name}`\n\n{_escaped(spec.summary)}."
        yield _facts(
            {
                "Classes": ", ".join(map(str, CLASSES[name])),
                "Epochs by default": str(spec.epochs),
                "Batch size by default": str(spec.batch_size),
            }
        )
    yield "## Data of your own"
    yield "\n".join(f"- `{kind}`: {_escaped(what)}." for kind, what in OWN.items())


def settings() -> Iterator[str]:
    """Describe every setting of a run, as a flag and as an argument of `RunConfig`."""
    yield _table("--", settings_of_a_run())


def public() -> Iterator[str]:
    """Let autodoc describe what `import cl_anomaly` offers."""
    import cl_anomaly

    offered = {name: getattr(cl_anomaly, name) for name in public_names}
    for name in filter(lambda own: inspect.isfunction(offered[own]), offered):
        yield _autodoc(f"autofunction:: cl_anomaly.{name}")
    for name in filter(lambda own: inspect.isclass(offered[own]), offered):
        yield _autodoc(f"autoclass:: cl_anomaly.{name}", "members")


_MAKERS: dict[str, Callable[[], Iterable[str]]] = {
    own.__name__: own for own in (strategies, models, scores, datasets, settings, public)
}


def _entry(name: str, cls: type) -> Iterator[str]:
    """Give a heading, and all of a docstring that is not about arguments."""
    yield f"## `{name}`"
    text, *_ = _SECTIONS.split(inspect.cleandoc(cls.__doc__ or ""))
    yield _escaped(text.strip())
    yield f"Class `{cls.__module__}.{cls.__qualname__}`."


def _facts(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _options(owner: str, options: Iterable[Option]) -> str:
    return _table(f"--{owner}.", tuple(options))


def _table(prefix: str, options: Iterable[Option]) -> str:
    rows = [
        f"| `{prefix}{own.name.replace('_', '-')}` | {_escaped(in_words(own.kind))} "
        f"| {_default(own)} | {_escaped(own.help)} |"
        for own in options
    ]
    heads = ["| option | is | default | what it is |", "| --- | --- | --- | --- |"]
    return "\n".join([*heads, *rows]) if rows else ""


def _default(option: Option) -> str:
    if option.default is REQUIRED:
        return "must be given"
    return "" if option.default is None else f"`{option.default}`"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _said(value: bool) -> str:
    return "yes" if value else "no"


def _escaped(text: str) -> str:
    """Keep signs of a docstring signs; what stands in backticks stays as it is."""
    parts = text.split("`")
    parts[::2] = [_SIGNS.sub(r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _autodoc(directive: str, *options: str) -> str:
    lines = [f".. {directive}", *(f"   :{option}:" for option in options)]
    return "\n".join(["```{eval-rst}", *lines, "```"])


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    def made(found: re.Match[str]) -> str:
        return "\n\n".join(part for part in _MAKERS[found.group(1)]() if part)

    source[0] = MARK.sub(made, source[0])


def _as_text(
    app: Sphinx, what: str, name: str, own: object, options: object, lines: list[str]
) -> None:
    """Keep signs of a docstring signs where reStructuredText would take them for its own."""
    for place, line in enumerate(lines):
        parts = line.split("`")
        parts[::2] = [re.sub(r"([|*])", r"\\\1", part) for part in parts[::2]]
        lines[place] = "`".join(parts)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _as_text, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
