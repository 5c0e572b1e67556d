"""What the pages say of this repository: links, promises, rooms, hooks."""

import inspect
import re
import tomllib

import pytest

from cl_anomaly import models
from cl_anomaly.plan.classes import strategy_options_of
from cl_anomaly.strategies import Strategy, find_strategy, strategies
from tests.docs.pages import CONTRIBUTING, MODELS, PAGES, README, STRATEGIES, SURVIVING, Page, rows
from tests.support.learning import learn, prepare, small_scenario
from tests.support.places import ROOT

_LONGEST_README = 249


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links():
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.path.parent / file).resolve() if file else page.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target).anchors(), link


def test_every_page_of_docs_is_reached_from_the_first() -> None:
    waiting, reached = [ROOT / "docs" / "index.md"], set()
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        links = [link.partition("#")[0] for link in Page(path).links()]
        waiting += [(path.parent / link).resolve() for link in links if "://" not in link and link]
    # Stubs, in whose place the built pages show README, CONTRIBUTING and CHANGELOG.
    stubs = {ROOT / "docs" / f"{name}.md" for name in ("readme", "contributing", "changelog")}
    assert set(ROOT.glob("docs/**/*.md")) <= reached | stubs


def test_readme_is_short_and_begins_with_the_figure_and_the_commands() -> None:
    lines = README.text.splitlines()
    assert len(lines) <= _LONGEST_README
    first_screen = "\n".join(lines[:25])
    assert "auroc_per_task.png" in first_screen
    assert "git clone" in first_screen
    assert README.blocks()[0] in first_screen


@pytest.mark.parametrize("row", rows(SURVIVING.text), ids=lambda row: row[0])
def test_promise_is_linked_to_tests_that_exist(row: list[str]) -> None:
    links = re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", row[-1])
    assert links
    for name, file in links:
        assert f"def {name}(" in (ROOT / file).read_text(), name


def test_readme_counts_the_promises() -> None:
    (number,) = re.findall(r"lists (\d+) such promises", README.text)
    assert int(number) == len(rows(SURVIVING.text))


def test_map_of_rooms_is_the_layers_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [one for one in settings["contracts"] if one["type"] == "layers"]
    layers = [re.split(r"\s*[|:]\s*", layer) for layer in contract["layers"]]
    assert _rooms_of_the_map() == [room for layer in layers for room in layer]


def test_map_of_rooms_is_what_is_there() -> None:
    here = (ROOT / "cl_anomaly").iterdir()
    folders = {path.name for path in here if (path / "__init__.py").exists()}
    modules = {path.stem for path in (ROOT / "cl_anomaly").glob("[!_]*.py")}
    assert sorted(_rooms_of_the_map()) == sorted(folders | modules)


def _rooms_of_the_map() -> list[str]:
    return [row[0].strip("`") for row in rows(CONTRIBUTING.section("## The map of rooms"))]


def test_table_of_hooks_is_the_strategys() -> None:
    hooks = {
        name for name, of in inspect.getmembers(Strategy, inspect.isfunction) if name[0] != "_"
    }
    cells = [row[0] for row in rows(README.section("## Add a strategy"))]
    assert hooks == set(re.findall(r"`(\w+)\(", " ".join(cells)))


def _kept_by(name: str, tasks: int) -> int:
    """Count the bytes that a strategy keeps of one replica of a small model."""
    scenario, strategy = small_scenario(), find_strategy(name)()
    prepare(strategy, scenario, [0])
    for number in range(1, tasks + 1):
        learn(strategy, [scenario], [0], number)
    return sum(own.nbytes for own in strategy.state_dict().values())


@pytest.mark.parametrize(
    "row", rows(STRATEGIES.section("## What there is")), ids=lambda row: row[0]
)
def test_row_of_strategies_is_what_the_class_says(row: list[str]) -> None:
    name, source, _, size, needs, boundaries, samples, options = row
    cls = find_strategy(name.strip("`"))
    assert needs == ", ".join(sorted(cls.needs))
    assert (boundaries, samples) == tuple(
        "yes" if own else "no" for own in (cls.needs_boundaries, cls.stores_samples)
    )
    assert options == ", ".join(f"`{option}`" for option in strategy_options_of(cls))
    for year in re.findall(r"\d{4}", source):
        assert year in (cls.__doc__ or "")
    model = prepare(Strategy(), small_scenario(), [0]).model
    for tasks in (1, 3):
        values = {
            "M": 4 * sum(own.numel() for own in model.parameters()),
            "D": 4 * sum(own.numel() for own in model.generator().parameters()),
            "T": tasks,
            "c": 2,
            "s": 9,
            "f": 9,
            # All that has come, which is less than the default: 20, then 30 and 25 more.
            "n": (20, 75)[tasks > 1],
        }
        expected = eval(size.replace("·", "*"), {}, values)  # noqa: S307
        assert _kept_by(cls.name, tasks) == expected


def test_table_of_strategies_is_what_there_is() -> None:
    shown = [row[0].strip("`") for row in rows(STRATEGIES.section("## What there is"))]
    assert sorted(shown) == sorted(strategies())


def test_table_of_defaults_is_that_of_every_model() -> None:
    shown = {
        row[0].strip("`"): row[1] for row in rows(MODELS.section("## Options and their defaults"))
    }
    assert set(shown) == set(models.MODELS)
    for name, options in shown.items():
        found = dict(re.findall(r"`(\w+)=([^`]*)`", options))
        parameters = list(inspect.signature(models.MODELS[name]).parameters.values())[2:]
        assert found == {own.name: str(own.default) for own in parameters}, name


def test_table_of_models_is_what_there_is() -> None:
    shown = {row[0].strip("`"): row[3:] for row in rows(MODELS.text) if len(row) > 2}
    assert set(shown) == set(models.MODELS)
    for name, (abilities, score) in shown.items():
        model = models.MODELS[name]
        assert set(abilities.split(", ")) == model.abilities, name
        assert score == f"`{model.default_score}`", name
