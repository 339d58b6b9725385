"""Figures of all evaluations of a run: how they go, and how large the networks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.figures.canvas import COLOURS, GREY, Drawing, draw
from reports.statistics import Floats


def evolution(name: str, title: str, errors: Floats, incumbent: Floats) -> Drawing:
    """Errors of a run's evaluations in their order, with the best so far; the first is marked by a star.

    Args:
        name: of the figure.
        title: above it.
        errors: ``float64[k]``, fractions; NaN where a training failed.
        incumbent: ``float64[k]``, the least until then.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        number = np.arange(1, len(errors) + 1)
        axes.plot(number, 100 * errors, "o", color=COLOURS[1], markersize=3, markeredgewidth=0, label="evaluated")
        axes.step(number, 100 * incumbent, where="post", color=COLOURS[2], linewidth=1.4, label="best so far")
        axes.plot(1, 100 * errors[0], "*", color=COLOURS[0], markersize=9, label="the start")
        axes.axhline(100 * errors[0], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        axes.set_xlabel("evaluations")
        axes.set_ylabel("validation error, %")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(fontsize=8, frameon=False)

    return draw(name, (4.7, 3.3), paint)


def parameters_against_error(
    name: str, title: str, groups: Sequence[tuple[str, Floats, Floats]], start: tuple[float, float] | None
) -> Drawing:
    """Validation error against parameters of what was evaluated.

    Args:
        name: of the figure.
        title: above it.
        groups: per strategy its name, parameters ``float64[k]`` and errors ``float64[k]``.
        start: parameters and error of the first evaluation, marked by a star; None for no mark.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        for place, (label, parameters, errors) in enumerate(groups):
            axes.plot(
                parameters / 1e6, 100 * errors, "o^sD"[place % 4], color=COLOURS[1 + place % (len(COLOURS) - 1)],
                markersize=3, markeredgewidth=0, alpha=0.7, label=label,
            )  # fmt: skip
        if start is not None:
            axes.plot(start[0] / 1e6, 100 * start[1], "*", color=COLOURS[0], markersize=9, label="the start")
        axes.set_xlabel("parameters of the published network, millions")
        axes.set_ylabel("validation error, %")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(fontsize=8, frameon=False)

    return draw(name, (4.7, 3.3), paint)
