"""Figures of tasks against strategies: heat map, forest plot, critical differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.figures.canvas import COLOURS, GREY, PALE, Drawing, draw
from reports.statistics import Estimate, Floats

LIGHT, DARK = np.array([0.945, 0.960, 0.970]), np.array([0.0, 0.447, 0.698])  # to Okabe and Ito's blue


@dataclass(frozen=True)
class Row:
    """A line of a forest plot.

    Attributes:
        label: of the task.
        here: difference in points.
        low: of its interval.
        high: of it.
        published: the published difference, None where there is none.
        superiority: with its interval; None leaves the second panel out.
    """

    label: str
    here: float
    low: float
    high: float
    published: float | None
    superiority: Estimate | None = None


def heat_map(
    name: str, title: str, rows: Sequence[str], columns: Sequence[str], texts: Sequence[Sequence[str]], shades: Floats
) -> Drawing:
    """Cells with a figure in each, shaded.

    Args:
        name: of the figure.
        title: above it.
        rows: labels.
        columns: labels.
        texts: in the cells.
        shades: ``float64[rows, columns]``, 0 light to 1 dark, NaN for none.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        shown = np.nan_to_num(shades, nan=0.0)[..., None]
        colours = np.where(np.isnan(shades)[..., None], 1.0, LIGHT + shown * (DARK - LIGHT))
        for i, j in np.ndindex(shades.shape):
            axes.add_patch(_square(j, i, colours[i, j]))
            # Black and white each have a contrast of at least 4.5 to 1 on their side of this lightness.
            dark = _luminance(colours[i, j]) < 0.179
            axes.text(j, i, texts[i][j], ha="center", va="center", fontsize=9, color="white" if dark else "black")
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(range(len(columns)), columns, rotation=0 if len(columns) < 8 else 45)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_title(title, loc="left", fontweight="bold")

    width = 1.2 + 0.075 * max(map(len, rows)) + 0.85 * len(columns)
    return draw(name, (max(3.4, width), 0.9 + 0.36 * len(rows)), paint)


def forest(name: str, title: str, rows: Sequence[Row], unit: str) -> Drawing:
    """Differences with their intervals, one line each, published figures as hollow diamonds; beside it superiority."""

    def paint(figure: Any) -> None:
        two = any(row.superiority is not None for row in rows)
        panels = figure.subplots(1, 1 + two, sharey=True, squeeze=False, width_ratios=(3, 2)[: 1 + two])[0]
        places = np.arange(len(rows))[::-1]
        for axes in panels:
            axes.set_ylim(-0.7, len(rows) - 0.3)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x")
            axes.spines["left"].set_visible(False)
        panels[0].set_yticks(places, [row.label for row in rows])
        _differences(panels[0], rows, places)
        panels[0].set_xlabel(unit)
        panels[0].set_title(title, loc="left", fontweight="bold")
        if two:
            _superiorities(panels[1], rows, places)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)

    wide = 5.6 if any(row.superiority is not None for row in rows) else 4.7
    return draw(name, (wide, 1.35 + 0.3 * max(len(rows), 2)), paint)


def _differences(axes: Any, rows: Sequence[Row], places: Any) -> None:
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=0)
    label: str | None = "here, 95% interval"
    hollow: str | None = "published"
    for row, place in zip(rows, places, strict=True):
        axes.plot([row.low, row.high], [place, place], color=COLOURS[1], linewidth=2.2, solid_capstyle="butt")
        axes.plot(row.here, place, "o", color=COLOURS[1], markersize=6, label=label, linestyle="none")
        label = None
        if row.published is not None:
            style = {"markerfacecolor": "white", "markeredgecolor": COLOURS[2], "markeredgewidth": 1.5}
            axes.plot(row.published, place, "D", markersize=6, label=hollow, linestyle="none", zorder=4, **style)
            hollow = None
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.1), max(high, 0.1))


def _superiorities(axes: Any, rows: Sequence[Row], places: Any) -> None:
    axes.axvline(0.5, color=GREY, linewidth=0.9, zorder=0)
    for row, place in zip(rows, places, strict=True):
        if row.superiority is not None:
            found = row.superiority
            axes.plot([found.low, found.high], [place, place], color=COLOURS[3], linewidth=2.2, solid_capstyle="butt")
            axes.plot(found.value, place, "s", color=COLOURS[3], markersize=5, linestyle="none")
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "¼", "½", "¾", "1"])
    axes.set_xlabel("superiority")


def critical_differences(
    name: str, title: str, names: Sequence[str], ranks: Floats, difference: float, cliques: Sequence[Sequence[int]]
) -> Drawing:
    """Mean ranks on a line, bars joining strategies that Nemenyi's test does not tell apart (Demsar 2006).

    Args:
        name: of the figure.
        title: above it.
        names: of the strategies.
        ranks: ``float64[k]``, their mean ranks.
        difference: the critical one; NaN: none is drawn.
        cliques: indices of strategies to be joined.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        k, order = len(names), np.argsort(ranks, kind="stable")
        half = (k + 1) // 2
        lowest = -0.55 - 0.34 * max(half, 1)
        axes.plot([1, k], [0, 0], color="black", linewidth=1.0)
        for tick in range(1, k + 1):
            axes.plot([tick, tick], [0, 0.1], color="black", linewidth=1.0)
            axes.text(tick, 0.16, str(tick), ha="center", va="bottom", fontsize=9)
        for place, one in enumerate(order):
            left = place < half
            level = -0.45 - 0.34 * (place if left else k - 1 - place)
            edge = 0.85 if left else k + 0.15
            axes.plot([ranks[one], ranks[one], edge], [0, level, level], color=GREY, linewidth=0.9)
            label = f"{names[one]} {ranks[one]:.2f}"
            axes.text(edge + (-0.05 if left else 0.05), level, label, ha="right" if left else "left", va="center")
        for number, clique in enumerate(cliques):
            inside = ranks[list(clique)]
            level = -0.1 - 0.09 * number
            axes.plot([inside.min() - 0.03, inside.max() + 0.03], [level, level], color=COLOURS[2], linewidth=3.2,
                      solid_capstyle="butt")  # fmt: skip
        if np.isfinite(difference):
            end = min(1 + difference, k + 0.8)
            axes.plot([1, end], [0.62, 0.62], color="black", linewidth=1.2)
            for edge in (1, end):
                axes.plot([edge, edge], [0.57, 0.67], color="black", linewidth=1.2)
            axes.text((1 + end) / 2, 0.7, f"critical difference {difference:.2f}", ha="center", va="bottom", fontsize=8)
        axes.set_ylim(lowest, 1.0 if np.isfinite(difference) else 0.45)
        axes.set_xlim(0.1 - 0.08 * k, k + 0.9 + 0.08 * k)
        axes.axis("off")
        axes.set_title(title, loc="left", fontweight="bold")

    return draw(name, (5.6, (1.5 if np.isfinite(difference) else 1.2) + 0.2 * len(names)), paint)


def _square(column: int, row: int, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor=PALE, linewidth=0.8)


def _luminance(colour: Any) -> float:
    """Relative luminance as the accessibility guidelines (WCAG 2) define it."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
