"""Figures of hyper-parameter search: distributions, orders of drawing, predictions, running medians, courses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.figures.canvas import COLOURS, GREY, Drawing, colour, draw, plain_ticks, style
from reports.statistics import Floats


def distribution(name: str, title: str, losses: Floats, across: str) -> Drawing:
    """Histogram of the losses of a space."""

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.hist(losses, bins=40, color=COLOURS[1], alpha=0.8)
        axes.set_xlabel(across)
        axes.set_ylabel("models")
        axes.set_title(title, loc="left", fontweight="bold")

    return draw(name, (4.7, 3.0), paint)


def orders(name: str, title: str, runs: Mapping[str, Floats], up: str, ceiling: float | None = None) -> Drawing:
    """Losses in the order in which one run of each strategy met them, and the least so far.

    Args:
        name: of the figure.
        title: above it.
        runs: ``float64[n]`` by strategy; NaN for what failed.
        up: the vertical axis.
        ceiling: where failures are drawn; None for no failures.
    """

    def paint(figure: Any) -> None:
        panels = figure.subplots(len(runs), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for place, (axes, (strategy, losses)) in enumerate(zip(panels, runs.items(), strict=True)):
            number = np.arange(1, len(losses) + 1)
            axes.plot(number, losses, ".", markersize=2.5, color=colour(place + 1), rasterized=len(losses) > 2000)
            if ceiling is not None and np.isnan(losses).any():
                failed = np.isnan(losses)
                axes.plot(number[failed], np.full(failed.sum(), ceiling), "x", markersize=3, color=GREY)
                axes.annotate("failed", (1.0, ceiling), xycoords=("axes fraction", "data"), fontsize=7.5, color=GREY,
                              ha="right", va="bottom")  # fmt: skip
            axes.step(number, np.fmin.accumulate(losses), where="post", color="#b03030", linewidth=1.4)
            axes.set_title(strategy, loc="left", fontsize=9)
            axes.set_ylabel(up)
        panels[-1].set_xlabel("evaluations")
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")

    return draw(name, (5.4, 0.6 + 1.75 * len(runs)), paint)


def predictions(name: str, title: str, losses: Floats, shown: Sequence[Mapping[str, Any]], up: str) -> Drawing:
    """What a process predicts of every model, with its 95% interval, models in the order of their losses."""

    def paint(figure: Any) -> None:
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        rank = np.arange(1, len(losses) + 1)
        for axes, one in zip(panels, shown, strict=True):
            mean, deviation = np.array(one["mean"]), np.array(one["deviation"])
            axes.fill_between(rank, mean - 1.96 * deviation, mean + 1.96 * deviation, color=COLOURS[2], alpha=0.2,
                              linewidth=0)  # fmt: skip
            axes.plot(rank, mean, color=COLOURS[2], linewidth=0.8, label="predicted")
            axes.plot(rank, losses, color=COLOURS[1], linewidth=1.5, label="true")
            axes.set_title(f"{one['known']} models known", loc="left", fontsize=9)
            axes.set_xlabel("rank")
        panels[0].set_ylabel(up)
        panels[0].legend(loc="upper left", fontsize=8, frameon=False)
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")

    return draw(name, (2.4 * max(len(shown), 2), 3.0), paint)


def courses(
    name: str,
    title: str,
    at: Floats,
    bands: Mapping[str, tuple[Floats, Floats, Floats]],
    across: str,
    up: str,
    logarithmic: bool = False,
) -> Drawing:
    """A quantity of each strategy along a run, with bands.

    Args:
        name: of the figure.
        title: above it.
        at: ``float64[t]``.
        bands: by strategy: centre, low and high, ``float64[t]`` each.
        across: the horizontal axis.
        up: the vertical one.
        logarithmic: the horizontal axis.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        for place, (strategy, (centre, low, high)) in enumerate(bands.items()):
            axes.fill_between(at, low, high, color=colour(place), alpha=0.14, linewidth=0)
            axes.plot(at, centre, color=colour(place), linestyle=style(place), linewidth=1.6, label=strategy)
        if logarithmic:
            axes.set_xscale("log")
            plain_ticks(axes.xaxis, (1.0, 2.0, 5.0))
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(fontsize=8, frameon=False)

    return draw(name, (5.0, 3.4), paint)
