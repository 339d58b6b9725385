"""Drawings as SVG and PDF, the same bytes for the same numbers; matplotlib is imported only when one is drawn."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Okabe and Ito's colours: told apart by colour-blind readers; line styles tell them apart without colour.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
GREY, PALE = "#5f6b76", "#d5dade"
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
DOTS_PER_INCH = 170
RASTER_COLOURS = 48

Painter = Callable[[Any], None]


@dataclass(frozen=True)
class Drawing:
    """One figure in both formats.

    Attributes:
        svg: text set in the reader's own type.
        pdf: text as TrueType, to be edited and put into a paper.
    """

    svg: str
    pdf: bytes


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


def draw(name: str, size: tuple[float, float], paint: Painter) -> Drawing:
    """Paint a figure of that size in inches; its name seeds the ids inside the SVG."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    settings: dict[str, Any] = {
        "svg.hashsalt": name,  # ids are otherwise drawn at random
        "svg.fonttype": "none",  # small, and set in the reader's own type
        "pdf.fonttype": 42,  # TrueType: papers' checks refuse the default
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
        "text.parse_math": False,  # names may hold a dollar sign
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
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.execute(figure)  # once for both files, each of which would draw twice to do so itself
        figure.set_layout_engine(None)
        content = io.StringIO()
        blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(content, format="svg", dpi=DOTS_PER_INCH, metadata=blank)
        for text in figure.findobj(Text):  # to embed a second font takes longer than to draw
            text.set_fontweight("normal")
        printed = io.BytesIO()
        anonymous = dict.fromkeys(("Creator", "Producer", "CreationDate"))
        figure.savefig(printed, format="pdf", dpi=DOTS_PER_INCH, metadata=anonymous)
    svg = content.getvalue().replace("'DejaVu Sans'", FONTS.replace('"', "'"))
    svg = re.sub(r'(<image\b[^>]*?)\s+id="[^"]*"', r"\1", svg)  # made of the content, so equal rasters share it
    return Drawing(re.sub(r"data:image/png;base64,([^\"]+)", _smaller, svg), printed.getvalue())


def _smaller(found: re.Match[str]) -> str:
    """The same raster with few colours: a third of the bytes."""
    from PIL import Image  # matplotlib depends on it

    with Image.open(io.BytesIO(base64.b64decode(found.group(1)))) as image:
        few = image.convert("RGBA").quantize(RASTER_COLOURS, method=Image.Quantize.FASTOCTREE)
    content = io.BytesIO()
    few.save(content, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def plain_ticks(axis: Any, within: tuple[float, ...] = (1.0,)) -> None:
    """Ticks of a logarithmic axis as plain numbers, 0.1, 1, 10, none between (slow to draw)."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(10, within, numticks=12))
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axis.set_minor_locator(NullLocator())


def colour(place: int) -> str:
    """Of the strategy at that place."""
    return COLOURS[place % len(COLOURS)]


def style(place: int) -> Any:
    """Line style of the strategy at that place; 28 strategies have each their own pair of colour and style."""
    return STYLES[place % len(STYLES)]
