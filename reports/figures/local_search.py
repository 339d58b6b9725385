"""Figures of local search: accuracy over evaluations, and how far neighbours are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.axis import EVALUATIONS, Axis
from reports.figures.canvas import COLOURS, GREY, Drawing, colour, draw, plain_ticks, style
from reports.figures.curves import Line


def accuracy_curves(
    name: str,
    title: str,
    lines: Sequence[Line],
    lowest: float,
    best: float,
    limit: str = "best of the space",
    axis: Axis = EVALUATIONS,
) -> Drawing:
    """Accuracy of the incumbent over a logarithmic axis, with bands.

    Args:
        name: of the figure.
        title: above it.
        lines: one per strategy; accuracies are fractions.
        lowest: accuracy at the frame's lower edge.
        best: of the whole space, drawn as a dotted line; NaN where it is not known.
        limit: what that line is.
        axis: what the lines' seconds are.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        for line in lines:
            at, found = line.seconds / axis.unit, line.curve
            axes.fill_between(at, 100 * found.low, 100 * found.high, color=colour(line.place), alpha=0.14, linewidth=0)
            axes.plot(at, 100 * found.centre, color=colour(line.place), linestyle=style(line.place), linewidth=1.7,
                      label=line.name)  # fmt: skip
        highest = max(float(np.nanmax(line.curve.centre, initial=lowest)) for line in lines)
        if np.isfinite(best):
            axes.axhline(100 * best, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
            axes.annotate(limit, (0.01, 100 * best), xycoords=("axes fraction", "data"), xytext=(0, 2),
                          textcoords="offset points", fontsize=8, color=GREY)  # fmt: skip
            highest = max(highest, best)
        axes.set_ylim(100 * lowest, 100 * (highest + 0.08 * (highest - lowest)))
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
        axes.set_xlabel(axis.label)
        axes.set_ylabel("validation accuracy, %")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(loc="lower right", title=lines[0].curve.band, title_fontsize=7.5, fontsize=8, frameon=False)

    return draw(name, (4.7, 3.5), paint)


def box_plots(name: str, title: str, boxes: Mapping[str, Mapping[str, Any]], across: str) -> Drawing:
    """Horizontal box plots on a logarithmic axis in points.

    Args:
        name: of the figure.
        title: above it.
        boxes: by label; fractions ``low``, ``first``, ``median``, ``third``, ``high``, ``mean`` and ``outliers``.
        across: the horizontal axis.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        labels = list(boxes)[::-1]
        shown = [
            {
                "label": label,
                "whislo": 100 * boxes[label]["low"],
                "q1": 100 * boxes[label]["first"],
                "med": 100 * boxes[label]["median"],
                "q3": 100 * boxes[label]["third"],
                "whishi": 100 * boxes[label]["high"],
                "mean": 100 * boxes[label]["mean"],
                "fliers": 100 * np.array(boxes[label]["outliers"]),
            }
            for label in labels
        ]
        axes.bxp(
            shown, orientation="horizontal", widths=0.55, showmeans=True, patch_artist=True,
            boxprops={"facecolor": "#dbe9f4", "edgecolor": COLOURS[1]},
            medianprops={"color": COLOURS[2], "linewidth": 1.6},
            whiskerprops={"color": COLOURS[1]}, capprops={"color": COLOURS[1]},
            meanprops={"marker": "o", "markerfacecolor": COLOURS[2], "markeredgecolor": "white", "markersize": 5},
            flierprops={"marker": "d", "markersize": 2.5, "markerfacecolor": GREY, "markeredgecolor": "none"},
        )  # fmt: skip
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(across)
        axes.set_title(title, loc="left", fontweight="bold")

    return draw(name, (5.6, 1.1 + 0.42 * max(len(boxes), 2)), paint)
