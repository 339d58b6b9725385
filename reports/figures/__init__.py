"""Figures: plain functions from numbers to drawings."""

from reports.figures.canvas import Drawing, colour, inline
from reports.figures.comparisons import Row, critical_differences, forest, heat_map
from reports.figures.curves import Line, rank_curves, regret_curves, shares
from reports.figures.fronts import (
    LINEAR,
    Found,
    Moment,
    attained,
    attainment_difference,
    growth,
    indicator_curves,
    rank_lines,
    size_curves,
)
from reports.figures.local_search import accuracy_curves, box_plots
from reports.figures.weight_sharing import claims_plot, proxy_scatter, size_plot

__all__ = [
    "LINEAR",
    "Drawing",
    "Found",
    "Line",
    "Moment",
    "Row",
    "accuracy_curves",
    "attained",
    "attainment_difference",
    "box_plots",
    "claims_plot",
    "colour",
    "critical_differences",
    "forest",
    "growth",
    "heat_map",
    "indicator_curves",
    "inline",
    "proxy_scatter",
    "rank_curves",
    "rank_lines",
    "regret_curves",
    "shares",
    "size_curves",
    "size_plot",
]
