"""Figures about proxies: scatter, size of the space, claims of small samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.figures.canvas import COLOURS, Drawing, draw


def proxy_scatter(
    name: str,
    title: str,
    truth: npt.NDArray[Any],
    proxy: npt.NDArray[Any],
    inside: npt.NDArray[np.bool_],
    cluster: str,
    left: float,
) -> Drawing:
    """Proxy accuracy against the accuracy after training, with both distributions.

    Args:
        name: of the figure.
        title: above it.
        truth: accuracies, ``[n]``.
        proxy: accuracies, ``[n]``.
        inside: which of them are in the named cluster, ``bool[n]``.
        cluster: its name; empty where none is named.
        left: accuracies below are left of the frame.
    """

    def paint(figure: Any) -> None:
        grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5), hspace=0.04, wspace=0.04)
        axes = figure.add_subplot(grid[1, 0])
        above, beside = figure.add_subplot(grid[0, 0], sharex=axes), figure.add_subplot(grid[1, 1], sharey=axes)
        shown = truth >= left
        groups = [(shown, COLOURS[1], "all cells" if inside.any() else "")]
        rest = shown & ~inside
        dots = {"markersize": 1.0, "markeredgewidth": 0, "alpha": 0.5}
        axes.plot(100 * truth[rest], 100 * proxy[rest], "o", color=COLOURS[1], **dots, rasterized=True)
        if inside.any():
            groups.append((shown & inside, COLOURS[2], cluster))
            members = shown & inside
            axes.plot(100 * truth[members], 100 * proxy[members], "o", color=COLOURS[2], **dots, rasterized=True)
        for number, (members, colour, label) in enumerate(groups):
            style = {"histtype": "stepfilled", "color": colour, "alpha": 0.35 if number == 0 else 0.55}
            bins_x = np.linspace(100 * left, 100 * truth.max(), 61)
            bins_y = np.linspace(100 * proxy.min(), 100 * proxy.max(), 61)
            above.hist(100 * truth[members], bins_x, label=label or None, **style)
            beside.hist(100 * proxy[members], bins_y, orientation="horizontal", **style)
        for small in (above, beside):
            small.axis("off")
        if inside.any():
            above.legend(loc="upper left", fontsize=8, frameon=False, borderpad=0, handlelength=1)
        axes.set_xlim(100 * left, 100 * truth.max() + 0.2)
        axes.set_xlabel("accuracy after training, %")
        axes.set_ylabel("proxy accuracy, %")
        above.set_title(title, loc="left", fontweight="bold")

    return draw(name, (4.2, 4.0), paint)


def size_plot(name: str, points: Sequence[tuple[str, int, float, float | None]], here: str, published: str) -> Drawing:
    """Mean correlation against the number of cells, here and published.

    Args:
        name: of the figure.
        points: label, cells, correlation here, published correlation.
        here: legend.
        published: legend.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        sizes = [size for _, size, _, _ in points]
        axes.plot(sizes, [value for _, _, value, _ in points], "o", color=COLOURS[1], markersize=7, label=here)
        told = [(size, value) for _, size, _, value in points if value is not None]
        if told:
            style = {"markerfacecolor": "none", "markeredgecolor": COLOURS[2], "markeredgewidth": 1.5}
            axes.plot(*zip(*told, strict=True), "D", markersize=7, label=published, **style)
        for label, size, value, other in points:
            top = max(value, value if other is None else other)
            axes.annotate(label, (size, top), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.margins(0.1, 0.16)
        axes.grid(axis="y")
        axes.set_xlabel("cells in the space")
        axes.set_ylabel("Spearman correlation")
        figure.legend(loc="outside lower center", ncols=1, fontsize=8, frameon=False)

    return draw(name, (5.6, 4.0), paint)


def claims_plot(name: str, rows: Sequence[tuple[str, float, Sequence[tuple[str, float, float, float]]]]) -> Drawing:
    """What studies of few cells would have claimed.

    Args:
        name: of the figure.
        rows: label, correlation over all cells shown, and for each way of choosing cells its name, mean, low, high.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        ways = [way for way, *_ in rows[0][2]]
        for place, (_, whole, claims) in enumerate(reversed(rows)):
            axes.plot([whole, whole], [place - 0.38, place + 0.38], color="black", linewidth=1.6,
                      label="all cells shown above" if place == 0 else None)  # fmt: skip
            for number, (way, mean, low, high) in enumerate(claims):
                at = place + 0.27 - 0.18 * number
                colour = COLOURS[1 + number]
                axes.plot([low, high], [at, at], color=colour, linewidth=1.6, alpha=0.75)
                marker = "osD^v"[number % 5]
                axes.plot(mean, at, marker, color=colour, markersize=5, label=way if place == 0 else None,
                          linestyle="none")  # fmt: skip
        axes.set_yticks(range(len(rows)), [label for label, *_ in reversed(rows)])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("Spearman correlation: mean and 5% to 95% of the draws")
        handles, labels = axes.get_legend_handles_labels()
        order = [labels.index(way) for way in ways] + [labels.index("all cells shown above")]
        figure.legend([handles[i] for i in order], [labels[i] for i in order], loc="outside lower center", ncols=2,
                      fontsize=8, frameon=False)  # fmt: skip

    return draw(name, (5.6, 1.5 + 0.62 * len(rows)), paint)
