"""What the commands that measure readings share: one file that is gone on from, and exit statuses."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nasbench_sim.errors import UserError
from suites.catalogue import task
from suites.options import tables_folder

Stored = dict[str, Any]


def parser(name: str, about: str | None, stored: Path, runs: int, what: str) -> argparse.ArgumentParser:
    """Options that all of them have."""
    found = argparse.ArgumentParser(prog=f"python -m suites.{name}", description=about)
    found.add_argument("--tables", metavar="DIR", help="folder searched for tables first")
    found.add_argument("--runs", type=int, default=runs, metavar="N", help=f"of each {what} ({runs})")
    found.add_argument("-o", "--output", type=Path, default=stored, metavar="FILE", help="default: the suite's own")
    return found


def run(given: argparse.Namespace, measure: Callable[[], None], show: Callable[[], None]) -> int:
    """Measure and show; 0, 2 after a mistake of the user with one line about it, 130 after an interrupt."""
    try:
        measure()
        show()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; what is measured stands in {given.output}, start again to go on", file=sys.stderr)
        return 130
    return 0


def load(file: Path, whole: Callable[[Stored], bool] = lambda _: True) -> Stored:
    """What is stored: ``title`` and ``fingerprint`` of the table, ``runs``, ``found`` (strategy, options, cells).

    Raises:
        UserError: the file is damaged, or not ``whole``.
    """
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        entries = isinstance(stored["runs"], int) and all(len(entry) == 3 for entry in stored["found"])
        if not (entries and whole(stored)):
            raise ValueError("another form")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} holds no table of readings: delete it, or name another file") from error
    return dict(stored)


def begun(
    given: argparse.Namespace, name: str, read: Callable[[Path], Stored], empty: Mapping[str, Any]
) -> tuple[str | None, Stored]:
    """The folder of tables, and what the output file holds already, or else ``empty`` and what it is to be about.

    Raises:
        UserError: too few runs, or a file about another table or number of runs.
    """
    if given.runs < 2:
        raise UserError("--runs must be at least 2")
    folder = tables_folder(given.tables)
    about = task(name, tables=folder).oracle.provenance
    head = {"title": f"{about['table']} ({about['kind']})", "fingerprint": about["fingerprint"], "runs": given.runs}
    stored = read(given.output) if given.output.is_file() else {**head, "found": [], **empty}
    if any(stored.get(what) != value for what, value in head.items()):
        raise UserError(f"{given.output} is about another table or number of runs: delete it, or name another file")
    return folder, stored


def cells_of(stored: Stored, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of one reading, to be filled."""
    entry = next((entry for entry in stored["found"] if (entry[0], entry[1]) == (name, options)), None)
    if entry is None:
        entry = [name, dict(options), {}]
        stored["found"].append(entry)
    cells: dict[str, Any] = entry[2]
    return cells


def keep(stored: Stored, file: Path, indent: int | None = None) -> None:
    """Write beside and rename."""
    partial = file.with_name(f".{file.name}.part")
    partial.write_text(json.dumps(stored, indent=indent) + "\n", encoding="utf-8")
    os.replace(partial, file)
