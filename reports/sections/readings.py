"""What a source leaves open, and what each way of reading it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.blocks import Block, Cell, Section, Table, Text
from reports.results import Results


def readings(results: Results) -> list[Section]:
    """The suite's table of readings; none where it has none.

    ``readings`` of the manifest holds ``text`` (before the table), ``caption``, ``columns`` and ``rows``, each with
    ``reading`` (what the row is called), ``cells`` (one text per column) and ``chosen`` (whether it is the default).
    """
    found: Mapping[str, Any] = results.manifest.get("readings", {})
    if not found:
        return []
    rows: list[list[Cell | str]] = [
        [_head(str(row["reading"]), bool(row.get("chosen"))), *map(_cell, row["cells"])] for row in found["rows"]
    ]
    blocks: list[Block] = [Text(str(text)) for text in found.get("text", ())]
    blocks.append(Table(str(found["caption"]), ["Reading", *found["columns"]], rows, wide=True))
    return [Section("readings", "Readings", "What the source leaves open", blocks)]


def _head(reading: str, chosen: bool) -> Cell:
    """The strategy, and below it how it is read, so that the figures have room."""
    first, _, rest = reading.partition(", ")
    return Cell(first, "\n".join(part for part in (rest, "chosen" if chosen else "") if part))


def _cell(text: object) -> Cell:
    """What stands in brackets goes below, so that many columns have room."""
    first, bracket, rest = str(text).replace("-", "−").partition(" (")
    return Cell(first, f"({rest}" if bracket else "")
