"""Figures as SVG, the same bytes for the same numbers; matplotlib is imported only when one is drawn."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.statistics import Curve, Floats

# Okabe and Ito's colours: told apart by colour-blind readers; line styles tell them apart without colour.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
GREY, PALE = "#5f6b76", "#d5dade"
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
DOTS_PER_INCH = 170
RASTER_COLOURS = 48

Painter = Callable[[Any], None]


@dataclass(frozen=True)
class Line:
    """A strategy's curve.

    Attributes:
        name: of the strategy.
        place: in the palette.
        seconds: ``float64[t]``.
        curve: at those.
        dots: seconds and mean of what is compared at one-shot.
    """

    name: str
    place: int
    seconds: Floats
    curve: Curve
    dots: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Row:
    """A line of a forest plot, in points: here with its interval, and the published figure where there is one."""

    label: str
    here: float
    low: float
    high: float
    published: float | None


def regret_curves(name: str, title: str, lines: Sequence[Line], quantity: str, marks: Mapping[str, float]) -> str:
    """Mean regret over simulated hours, both axes logarithmic, a band for the interval of the mean.

    The vertical axis is linear where a mean is negative, which only an observed objective can be.

    Args:
        name: of the figure.
        title: above it.
        lines: one per strategy.
        quantity: what the vertical axis shows, in points.
        marks: seconds of a method's one-shot by name.
    """

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        floor = np.inf
        logarithmic = not any((line.curve.mean < 0).any() for line in lines)
        for line in lines:
            hours, curve = line.seconds / 3600, line.curve
            positive = curve.mean > 0 if logarithmic else ~np.isnan(curve.mean)
            if not positive.any():
                continue
            colour = COLOURS[line.place % len(COLOURS)]
            shown = np.where(positive, 100 * curve.mean, np.nan)
            floor = min(floor, float(np.nanmin(shown)))
            low = np.where(positive, np.maximum(100 * curve.low, 1e-9) if logarithmic else 100 * curve.low, np.nan)
            axes.fill_between(hours, low, 100 * curve.high, color=colour, alpha=0.16, linewidth=0)
            style = STYLES[line.place % len(STYLES)]
            axes.plot(hours, shown, color=colour, linestyle=style, linewidth=1.7, label=line.name)
            for seconds, value in line.dots:
                axes.plot(seconds / 3600, 100 * value, "o", color=colour, markersize=4.5, markeredgecolor="white",
                          markeredgewidth=0.6, zorder=5)  # fmt: skip
        for number, (method, seconds) in enumerate(marks.items()):
            axes.axvline(seconds / 3600, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)
            if number == 0:
                axes.annotate(
                    "one-shot" if len(marks) == 1 or _close(marks) else f"one-shot {method}",
                    (seconds / 3600, 0.99),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, 0),
                    textcoords="offset points",
                    fontsize=8,
                    color=GREY,
                    va="top",
                )
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis)
        if logarithmic:
            axes.set_yscale("log")
            _plain_ticks(axes.yaxis, (1.0, 2.0, 5.0))
            if np.isfinite(floor):
                axes.set_ylim(bottom=floor / 2)
        axes.set_xlabel("simulated hours")
        axes.set_ylabel(f"{quantity}, points")
        axes.set_title(title, loc="left", fontweight="bold")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(
                loc="upper right", title="mean, band: 95% interval", title_fontsize=7.5, fontsize=8, frameon=False
            )

    return _svg(name, (4.7, 3.5), paint)


def forest(name: str, title: str, rows: Sequence[Row], unit: str) -> str:
    """Differences with their intervals, one line each, published figures as hollow diamonds."""

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=GREY, linewidth=0.9, zorder=0)
        places = np.arange(len(rows))[::-1]
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
        axes.set_yticks(places, [row.label for row in rows])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(unit)
        axes.set_title(title, loc="left", fontweight="bold")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -0.1), max(high, 0.1))
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)

    return _svg(name, (4.7, 1.35 + 0.3 * max(len(rows), 2)), paint)


def proxy_scatter(
    name: str,
    title: str,
    truth: npt.NDArray[Any],
    proxy: npt.NDArray[Any],
    inside: npt.NDArray[np.bool_],
    cluster: str,
    left: float,
) -> str:
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

    return _svg(name, (4.2, 4.0), paint)


def size_plot(name: str, points: Sequence[tuple[str, int, float, float | None]], here: str, published: str) -> str:
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

    return _svg(name, (5.6, 4.0), paint)


def claims_plot(name: str, rows: Sequence[tuple[str, float, Sequence[tuple[str, float, float, float]]]]) -> str:
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

    return _svg(name, (5.6, 1.5 + 0.62 * len(rows)), paint)


def inline(name: str, svg: str, alt: str) -> str:
    """The same figure for use inside a page: without prologue and fixed size, with its own ids and a description."""
    body = svg[svg.index("<svg") :]
    head, _, rest = body.partition(">")
    view = re.search(r'viewBox="[^"]*"', head)
    rest = re.sub(r"<metadata>.*?</metadata>", "", rest, flags=re.DOTALL)
    rest = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', rest)
    rest = re.sub(r'href="#([^"]*)"', rf'href="#{name}-\1"', rest)
    rest = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", rest)
    rest = re.sub(r"xlink:href=", "href=", rest)
    label = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg {view.group(0) if view else ""} role="img" aria-label="{label}">{rest.strip()}'


def _svg(name: str, size: tuple[float, float], paint: Painter) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: dict[str, Any] = {
        "svg.hashsalt": name,  # ids are otherwise drawn at random
        "svg.fonttype": "none",  # small, and set in the reader's own type
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "grid.color": PALE,
        "grid.linewidth": 0.7,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": "#222222",
        "ytick.labelcolor": "#222222",
        "path.simplify": True,
        "savefig.facecolor": "none",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
    }
    # From the defaults, whatever the user's matplotlibrc says; the backend is not ours to change.
    defaults: Any = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")}
    with mpl.rc_context(defaults | settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure)
        content = io.StringIO()
        blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(content, format="svg", dpi=DOTS_PER_INCH, metadata=blank)
    svg = content.getvalue().replace("'DejaVu Sans'", FONTS.replace('"', "'"))
    return re.sub(r"data:image/png;base64,([^\"]+)", _smaller, svg)


def _smaller(found: re.Match[str]) -> str:
    """The same raster with few colours: a third of the bytes."""
    from PIL import Image  # matplotlib depends on it

    with Image.open(io.BytesIO(base64.b64decode(found.group(1)))) as image:
        few = image.convert("RGBA").quantize(RASTER_COLOURS, method=Image.Quantize.FASTOCTREE)
    content = io.BytesIO()
    few.save(content, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _plain_ticks(axis: Any, within: tuple[float, ...] = (1.0,)) -> None:
    """Ticks of a logarithmic axis as plain numbers: 0.1, 1, 10."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, within, numticks=12))
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axis.set_minor_formatter(NullFormatter())


def _close(marks: Mapping[str, float]) -> bool:
    return max(marks.values()) < 1.25 * min(marks.values())
