"""Figures of trainings: curves by epoch, how well an epoch ranks, and what the best came to when trained for longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.figures.canvas import COLOURS, GREY, Drawing, colour, draw, style
from reports.statistics import Floats


def training_curves(name: str, title: str, panels: Mapping[str, Floats]) -> Drawing:
    """Validation accuracy after each epoch, a panel each on one scale.

    Args:
        name: of the figure.
        title: above it.
        panels: by label errors ``float64[n, e]``, fractions by network and epoch; NaN from where a training failed.
    """

    def paint(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (label, errors) in zip(every, panels.items(), strict=True):
            epochs = np.arange(1, errors.shape[1] + 1)
            for network in errors:
                axes.plot(epochs, 100 * (1 - network), color=COLOURS[1], linewidth=0.9, alpha=0.6)
            axes.set_title(label, loc="left", fontsize=9)
            axes.set_xlabel("epochs")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(axis="y")
        every[0].set_ylabel("validation accuracy, %")
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")

    return draw(name, (1.2 + 1.9 * max(len(panels), 2), 2.9), paint)


def rankings(name: str, title: str, groups: Mapping[str, Sequence[float | None]]) -> Drawing:
    """Rank correlation of the error after each epoch with the one at the end; None where it is not defined.

    Args:
        name: of the figure.
        title: above it.
        groups: by label one figure per epoch.
    """

    def paint(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_subplot()
        for place, (label, found) in enumerate(groups.items()):
            known = np.array([np.nan if value is None else value for value in found])
            axes.plot(np.arange(1, len(known) + 1), known, color=colour(place), linestyle=style(place), label=label)
        axes.axhline(0, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.set_ylim(None, 1.04)
        axes.set_xlabel("epochs")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("Spearman's correlation with the end")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(title="learning rate", title_fontsize=8, fontsize=8, frameon=False)

    return draw(name, (4.7, 3.3), paint)


def milestones(name: str, title: str, groups: Mapping[str, Mapping[int, Floats]], up: str) -> Drawing:
    """Box plots over runs at each milestone, the strategies beside each other; every run is a dot as well.

    Args:
        name: of the figure.
        title: above it.
        groups: by strategy and evaluations ``float64[runs]``.
        up: the vertical axis.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        every = sorted({evaluations for found in groups.values() for evaluations in found})
        wide = 0.8 / len(groups)
        for place, (label, found) in enumerate(groups.items()):
            shade = COLOURS[1 + place % (len(COLOURS) - 1)]
            at = [every.index(evaluations) + (place - (len(groups) - 1) / 2) * wide for evaluations in found]
            boxes = axes.boxplot(
                list(found.values()), positions=at, widths=0.8 * wide, manage_ticks=False, showfliers=False,
                patch_artist=True, boxprops={"facecolor": "none", "edgecolor": shade},
                medianprops={"color": shade, "linewidth": 2}, whiskerprops={"color": shade}, capprops={"color": shade},
            )  # fmt: skip
            boxes["boxes"][0].set_label(label)
            for here, values in zip(at, found.values(), strict=True):
                axes.plot(np.full(len(values), here), values, "os^D"[place % 4], color=shade, markersize=3,
                          markeredgewidth=0, alpha=0.7)  # fmt: skip
        axes.set_xticks(range(len(every)), [f"{evaluations:,}" for evaluations in every])
        axes.set_xlim(-0.6, len(every) - 0.4)
        axes.set_xlabel("evaluations of the search")
        axes.set_ylabel(up)
        axes.grid(axis="y")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(fontsize=8, frameon=False)

    return draw(name, (4.7, 3.3), paint)
