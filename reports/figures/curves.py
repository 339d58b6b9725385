"""Figures over time: regret curves, ranks, targets reached; and shares of runs over thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.axis import SECONDS, Axis
from reports.figures.canvas import GREY, Drawing, colour, draw, plain_ticks, style
from reports.statistics import Curve, Floats

INSIDE = 6  # strategies that a legend inside the frame has room for


BEYOND = 4.0  # times the highest line, where a logarithmic axis of regret ends at most


@dataclass(frozen=True)
class Line:
    """A strategy's curve.

    Attributes:
        name: of the strategy.
        place: in the palette.
        seconds: ``float64[t]``, or thresholds.
        curve: at those.
        dots: seconds and mean of what is compared at one-shot.
        end: seconds at which half of its runs have ended; NaN where it is not to be marked.
    """

    name: str
    place: int
    seconds: Floats
    curve: Curve
    dots: Sequence[tuple[float, float]] = ()
    end: float = np.nan


def regret_curves(
    name: str,
    title: str,
    panels: Sequence[Sequence[Line]],
    quantity: str,
    marks: Mapping[str, float],
    axis: Axis = SECONDS,
) -> Drawing:
    """Regret over simulated hours or evaluations, both axes logarithmic, with bands; one panel for each statistic.

    The vertical axis is linear where a value is negative, which only an observed objective can be.

    Args:
        name: of the figure.
        title: above it.
        panels: lines, one per strategy, of one statistic each.
        quantity: what the vertical axis shows, in points.
        marks: seconds of a method's one-shot by name.
        axis: what the seconds are.
    """

    def paint(figure: Any) -> None:
        column = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        logarithmic = not any((line.curve.centre < 0).any() for lines in panels for line in lines)
        floor = min(
            _regret_panel(axes, lines, logarithmic, marks, axis.unit)
            for axes, lines in zip(column, panels, strict=True)
        )
        if logarithmic:
            column[0].set_yscale("log")
            plain_ticks(column[0].yaxis, (1.0, 2.0, 5.0))
            if np.isfinite(floor):
                # A band of two or three runs may reach far beyond anything that was seen.
                highest = max(
                    100 * float(np.nanmax(line.curve.centre, initial=0)) for lines in panels for line in lines
                )
                column[0].set_ylim(floor / 2, min(column[0].get_ylim()[1], BEYOND * highest))
        for axes in column:
            axes.set_ylabel(f"{quantity}, points")
        column[-1].set_xlabel(axis.label)
        column[0].set_title(title, loc="left", fontweight="bold")
        _legend_below(figure, column[0], max(map(len, panels)))

    return draw(name, (4.7, 3.5 if len(panels) == 1 else 2.9 * len(panels)), paint)


def _regret_panel(
    axes: Any, lines: Sequence[Line], logarithmic: bool, marks: Mapping[str, float], unit: float
) -> float:
    """Draw one statistic; returns the lowest value shown, in points."""
    floor = np.inf
    for line in lines:
        hours, curve = line.seconds / unit, line.curve
        shown = curve.centre > 0 if logarithmic else ~np.isnan(curve.centre)
        if not shown.any():
            continue
        centre = np.where(shown, 100 * curve.centre, np.nan)
        floor = min(floor, float(np.nanmin(centre)))
        low = np.where(shown, np.maximum(100 * curve.low, 1e-9) if logarithmic else 100 * curve.low, np.nan)
        axes.fill_between(hours, low, 100 * curve.high, color=colour(line.place), alpha=0.16, linewidth=0)
        axes.plot(hours, centre, color=colour(line.place), linestyle=style(line.place), linewidth=1.7, label=line.name)
        for seconds, value in line.dots:
            axes.plot(seconds / unit, 100 * value, "o", color=colour(line.place), markersize=4.5,
                      markeredgecolor="white", markeredgewidth=0.6, zorder=5)  # fmt: skip
    for number, (method, seconds) in enumerate(marks.items()):
        axes.axvline(seconds / unit, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)
        if number == 0:
            axes.annotate(
                "one-shot" if len(marks) == 1 or _close(marks) else f"one-shot {method}",
                (seconds / unit, 0.99),
                xycoords=("data", "axes fraction"),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=8,
                color=GREY,
                va="top",
            )
    axes.set_xscale("log")
    plain_ticks(axes.xaxis)
    first = lines[0].curve
    _legend(axes, "upper right", f"{first.statistic}, {first.band}", len(lines))
    return float(floor)


def shares(name: str, title: str, lines: Sequence[Line], across: str, up: str, unit: float = 3600.0) -> Drawing:
    """Shares between 0 and 1 over logarithmic time, or over logarithmic thresholds in points.

    Args:
        name: of the figure.
        title: above it.
        lines: one per strategy.
        across: horizontal axis.
        up: vertical axis.
        unit: what one on the horizontal axis is in the lines' seconds, or in their thresholds.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        scale = 1 / unit
        for line in lines:
            curve, place = line.curve, line.place
            low, high = np.clip(curve.low, 0, 1), np.clip(curve.high, 0, 1)
            axes.fill_between(
                scale * line.seconds, low, high, color=colour(place), alpha=0.16, linewidth=0, step="post"
            )
            axes.step(scale * line.seconds, curve.centre, where="post", color=colour(place), linestyle=style(place),
                      linewidth=1.7, label=line.name)  # fmt: skip
            if np.isfinite(line.end):
                at = max(0, int(np.searchsorted(line.seconds, line.end, side="right")) - 1)
                value = curve.centre[at]
                axes.plot(scale * line.end, value, "x", color=colour(place), markersize=6, markeredgewidth=1.6)
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.set_title(title, loc="left", fontweight="bold")
        _legend(axes, "upper left", lines[0].curve.band, len(lines))
        _legend_below(figure, axes, len(lines))

    return draw(name, (4.7, 3.3), paint)


def rank_curves(name: str, title: str, lines: Sequence[Line], axis: Axis = SECONDS) -> Drawing:
    """Mean ranks over simulated hours or evaluations, 1 on top."""

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        for line in lines:
            hours, curve = line.seconds / axis.unit, line.curve
            axes.fill_between(hours, curve.low, curve.high, color=colour(line.place), alpha=0.16, linewidth=0)
            axes.plot(hours, curve.centre, color=colour(line.place), linestyle=style(line.place), linewidth=1.7,
                      label=line.name)  # fmt: skip
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
        axes.set_ylim(len(lines) + 0.1, 0.9)
        axes.set_yticks(range(1, len(lines) + 1))
        axes.set_xlabel(axis.label)
        axes.set_ylabel("mean rank, 1 is best")
        axes.set_title(title, loc="left", fontweight="bold")
        figure.legend(loc="outside lower center", ncols=min(len(lines), 5), fontsize=8, frameon=False)

    return draw(name, (4.7, 3.5), paint)


def _legend(axes: Any, place: str, title: str, lines: int) -> None:
    """Names inside the frame, below a title; of many strategies the title alone."""
    handles, labels = axes.get_legend_handles_labels() if lines <= INSIDE else ([], [])
    if handles or lines > INSIDE:
        axes.legend(handles, labels, loc=place, title=title, title_fontsize=7.5, fontsize=8, frameon=False)


def _legend_below(figure: Any, axes: Any, lines: int) -> None:
    """Names of many strategies below the frame."""
    handles, labels = axes.get_legend_handles_labels()
    if lines > INSIDE and handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)


def _close(marks: Mapping[str, float]) -> bool:
    return max(marks.values()) < 1.25 * min(marks.values())
