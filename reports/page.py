"""A page as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reports.blocks import Page
from reports.figures import inline


def render(page: Page, files: Mapping[str, str]) -> str:
    """The page as HTML: nothing loaded from elsewhere, and a script only where a picture can be played.

    Args:
        page: what is on it.
        files: names of files beside it, and what is in them; figures are listed of themselves.
    """
    import jinja2  # slow to import, and needed only here
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Figures and the script are not escaped: they are this package's own, which escaped the texts in them.
    environment.filters["inline"] = lambda figure: Markup(inline(figure.name, figure.drawing.svg, figure.alt))  # noqa: S704
    environment.filters["trusted"] = Markup
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    script = Path(__file__).with_name("player.js").read_text(encoding="utf-8")
    return template.render(page=page, files=files, script=script)
