"""Make a suite's report again from its stored runs: ``python -m reports.build RUNS_DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

from nasbench_sim.errors import UserError
from reports.report import Report, build


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m reports.build", description=__doc__)
    parser.add_argument("runs", type=Path, metavar="RUNS_DIR", help="output folder of a suite, the one with suite.json")
    options = parser.parse_args(arguments)
    try:
        report = build(options.runs)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(report.verdict)
    print(f"report: {report.page}")
    return 0


class _Callable(ModuleType):
    """Importing this module puts it where the function ``reports.build`` was; called, it is that function."""

    def __call__(self, out: Path) -> Report:
        return build(out)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    raise SystemExit(main())
