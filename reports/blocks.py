"""What a page is made of, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reports.figures import Drawing


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
        text: plain.
        style: "body", "lead" (larger) or "note" (smaller).
    """

    text: str
    style: str = "body"
    kind: str = "text"


@dataclass(frozen=True)
class Cell:
    """A table's cell.

    Attributes:
        text: in it.
        note: below it, smaller.
        tone: "better", "worse", "flag" or "" for none; never the only carrier of a meaning.
    """

    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header.

    Attributes:
        caption: says what it shows.
        columns: headers.
        rows: of cells or plain texts, one per column.
        groups: labels over several columns each, with how many; empty for none.
        wide: whether figures are many and set smaller.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    groups: Sequence[tuple[str, int]] = ()
    wide: bool = False
    kind: str = "table"

    @property
    def cells(self) -> list[list[Cell]]:
        """All rows as cells."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes:
        name: of its file in ``figures/``, without ending.
        drawing: the files' contents.
        alt: what it shows, for those who cannot see it.
    """

    name: str
    drawing: Drawing
    alt: str


@dataclass(frozen=True)
class Gallery:
    """Figures side by side under one caption."""

    figures: Sequence[Figure]
    caption: str
    kind: str = "gallery"


@dataclass(frozen=True)
class Items:
    """Terms and what is to be said about each."""

    items: Sequence[tuple[str, str]]
    loud: bool = False
    kind: str = "items"


@dataclass(frozen=True)
class Detail:
    """One comparison below a verdict.

    Attributes:
        word: of it.
        text: its figures.
        published: what was published of it, empty where nothing was.
        opposed: whether that is another verdict.
    """

    word: str
    text: str
    published: str = ""
    opposed: bool = False


@dataclass(frozen=True)
class Verdict:
    """The answer on one task: a sentence, and what stands behind it."""

    label: str
    about: str
    sentence: str
    details: Sequence[Detail]


@dataclass(frozen=True)
class Verdicts:
    """The answers on all tasks."""

    verdicts: Sequence[Verdict]
    kind: str = "verdicts"


@dataclass(frozen=True)
class Check:
    """A practice, how far it is kept, and how."""

    practice: str
    status: str
    text: str


@dataclass(frozen=True)
class Checklist:
    """Practices and how they are kept."""

    checks: Sequence[Check]
    kind: str = "checklist"


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away until asked for, and printed.

    Attributes:
        summary: what is asked for.
        blocks: folded.
    """

    summary: str
    blocks: Sequence[Text | Table | Gallery | Items]
    kind: str = "details"


@dataclass(frozen=True)
class Player:
    """A picture that a script draws and plays; without scripts it is left out, so another block must show the same.

    Attributes:
        name: of the element.
        data: JSON for ``player.js``.
        caption: below it.
    """

    name: str
    data: str
    caption: str
    kind: str = "player"

    @property
    def embedded(self) -> str:
        """The data as it may stand inside a page's script element."""
        return self.data.replace("<", "\\u003c")


Block = Text | Table | Gallery | Items | Verdicts | Checklist | Details | Player


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: in links to it.
        short: in the table of contents.
        title: above it.
        blocks: in it.
    """

    name: str
    short: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: of the window.
        question: the headline.
        subtitle: below it.
        sections: in order.
    """

    title: str
    question: str
    subtitle: str
    sections: Sequence[Section] = field(default_factory=tuple)

    @property
    def plays(self) -> bool:
        """Whether anything on it needs the script."""
        return any(isinstance(block, Player) for section in self.sections for block in section.blocks)

    @property
    def figures(self) -> list[Figure]:
        """All figures, in order."""
        return [
            figure
            for section in self.sections
            for outer in section.blocks
            for block in (outer.blocks if isinstance(outer, Details) else (outer,))
            if isinstance(block, Gallery)
            for figure in block.figures
        ]
