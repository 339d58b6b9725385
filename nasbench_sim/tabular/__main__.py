"""Download and import a publisher's figures as a table, show a table, check a table."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from nasbench_sim.errors import UserError
from nasbench_sim.tabular import fetch
from nasbench_sim.tabular.fronts import write_fronts
from nasbench_sim.tabular.importers import (
    csv_table,
    hpobench,
    hpolib,
    macronas,
    nasbench101,
    nasbench201_csv,
    nasbench301,
    nasbench_macro,
    natsbench,
    taskset,
)
from nasbench_sim.tabular.table import Table

# Each module has a line ABOUT its source, a function import_<name>(source, folder, **options) and, where it has
# options of its own, add_options(parser).
IMPORTERS: dict[str, ModuleType] = {
    "csv": csv_table,
    "hpobench": hpobench,
    "hpolib": hpolib,
    "macronas": macronas,
    "nasbench101": nasbench101,
    "nasbench201": nasbench201_csv,
    "nasbench301": nasbench301,
    "nasbench_macro": nasbench_macro,
    "natsbench": natsbench,
    "taskset": taskset,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 after a mistake of the user, or 130 after an interrupt."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        if command == "fetch":
            print(fetch.fetch(**options))
        elif command == "import":
            name = options.pop("name")
            table = getattr(IMPORTERS[name], f"import_{name}")(**options)
            write_fronts(table)
            print(_wrote(table))
        elif command == "show":
            print(shown(Table.open(options["file"])))
        else:
            table = Table.open(options["file"])
            table.verify()
            print(f"{table.path}: all {len(table.arrays)} arrays are as written, fingerprint {table.fingerprint}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {getattr(error, 'filename', None) or command}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted; a download goes on from here when the command is given again", file=sys.stderr)
        return 130
    return 0


@cache
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nasbench_sim.tabular", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fetching = commands.add_parser("fetch", help="download a benchmark's files from their publisher")
    fetch.add_options(fetching)
    importing = commands.add_parser("import", help="write a table from a benchmark's published figures")
    names = importing.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in IMPORTERS.items():
        one = names.add_parser(name, help=module.ABOUT, description=f"Write a table from {module.ABOUT}.")
        one.add_argument("source", type=Path, help=module.ABOUT)
        one.add_argument(
            "-o", "--output", dest="folder", type=Path, required=True, metavar="DIR", help="folder of the table"
        )
        if hasattr(module, "add_options"):
            module.add_options(one)
    for name, about in (("show", "print attributes and arrays"), ("verify", "check every figure's digest")):
        commands.add_parser(name, help=about).add_argument("file", type=Path, help="a table")
    return parser


def _wrote(table: Table) -> str:
    size = table.path.stat().st_size / 1e6
    figures = ", ".join(table.data_sets)
    return f"wrote {table.path}: {len(table):,} rows, {figures}, {size:.1f} MB, fingerprint {table.fingerprint[:12]}"


def shown(table: Table) -> str:
    """A table's attributes and arrays as text."""
    pairs = {**table.attributes, "fingerprint": table.fingerprint}
    lines = []
    for name, value in pairs.items():
        text = ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)
        lines += textwrap.wrap(text, 110, initial_indent=f"{name:<16} ", subsequent_indent=" " * 17)
    lines += ["", f"{'array':<36} {'shape':<18} {'type':<8} attributes"]
    for name, info in table.arrays.items():
        own = "; ".join(f"{key} = {value}" for key, value in sorted(info.attributes.items()))
        lines.append(f"{name:<36} {'x'.join(map(str, info.shape)):<18} {info.stored!s:<8} {own}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
