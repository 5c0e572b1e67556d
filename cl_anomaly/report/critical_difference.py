"""Critical-difference diagram of mean ranks; no claim is based on it."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.how_tested import in_p
from cl_anomaly.report.legends import width_of, wrapped
from cl_anomaly.report.styles import FIGURE_STYLE, Style, styles_of
from cl_anomaly.statistics.comparison import Comparison
from cl_anomaly.statistics.pair_tests import counted
from cl_anomaly.statistics.ranks import groups_not_different

_POINTS = 72.0  # in an inch
# Inches: the scale, a name's column at most, a line of text, the room between two bars, the rest.
_SCALE, _WIDEST, _LINE, _BAR, _GAP, _TOP = 3.6, 3.0, 0.17, 0.13, 0.12, 0.5
_MARGIN, _ELBOW = 0.12, 0.15


def draw_critical_difference(
    comparison: Comparison, strategies: dict[str, str] | None = None, title: str = ""
) -> Figure:
    """Draw mean ranks on a line, the best on the left; a bar joins those within Nemenyi's reach.

    Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 2006), section
    3.2.4. If Friedman's test finds no difference, one bar joins all.

    Args:
        comparison: of three runs or more with results, in two blocks or more.
        strategies: strategy of each run, for its colour. Default: the run's name.

    Raises:
        InputError: there are fewer runs or blocks.
    """
    if comparison.friedman is None or comparison.critical_difference is None:
        known = comparison.table.dropna(subset="rank")["run"].tolist()
        raise InputError(
            f"Expected three runs or more, with results for two anomaly classes, datasets or seeds "
            f"in common, but got {', '.join(map(str, known)) or 'none'}, with "
            f"{comparison.count} in common. `plot --kind auroc` draws them."
        )
    ranked = comparison.table.dropna(subset="rank").sort_values("rank", kind="stable")
    runs, mean = [str(run) for run in ranked["run"]], ranked["rank"].tolist()
    is_different = comparison.friedman < comparison.alpha
    reach = comparison.critical_difference if is_different else float("inf")
    groups = [(mean[group[0]], mean[group[-1]]) for group in groups_not_different(mean, reach)]
    styles = styles_of({run: (strategies or {}).get(run) or run for run in runs})
    with mpl.rc_context(FIGURE_STYLE):
        return _Diagram(comparison, runs, mean, groups, styles, title).figure


class _Diagram:
    """A diagram in inches, so that text and lines keep apart at any size."""

    def __init__(
        self,
        comparison: Comparison,
        runs: Sequence[str],
        mean: Sequence[float],
        groups: Sequence[tuple[float, float]],
        styles: dict[str, Style],
        title: str,
    ) -> None:
        self._runs, self._mean, self._styles = runs, mean, styles
        self._half = (len(runs) + 1) // 2
        room = _POINTS * _WIDEST
        self._names = [
            wrapped(f"{run}  {rank:.2f}", room) for run, rank in zip(runs, mean, strict=True)
        ]
        widths = [width_of(name) / _POINTS + 2 * _MARGIN for name in self._names]
        self._left = max(widths[: self._half])
        width = self._left + _SCALE + max(widths[self._half :]) + 2 * _ELBOW
        words = wrapped(_words(comparison, title), _POINTS * (width - 2 * _MARGIN))
        above = _TOP + _LINE * (words.count("\n") + 1)
        # Below the scale: the bars, then the names of the better half or of the other.
        bars = _GAP + _BAR * len(groups)
        sides = self._names[: self._half], self._names[self._half :]
        below = max(sum(_LINE * (n.count("\n") + 1) + 0.06 for n in side) for side in sides)
        height = above + 0.35 + bars + below + 2 * _MARGIN
        self.figure = new_figure(width, height)
        self.figure.set_layout_engine("none")  # everything has its place
        self._axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(0, height))
        self._axes.set_axis_off()
        self._line = height - above - 0.3
        self._axes.text(
            width / 2, height - _MARGIN, words, ha="center", va="top", fontsize=9, linespacing=1.2
        )
        self._draw_scale(comparison.critical_difference or 0.0)
        for number, (first, last) in enumerate(groups):
            self._draw_bar(self._line - _GAP - _BAR * number, first, last)
        self._draw_names(self._line - bars - 0.1)

    def _x(self, rank: float) -> float:
        share = (rank - 1) / (len(self._runs) - 1)
        return self._left + _ELBOW + share * _SCALE

    def _draw_scale(self, difference: float) -> None:
        axes, line, count = self._axes, self._line, len(self._runs)
        axes.plot([self._x(1), self._x(count)], [line, line], color="black", linewidth=1.0)
        step = -(-count // 12)
        for rank in range(1, count + 1):
            length = 0.08 if (rank - 1) % step == 0 else 0.04
            axes.plot([self._x(rank)] * 2, [line, line + length], color="black", linewidth=0.8)
            if (rank - 1) % step == 0:
                axes.text(
                    self._x(rank), line + 0.1, str(rank), ha="center", va="bottom", fontsize=8
                )
        end, height = min(self._x(1 + difference), self._x(count)), line + 0.36
        axes.plot([self._x(1), end], [height, height], color="black", linewidth=1.0)
        for x in (self._x(1), end):
            axes.plot([x, x], [height - 0.04, height + 0.04], color="black", linewidth=1.0)
        axes.text(end + 0.06, height, f"CD {difference:.2f}", ha="left", va="center", fontsize=8)

    def _draw_bar(self, y: float, first: float, last: float) -> None:
        ends = [self._x(first) - 0.05, self._x(last) + 0.05]
        self._axes.plot(ends, [y, y], color="0.35", linewidth=3.0, solid_capstyle="butt")

    def _draw_names(self, top: float) -> None:
        """Write the better half on the left and the other half on the right."""
        y = top
        for place in range(self._half):
            y = self._draw_name(place, y, is_left=True)
        y = top
        for place in reversed(range(self._half, len(self._runs))):
            y = self._draw_name(place, y, is_left=False)

    def _draw_name(self, place: int, top: float, is_left: bool) -> float:
        height = _LINE * (self._names[place].count("\n") + 1)
        y, x = top - height / 2, self._x(self._mean[place])
        edge = self._left if is_left else self._x(len(self._runs)) + _ELBOW
        style = self._styles[self._runs[place]]
        self._axes.plot(
            [x, x, edge], [self._line, y, y], color=style.colour, linewidth=1.0, zorder=1
        )
        self._axes.plot(
            [x], [self._line], color=style.colour, marker=style.marker, markersize=4.5, zorder=3
        )
        self._axes.text(
            edge - 0.05 if is_left else edge + 0.05,
            y,
            self._names[place],
            ha="right" if is_left else "left",
            va="center",
            linespacing=1.1,
        )
        return top - height - 0.06


def _words(comparison: Comparison, title: str) -> str:
    """Describe the ranks and the tests."""
    p, level = comparison.friedman or 0.0, f"{comparison.alpha:g}"
    what = "bars join ranks within CD" if p < comparison.alpha else "no ranks differ"
    over = counted(comparison.count, comparison.units)
    words = f"mean rank over {over}; Friedman p {in_p(p)}, at {level}: {what}"
    return f"{title}: {words}" if title else words
