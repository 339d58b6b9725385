"""Tables on a terminal or as plain aligned text."""

from __future__ import annotations

import sys
from dataclasses import astuple, fields

from bench.measure import Part, Row


def show(part: Part) -> None:
    """Print a part's table without the columns that are empty throughout, then its notes."""
    names = [field.name for field in fields(Row)]
    lines = [astuple(row) for row in part.rows]
    kept = [column for column in range(len(names)) if any(line[column] for line in lines)]
    head = [names[column] for column in kept]
    body = [[line[column] for column in kept] for line in lines]
    print()
    if sys.stdout.isatty():
        _rich(part.title, head, body)
    else:
        _plain(part.title, head, body)
    for note in part.notes:
        print(f"  {note}", flush=True)


def _plain(title: str, head: list[str], body: list[list[str]]) -> None:
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    print(title)
    for line in [head, ["-" * width for width in widths], *body]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _rich(title: str, head: list[str], body: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for name in head:
        table.add_column(name)
    for line in body:
        table.add_row(*(Text(cell) for cell in line))
    Console(highlight=False).print(table)
