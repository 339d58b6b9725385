"""Import a publisher's figures as a table, show a table, check a table."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.tabular.import_nasbench101 import import_nasbench101
from nasbench_sim.tabular.import_nasbench201 import import_nasbench201
from nasbench_sim.tabular.table import Table

IMPORTERS = {"nasbench101": import_nasbench101, "nasbench201": import_nasbench201}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 2 after a mistake of the user."""
    parser = argparse.ArgumentParser(prog="python -m nasbench_sim.tabular", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    importing = commands.add_parser("import", help="write a table from a benchmark's published figures")
    importing.add_argument("name", choices=sorted(IMPORTERS), help="the benchmark")
    importing.add_argument("source", type=Path, help="its figures: a CSV file, compressed with gzip or not")
    importing.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the table")
    for name, about in (("show", "print attributes and arrays"), ("verify", "check every figure's digest")):
        commands.add_parser(name, help=about).add_argument("file", type=Path, help="a table")
    options = parser.parse_args(arguments)
    try:
        if options.command == "import":
            print(_wrote(IMPORTERS[options.name](options.source, options.output)))
        elif options.command == "show":
            print(shown(Table.open(options.file)))
        else:
            table = Table.open(options.file)
            table.verify()
            print(f"{table.path}: all {len(table.arrays)} arrays are as written, fingerprint {table.fingerprint}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: {getattr(error, 'filename', None) or options.command}: {error.strerror or error}", file=sys.stderr
        )
        return 2
    return 0


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
