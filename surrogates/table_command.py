"""What the commands that make an embedded table share: arguments, progress, the card beside the table."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from nasbench_sim.errors import UserError
from nasbench_sim.tabular.fronts import write_fronts
from nasbench_sim.tabular.table import Table

Learned = TypeVar("Learned")
Step = Callable[[str], None]


def make_table(
    arguments: Sequence[str] | None,
    learn: Callable[[Path, Step], Learned],
    write: Callable[[Learned, Path], Table],
    *,
    module: str,
    does: str,
    data: str,
    rows: str,
    steps: int,
) -> int:
    """The command; returns the exit status.

    Args:
        arguments: of the command line; None for the process's own.
        learn: from the folder of the data; it calls its second argument with the name of each step.
        write: the table, and its data card beside it.
        module: that is run as a program.
        does: what it does, in a sentence.
        data: what the folder holds.
        rows: what a row of the table is, in the plural.
        steps: that ``learn`` announces.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=does)
    parser.add_argument("--data", type=Path, required=True, help=f"folder of the {data}")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the table to write, ending in .h5")
    options = parser.parse_args(arguments)
    try:
        if options.output.suffix != ".h5":
            raise UserError(f"{options.output}: a table's name ends in .h5")
        table = write(_visibly(learn, options.data, steps), options.output)
        write_fronts(table)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{options.output}: {len(table):,} {rows}, {options.output.stat().st_size / 2**20:.1f} MiB")
    return 0


def write_card(table: Path, text: str) -> None:
    """Write the data card of a table, beside it with the ending ``.md``."""
    beside = table.with_name(f".{table.stem}.md.{os.getpid()}.tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, table.with_suffix(".md"))


def _visibly(learn: Callable[[Path, Step], Learned], folder: Path, steps: int) -> Learned:
    """With a progress bar on a terminal, with one line per step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        begun = time.monotonic()

        def line(step: str) -> None:
            print(f"{time.monotonic() - begun:7.1f} s  {step}", file=sys.stderr, flush=True)

        return learn(folder, line)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=steps)
        return learn(folder, lambda step: progress.update(task, description=step, advance=1))
