"""Measure speed and memory: the engine beside what it can be compared with, alternating within one run.

Figures of a shared machine are noisy: judge by the ratios.  "aim" is what the project sets out to reach; nothing
is enforced.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys

from bench import others
from bench.show import show
from nasbench_sim.errors import UserError

PARTS = (
    "archive", "bayesian_optimization", "darts", "local_search", "lookups", "nasbench101", "runs", "startup", "suite",
    "surrogates", "training",
)  # fmt: skip
LONG = ("suite", "training")  # as a user runs it, so it takes as long


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}, all; default: all but suite")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="rounds of each comparison (5)")
    options = parser.parse_args(arguments)
    if options.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    if unknown := [part for part in options.parts if part not in (*PARTS, "all")]:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(PARTS)}, all")
    chosen = PARTS if "all" in options.parts else options.parts or [part for part in PARTS if part not in LONG]
    print(_machine())
    for line in others.missing():
        print(line)
    try:
        for part in chosen:
            show(importlib.import_module(f"bench.{part}").measure(options.repetitions))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.parts:
        print(f"\nnot run: {', '.join(LONG)} (python -m bench {' '.join(LONG)})")
    return 0


def _machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}. "
        "Medians of alternating rounds;\nwith other work on the machine the figures are noisy: the ratios matter "
        "(least and greatest of a round in brackets)."
    )


if __name__ == "__main__":
    sys.exit(main())
