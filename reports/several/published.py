"""Published tables of hypervolume and of the share of the true front, and how far their ranking is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from reports import wording
from reports.blocks import Block, Cell, Details, Section, Table, Text
from reports.published import Beside
from reports.quantities import QUANTITIES
from reports.results import Results
from reports.statistics import mann_whitney, two_samples

CAPTIONS = {
    "hypervolume": "Hypervolume of the archive, times 100",
    "pareto_share": "Share of the true Pareto set found, per cent",
}
NAMES = {"hypervolume": "hypervolume", "pareto_share": "share of the Pareto set"}
TOLD = 8  # reversals that are listed one by one


@dataclass(frozen=True)
class Order:
    """Two methods of one cell of a published table.

    Attributes:
        table: its number.
        column: of it: the task and the evaluations.
        first: the method with the higher published mean.
        second: the other.
        certain: whether the published means are more than two standard errors apart.
        here: "met" or "reversed" where the 95% interval of the difference here excludes zero, otherwise "open".
        same: whether the means here are in the published order.
    """

    table: str
    column: str
    first: str
    second: str
    certain: bool
    here: str
    same: bool


def entries_of(results: Results) -> list[Mapping[str, Any]]:
    """Published cells about fronts."""
    return [entry for entry in results.manifest.get("published", ()) if entry.get("quantity") in CAPTIONS]


def tables(results: Results, cells: Sequence[Beside]) -> tuple[list[Section], dict[str, Any]]:
    """``published | here`` cell by cell, none where the suite has none; and what it adds to ``summary.json``."""
    entries = entries_of(results)
    if not entries:
        return [], {}
    found = {(cell.table, cell.row, cell.column): cell for cell in cells}
    numbers = list(dict.fromkeys(str(entry["table"]) for entry in entries))
    orders = compared_orders(results, entries)
    blocks: list[Block] = [Text(_in_all(orders), "lead"), *map(Text, ranking_met(orders, entries, results))]
    blocks.append(Text(_agreement(entries, found)))
    for number in numbers:
        blocks.append(_table(number, [one for one in entries if str(one["table"]) == number], found))
    note = (
        "An order of two methods is met or reversed for certain where Welch’s 95% interval of the difference here "
        "excludes zero. “>”: the published means differ by more than two standard errors, each from its own standard "
        "deviation and number of runs; “≥”: they do not."
    )
    if orders:
        table: list[Text | Table] = [_orders_table(orders), Text(note, "note")]
        blocks.append(Details("Every published order of two methods, and what became of it here", table))
    counted = {
        number: {word: sum(one.here == word for one in orders if one.table == number)
                 for word in ("met", "open", "reversed")}
        | {"same_order_of_means": sum(one.same for one in orders if one.table == number)}
        for number in numbers
    }  # fmt: skip
    return [Section("published", "Published", _title(numbers), blocks)], {"published_order": counted}


def _title(numbers: Sequence[str]) -> str:
    return f"Table{'s' if len(numbers) > 1 else ''} {wording.listing(numbers)}: published | here"


def compared_orders(results: Results, entries: Sequence[Mapping[str, Any]]) -> list[Order]:
    """Every pair of methods of every published cell that both ran here."""
    columns: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        if results.runs.get((entry["task"], entry["strategy"])):
            columns.setdefault((str(entry["table"]), str(entry["column"])), []).append(entry)
    orders = []
    for (table, column), group in columns.items():
        for pair in combinations(group, 2):
            one, two = sorted(pair, key=lambda entry: -float(entry["published"]))
            values = [_values(results, entry) for entry in (one, two)]
            samples = two_samples(-values[0], -values[1])  # both are to be maximised
            error = np.sqrt(sum(entry["published_sd"] ** 2 / entry["published_runs"] for entry in pair))
            certain = float(one["published"]) - float(two["published"]) > 2 * error
            word = {"better": "reversed", "worse": "met"}.get(samples.verdict, "open")
            same = bool(np.mean(values[0]) >= np.mean(values[1]))
            orders.append(Order(table, column, str(one["strategy"]), str(two["strategy"]), certain, word, same))
    return orders


def _in_all(orders: Sequence[Order]) -> str:
    if not orders:
        return "No two methods of one published cell were run here."
    met, turned = (sum(one.here == word for one in orders) for word in ("met", "reversed"))
    return (
        f"The published order of two methods is met here for certain in {met} of {wording.count(len(orders), 'case')}, "
        f"open in {len(orders) - met - turned}, and reversed for certain in {turned}."
    )


def ranking_met(orders: Sequence[Order], entries: Sequence[Mapping[str, Any]], results: Results) -> list[str]:
    """How far the published ranking is met: a paragraph for each table, and one for what is reversed."""
    paragraphs = []
    for table in dict.fromkeys(one.table for one in orders):
        group = [one for one in orders if one.table == table]
        what = NAMES[next(str(entry["quantity"]) for entry in entries if str(entry["table"]) == table)]
        met, reversed_ = (sum(one.here == word for one in group) for word in ("met", "reversed"))
        text = (
            f"Table {table} ({what}): {met} of {wording.count(len(group), 'order')} met, "
            f"{len(group) - met - reversed_} open, {reversed_} reversed; the means alone are in the published order in "
            f"{sum(one.same for one in group)}. "
        )
        text += _best(results, [entry for entry in entries if str(entry["table"]) == table])
        paragraphs.append(text.strip())
    turned = [one for one in orders if one.here == "reversed"]
    if turned:
        listed = [f"{one.column}: {one.second} over {one.first} (Table {one.table})" for one in turned[:TOLD]]
        more = f"; and {len(turned) - TOLD} more, below" if len(turned) > TOLD else ""
        paragraphs.append(f"Reversed here: {'; '.join(listed)}{more}.")
    return paragraphs


def _best(results: Results, entries: Sequence[Mapping[str, Any]]) -> str:
    """How often the method that was published as best is so here, by the source's own test."""
    columns = dict.fromkeys(str(entry["column"]) for entry in entries)
    first = leads = wins = 0
    for column in columns:
        group = [e for e in entries if str(e["column"]) == column and results.runs.get((e["task"], e["strategy"]))]
        bold = [entry for entry in group if entry.get("best")]
        if len(bold) != 1 or len(group) < 2:
            continue
        own = _values(results, bold[0])
        others = [_values(results, entry) for entry in group if entry is not bold[0]]
        first += 1
        ahead = all(own.mean() >= other.mean() for other in others)
        leads += ahead
        wins += ahead and all(mann_whitney(own, other).p_value < 0.05 for other in others)
    if not first:
        return ""
    return (
        f"The method published as best of a cell has the best mean here in {leads} of {first} cells, and is better "
        f"than every other by the source’s Mann-Whitney test in {wins}."
    )


def _values(results: Results, entry: Mapping[str, Any]) -> np.ndarray:
    traces = results.runs[entry["task"], entry["strategy"]]
    found, _ = QUANTITIES[entry["quantity"]](traces, float(entry.get("within", np.inf)))
    return np.asarray(float(entry.get("scale", 1)) * found)


def _agreement(entries: Sequence[Mapping[str, Any]], found: Mapping[tuple[str, str, str], Beside]) -> str:
    parts = []
    for number in dict.fromkeys(str(entry["table"]) for entry in entries):
        cells = [cell for (table, _, _), cell in found.items() if table == number and cell.agreement != "unknown"]
        if not cells:
            continue
        apart = [cell for cell in cells if cell.agreement == "differs"]
        gaps = [abs(cell.here - cell.published) for cell in cells]
        parts.append(
            f"Table {number}: {len(cells) - len(apart)} of {len(cells)} means agree within their errors (two standard "
            f"errors of the difference, rounding allowed for), {len(apart)} differ; the mean distance is "
            f"{wording.number(float(np.mean(gaps)), 2)}, the largest {wording.number(max(gaps), 2)}"
        )
    return f"{'. '.join(parts)}." if parts else "No cell of the published tables was run."


def _table(number: str, entries: Sequence[Mapping[str, Any]], found: Mapping[tuple[str, str, str], Beside]) -> Table:
    methods = list(dict.fromkeys(str(entry["row"]) for entry in entries))
    rows: list[list[Cell | str]] = []
    for column in dict.fromkeys(str(entry["column"]) for entry in entries):
        row: list[Cell | str] = [_head(column)]
        for method in methods:
            entry = next((e for e in entries if str(e["column"]) == column and str(e["row"]) == method), None)
            row += _pair(entry, found.get((number, method, column)))
        rows.append(row)
    caption = f"Table {number}. {CAPTIONS[str(entries[0]['quantity'])]}: mean ± standard deviation over runs"
    kinds = sorted({cell.kind for cell in found.values() if cell.table == number})
    caption += f". The figures here are {wording.listing(kinds).upper()}" if kinds else ""
    caption += ". *: best in the source" if any(entry.get("best") for entry in entries) else ""
    groups = [("", 1), *((method, 2) for method in methods)]
    return Table(caption, ["", *(["published", "here"] * len(methods))], rows, groups, wide=True)


def _head(column: str) -> Cell:
    """The task, and below it the evaluations, so that a narrow screen has room."""
    first, _, rest = column.partition(", ")
    return Cell(first, rest)


def _pair(entry: Mapping[str, Any] | None, cell: Beside | None) -> list[Cell | str]:
    if entry is None:
        return ["–", "–"]
    digits = int(entry.get("digits", 2))
    star = "*" if entry.get("best") else ""
    told = f"{wording.number(float(entry['published']), digits)}{star} ± {wording.number(float(entry['published_sd']))}"
    if cell is None:
        return [told, Cell("–", "not run")]
    note = {"agrees": "agrees", "outside": "within errors", "differs": "differs"}.get(cell.agreement, "no interval")
    here = wording.number(cell.here, digits)
    here += f" ± {wording.number(cell.here_sd)}" if np.isfinite(cell.here_sd) else ""
    return [told, Cell(here, note, "flag" if cell.agreement == "differs" else "")]


def _orders_table(orders: Sequence[Order]) -> Table:
    methods = list(dict.fromkeys(name for one in orders for name in (one.first, one.second)))
    pairs = [pair for pair in combinations(methods, 2) if any({one.first, one.second} == set(pair) for one in orders)]
    rows: list[list[Cell | str]] = []
    for table, column in dict.fromkeys((one.table, one.column) for one in orders):
        found = {
            frozenset((one.first, one.second)): one for one in orders if (one.table, one.column) == (table, column)
        }
        cells = [found.get(frozenset(pair)) for pair in pairs]
        head = _head(column)
        rows.append(
            [
                Cell(head.text, f"{head.note}\nTable {table}".strip()),
                *("–" if one is None else _order(one) for one in cells),
            ]
        )
    return Table("Published orders, and whether they are met", ["", *(" and ".join(pair) for pair in pairs)], rows)


def _order(one: Order) -> Cell:
    sign = ">" if one.certain else "≥"
    words = {"met": "met", "reversed": "REVERSED", "open": "open" if one.same else "open, means reversed"}
    return Cell(f"{one.first} {sign} {one.second}", words[one.here], "flag" if one.here == "reversed" else "")
