"""A page as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reports.blocks import Page
from reports.figures import inline


def render(page: Page, files: Mapping[str, str]) -> str:
    """The page as HTML: no script, nothing loaded from elsewhere.

    Args:
        page: what is on it.
        files: names of files beside it, and what is in them; figures are listed of themselves.
    """
    import jinja2  # slow to import, and needed only here
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # The figures are the one thing that is not escaped: this package drew them and escaped their texts.
    environment.filters["inline"] = lambda figure: Markup(inline(figure.name, figure.drawing.svg, figure.alt))  # noqa: S704
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return template.render(page=page, files=files)
