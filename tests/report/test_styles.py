"""A strategy looks the same in every figure, and no two look alike in one."""

from cl_anomaly.report.styles import styles_of
from cl_anomaly.strategies import strategies

OTHERS = "Naive Cumulative EWC GenerativeReplay Replay SI MyStrategy BatchEWC joint er".split()


def test_a_built_in_strategy_has_one_look() -> None:
    names = ["upper", "gr", "ewc", "lower"]
    assert set(names) <= set(strategies())
    together = styles_of({name: name for name in names})
    # As in the published figure.
    assert [together[name].colour for name in names] == [
        "#0072B2",
        "#D55E00",
        "#009E73",
        "#000000",
    ]
    for name in names:
        alone = styles_of({"any label": name, **{other: other for other in OTHERS}})
        assert alone["any label"] == together[name]


def test_another_strategy_has_one_look_in_any_order_beside_any_built_in() -> None:
    for name in OTHERS:
        alone = styles_of({name: name})[name]
        assert styles_of({"gr": "gr", name: name, "lower": "lower"})[name] == alone
    together = styles_of({name: name for name in OTHERS})
    assert styles_of({name: name for name in reversed(OTHERS)}) == together


def test_strategies_have_different_colours_while_there_are_any() -> None:
    seven = styles_of({name: name for name in OTHERS[:7]})
    assert len({style.colour for style in seven.values()}) == 7
    assert len({style.marker for style in seven.values()}) == 7


def test_no_two_strategies_look_the_same() -> None:
    names = [f"strategy {n}" for n in range(63)]
    assert len(set(styles_of({name: name for name in names}).values())) == 63


def test_runs_of_one_strategy_are_told_apart_in_its_hue() -> None:
    styles = styles_of({f"gr, epochs {n}": "gr" for n in range(13)})
    assert styles["gr, epochs 0"] == styles_of({"gr": "gr"})["gr"]
    assert len({style.colour for style in styles.values()}) == 13
    assert len({style.marker for style in styles.values()}) == 13
    for style in styles.values():
        red, green, blue = (int(style.colour[at : at + 2], 16) for at in (1, 3, 5))
        assert red > green > blue, "orange to brown"
    greys = styles_of({f"lower {n}": "lower" for n in range(5)})
    assert len({style.colour for style in greys.values()}) == 5
