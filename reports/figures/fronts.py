"""Figures of several objectives: fronts as they grow, attained surfaces, indicators over time, ranks per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.axis import Axis
from reports.figures.canvas import GREY, Drawing, colour, draw, plain_ticks, style
from reports.figures.curves import Line
from reports.statistics import Floats

MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # beside colours, for who cannot tell these apart
LINEAR = 0.05  # points of error above the front below which its axis is linear
LEAST, WHITE, MOST = (0.835, 0.369, 0.0), (1.0, 1.0, 1.0), (0.0, 0.447, 0.698)  # vermilion and blue


@dataclass(frozen=True)
class Found:
    """What a strategy had found.

    Attributes:
        name: of the strategy.
        place: in the palette.
        points: ``float64[n, 2]``, cost and error, both in their own units, by cost.
        above: ``float64[x]``, error above the true front at each cost; infinite or NaN where nothing so cheap is found.
        low: of a band around it, ``float64[x]``; None draws none.
        high: of it.
    """

    name: str
    place: int
    points: Floats
    above: Floats
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True)
class Moment:
    """Fronts after so many evaluations."""

    label: str
    found: Sequence[Found]


def growth(
    name: str, title: str, moments: Sequence[Moment], front: Floats, costs: Floats, labels: tuple[str, str]
) -> Drawing:
    """One row per moment; left the fronts themselves, right how far their error lies above the true front's.

    Args:
        name: of the figure.
        title: above it.
        moments: in order.
        front: the true one, ``float64[k, 2]``, cost and error, by cost.
        costs: ``float64[x]``, of ``Found.above``.
        labels: of cost and error.
    """

    def paint(figure: Any) -> None:
        table = figure.subplots(len(moments), 2, sharex=True, sharey="col", squeeze=False)
        for (left, right), moment in zip(table, moments, strict=True):
            left.step(front[:, 0], front[:, 1], where="post", color=GREY, linewidth=3.2, alpha=0.35, label="true front")
            for one in moment.found:
                marker = {"marker": MARKERS[one.place % len(MARKERS)], "markersize": 3.2, "markerfacecolor": "none"}
                left.plot(*one.points.T, linestyle="none", markeredgewidth=0.9, color=colour(one.place), label=one.name,
                          **marker)  # fmt: skip
                _above(right, costs, one)
            left.set_yscale("log")
            plain_ticks(left.yaxis, (1.0, 2.0, 5.0))
            _above_axis(right)
            left.set_title(moment.label, loc="left", fontsize=9)
            left.set_ylabel(labels[1])
            right.set_ylabel("points")
        for axes in table[-1]:
            axes.set_xlabel(labels[0])
        table[0, 1].set_title("above the true front", loc="left", fontsize=9, color=GREY)
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")
        first, *_ = table[0, 0].get_legend_handles_labels()[0]
        keys = [_key(one) for one in moments[0].found]
        figure.legend(handles=[first, *keys], loc="outside lower center", ncols=4, fontsize=8, frameon=False)

    return draw(name, (4.9, 0.9 + 1.65 * len(moments)), paint)


def attained(name: str, title: str, moments: Sequence[Moment], costs: Floats, label: str) -> Drawing:
    """What half of the runs attain, and between which a quarter and three quarters do, above the true front."""

    def paint(figure: Any) -> None:
        column = figure.subplots(len(moments), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, moment in zip(column, moments, strict=True):
            for one in moment.found:
                _above(axes, costs, one)
            _above_axis(axes)
            axes.set_ylabel("points above the front")
            axes.set_title(moment.label, loc="left", fontsize=9)
        column[-1].set_xlabel(label)
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")
        handles, names = column[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)

    return draw(name, (4.7, 0.8 + 2.0 * len(moments)), paint)


def attainment_difference(
    name: str,
    title: str,
    edges: tuple[Floats, Floats],
    moments: Sequence[str],
    rows: Sequence[tuple[tuple[str, str], Sequence[Floats]]],
    label: str,
) -> Drawing:
    """Where more runs of one method than of another attain a point: a row for each pair, a column for each moment.

    Args:
        name: of the figure.
        title: above it.
        edges: of the cells: costs ``float64[x + 1]``, and errors above the front ``float64[y + 1]``.
        moments: labels of the columns.
        rows: two methods, and for each moment ``float64[y, x]``: share of the second's runs less the first's.
        label: of costs.
    """
    from matplotlib.colors import LinearSegmentedColormap

    def paint(figure: Any) -> None:
        colours = LinearSegmentedColormap.from_list("difference", [LEAST, WHITE, MOST])
        table = figure.subplots(len(rows), len(moments), sharex=True, sharey=True, squeeze=False)
        for line, ((one, two), values) in zip(table, rows, strict=True):
            for axes, shares in zip(line, values, strict=True):
                drawn = axes.pcolormesh(*edges, shares, cmap=colours, vmin=-1, vmax=1, rasterized=True)
                _above_axis(axes)
                axes.grid(visible=False)
                axes.set_ylim(edges[1][0], edges[1][-1])
            line[0].set_ylabel(f"{one} or {two}\npoints above")
        for axes, moment in zip(table[0], moments, strict=True):
            axes.set_title(moment, loc="left", fontsize=9)
        for axes in table[-1]:
            axes.set_xlabel(label)
        bar = figure.colorbar(drawn, ax=table.ravel().tolist(), location="bottom", fraction=0.05, aspect=40, pad=0.03)
        bar.set_ticks([-1, -0.5, 0, 0.5, 1], labels=["all of the first", "half", "alike", "half", "all of the second"])
        bar.outline.set_linewidth(0.6)
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")

    return draw(name, (4.9, 1.3 + 1.5 * len(rows)), paint)


def indicator_curves(
    name: str, title: str, panels: Sequence[tuple[str, Sequence[Line], bool]], axis: Axis, columns: int = 1,
    best: float = np.nan, lowest: float = np.nan,
) -> Drawing:  # fmt: skip
    """Means over runs with their bands over logarithmic time, a panel for each indicator.

    Args:
        name: of the figure.
        title: above it.
        panels: label of the vertical axis, lines, and whether it is logarithmic.
        axis: what the lines' seconds are.
        columns: of panels.
        best: drawn as a dotted line; NaN draws none.
        lowest: where the vertical axis begins; NaN where the lines do.
    """

    def paint(figure: Any) -> None:
        rows = -(-len(panels) // columns)
        table = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, (label, lines, logarithmic) in zip(table, panels, strict=False):
            for line in lines:
                at, found = line.seconds / axis.unit, line.curve
                axes.fill_between(at, found.low, found.high, color=colour(line.place), alpha=0.16, linewidth=0)
                axes.plot(at, found.centre, color=colour(line.place), linestyle=style(line.place), linewidth=1.7,
                          label=line.name)  # fmt: skip
            axes.set_xscale("log")
            plain_ticks(axes.xaxis)
            if logarithmic and any((line.curve.centre > 0).any() for line in lines):  # zeros have no place on it
                axes.set_yscale("log")
                plain_ticks(axes.yaxis, (1.0, 2.0, 5.0))
            axes.set_ylabel(label)
            if np.isfinite(best):
                axes.axhline(best, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
                axes.annotate("true front", (0.01, best), xycoords=("axes fraction", "data"), xytext=(0, 2),
                              textcoords="offset points", fontsize=8, color=GREY)  # fmt: skip
            if np.isfinite(lowest):
                highest = best if np.isfinite(best) else max(float(np.nanmax(one.curve.centre)) for one in lines)
                if highest > lowest:
                    axes.set_ylim(lowest, highest + 0.1 * (highest - lowest))
        for axes in table[len(panels) :]:
            axes.set_visible(False)
        for place in range(max(0, len(panels) - columns), len(panels)):
            table[place].tick_params(labelbottom=True)
            table[place].set_xlabel(axis.label)
        first = table[0]
        if len(panels) == 1:
            first.set_title(title, loc="left", fontweight="bold")
            first.legend(loc="lower right", title=panels[0][1][0].curve.band, title_fontsize=7.5, fontsize=8,
                         frameon=False)  # fmt: skip
        else:
            figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")
            handles, names = first.get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)

    rows = -(-len(panels) // columns)
    return draw(name, (4.7, 3.5) if len(panels) == 1 else (5.2, 0.8 + 1.75 * rows), paint)


def size_curves(
    name: str, title: str, evaluations: Floats, curves: Mapping[str, Floats], chosen: str, best: float, lowest: float
) -> Drawing:
    """Hypervolume for each size of the first archive, light to dark; the chosen size dashed and named.

    Args:
        name: of the figure.
        title: above it.
        evaluations: ``float64[t]``.
        curves: by size, mean hypervolume times 100, ``float64[t]``.
        chosen: one of the sizes.
        best: of the true front, times 100.
        lowest: where the vertical axis begins.
    """
    from matplotlib import colormaps

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        shades = colormaps["viridis"](np.linspace(0.0, 0.88, len(curves)))
        for (size, values), shade in zip(curves.items(), shades, strict=True):
            own: dict[str, Any] = {"color": shade, "linewidth": 1.3}
            if size == chosen:
                own = {"color": "black", "linestyle": (0, (5, 1.5)), "linewidth": 2.0, "zorder": 4}
            axes.plot(evaluations, values, label=size, **own)
        axes.axhline(best, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
        axes.set_ylim(lowest, best + 0.06 * (best - lowest))
        axes.set_xlabel("evaluations")
        axes.set_ylabel("hypervolume × 100")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(loc="lower right", ncols=3, title="size of the first archive", title_fontsize=7.5, fontsize=8,
                    frameon=False)  # fmt: skip

    return draw(name, (4.7, 3.5), paint)


def rank_lines(
    name: str, title: str, tasks: Sequence[str], ranks: Mapping[str, tuple[Floats, Floats, Floats]]
) -> Drawing:
    """Rank of each strategy on each task, 1 on top, with its interval.

    Args:
        name: of the figure.
        title: above it.
        tasks: labels.
        ranks: by strategy, rank, low and high, each ``float64[tasks]``.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        places = np.arange(len(tasks), dtype=float)
        for number, (label, (rank, low, high)) in enumerate(ranks.items()):
            shift = places + 0.12 * (number - (len(ranks) - 1) / 2)
            axes.plot(shift, rank, color=colour(number), linestyle=style(number), linewidth=1.2, alpha=0.7)
            axes.errorbar(shift, rank, yerr=[rank - low, high - rank], fmt=MARKERS[number % len(MARKERS)], markersize=6,
                          color=colour(number), linewidth=2.0, label=label)  # fmt: skip
        axes.set_ylim(len(ranks) + 0.35, 0.65)
        axes.set_yticks(range(1, len(ranks) + 1))
        axes.set_xticks(places, tasks, rotation=0 if len(tasks) < 5 else 30, ha="center" if len(tasks) < 5 else "right")
        axes.set_xlim(-0.5, len(tasks) - 0.5)
        axes.set_ylabel("rank by mean, 1 is best")
        axes.grid(axis="y")
        axes.set_title(title, loc="left", fontweight="bold")
        figure.legend(loc="outside lower center", ncols=min(len(ranks), 5), fontsize=8, frameon=False)

    return draw(name, (max(4.7, 1.2 + 0.95 * len(tasks)), 3.3), paint)


def _key(one: Found) -> Any:
    """Marker of the points and style of the line together, for a legend."""
    from matplotlib.lines import Line2D

    marker: dict[str, Any] = {"marker": MARKERS[one.place % len(MARKERS)], "markersize": 4, "markerfacecolor": "none"}
    return Line2D([], [], color=colour(one.place), linestyle=style(one.place), linewidth=1.4, label=one.name, **marker)


def _above(axes: Any, costs: Floats, one: Found) -> None:
    """A strategy's error above the true front, as a step."""
    if one.low is not None and one.high is not None:
        axes.fill_between(costs, _finite(one.low), _finite(one.high), step="post", color=colour(one.place), alpha=0.2,
                          linewidth=0)  # fmt: skip
    axes.step(costs, _finite(one.above), where="post", color=colour(one.place), linestyle=style(one.place),
              linewidth=1.4, label=one.name)  # fmt: skip


def _above_axis(axes: Any) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_yscale("symlog", linthresh=LINEAR, linscale=0.6)
    axes.yaxis.set_major_locator(FixedLocator([0, 0.1, 1, 10]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
