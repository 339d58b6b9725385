"""What the DMLS study leaves open, measured: ``python -m suites.dmls_readings [--tables DIR] [--runs N] [-o FILE]``.

Runs DMLS, NSGA-II and LS on MacroNAS under each way of reading the study, holds them against its Tables 5.1 and 5.2,
and DMLS from first archives of 2 to 10 (its Figure 5.4).  Every measurement is stored in FILE as it comes, and none is
made twice.  The page of ``dmls`` shows ``dmls_readings.json`` of this folder.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from nasbench_sim.oracle import Floats
from nasbench_sim.simulate import simulate_many
from nasbench_sim.strategies.dmls import DMLS
from nasbench_sim.strategies.nsga2 import NSGA2
from nasbench_sim.strategies.scalarised import ScalarisedLocalSearch
from nasbench_sim.trace import Trace
from suites import readings as readings_file
from suites.catalogue import task

EVALUATIONS, RUNS = 6000, 30
READ_AT = (500, 1000, 3000, 6000)
DATA_SETS = ("cifar10", "cifar100")
FIRST = ((0,) * 14,)
SIZES, SIZES_EVALUATIONS = tuple(range(2, 11)), 1500
SIZES_AT = tuple(int(at) for at in np.unique(np.geomspace(10, SIZES_EVALUATIONS, 60).round()))
STORED = Path(__file__).with_name("dmls_readings.json")
STRATEGIES: Mapping[str, Any] = {"DMLS": DMLS, "NSGA-II": NSGA2, "LS": ScalarisedLocalSearch}

Options = Mapping[str, str]
READINGS: Mapping[str, Sequence[Options]] = {
    "DMLS": (
        {"exploration": "non-dominated", "revisits": "remembered"},
        {"exploration": "dominating", "revisits": "remembered"},
        {"exploration": "dominating", "revisits": "charged"},
        {"exploration": "non-dominated", "revisits": "charged"},
    ),
    "NSGA-II": ({"revisits": "charged"}, {"revisits": "remembered"}),
    "LS": ({"revisits": "charged"}, {"revisits": "remembered"}, {"revisits": "skipped"}),
}
"""By strategy, the suite's default first."""

TEXTS = {
    "dominating": "until a neighbour dominates the current network (5.3.2)",
    "non-dominated": "until a neighbour enters the archive (Algorithm 2)",
    "remembered": "revisits remembered",
    "charged": "revisits charged",
    "skipped": "revisits skipped",
}

Cells = Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
"""By data set and table, at each of ``READ_AT``: mean and standard deviation, as the tables print them."""


def measure(strategy: str, options: Options, data_set: str, tables: str | None, runs: int) -> Mapping[str, Any]:
    """One reading on one data set, with the seeds 0 to runs - 1: a part of ``Cells``.

    Raises:
        UserError: no table of MacroNAS, or a damaged one.
    """
    this = task(f"macronas/{data_set}/mmacs", tables=tables, held_out="validation")
    factory = partial(STRATEGIES[strategy], first=FIRST, **options)
    traces = simulate_many(this, factory, range(runs), evaluations=EVALUATIONS, name=strategy)
    front = this.oracle.front  # type: ignore[attr-defined]
    found = [read(trace, READ_AT, front.points) for trace in traces]
    return {
        table: [[float(column.mean()), float(column.std(ddof=1))] for column in 100 * np.array(figures).T]
        for table, figures in (("5.1", [one[0] for one in found]), ("5.2", [one[1] for one in found]))
    }


def read(trace: Trace, when: Sequence[int], front: Floats) -> tuple[Floats, Floats]:
    """Hypervolume, and share of the true front found, by so many evaluations; both ``float64[t]``."""
    from reports.statistics.indicators import over_time, rows_by

    counts = rows_by(trace.evaluation, when)
    found = over_time(trace.objectives, counts, front, trace.about["reference"], ("hypervolume", "share"))
    return found["hypervolume"], found["share"]


def measure_size(size: int, data_set: str, tables: str | None, runs: int) -> Mapping[str, Sequence[float]]:
    """Hypervolume of DMLS from a first archive of that size, at ``SIZES_AT``: mean, half-width of its 95% interval."""
    from scipy.stats import t

    this = task(f"macronas/{data_set}/mmacs", tables=tables, held_out="validation")
    factory = partial(DMLS, first=FIRST, start=size, **READINGS["DMLS"][0])  # type: ignore[arg-type]
    traces = simulate_many(this, factory, range(runs), evaluations=SIZES_EVALUATIONS, name="DMLS")
    found = np.array([read(trace, SIZES_AT, np.empty((0, 2)))[0] for trace in traces])
    half = float(t.ppf(0.975, runs - 1)) / runs**0.5
    return {"mean": found.mean(axis=0).tolist(), "half_width": (half * found.std(axis=0, ddof=1)).tolist()}


def published() -> Mapping[str, Any]:
    """The study's tables."""
    return tomllib.loads((resources.files("suites") / "dmls.toml").read_text(encoding="utf-8"))


def distance(here: Sequence[float], there: Sequence[float], runs: int) -> float:
    """Mean here minus the published one, in standard errors of that difference; published figures are rounded."""
    error = np.sqrt((here[1] ** 2) / runs + (there[1] ** 2) / RUNS + 0.01**2 / 12)
    return float((here[0] - there[0]) / error)


def misfits(strategy: str, cells: Cells, runs: int) -> dict[str, float]:
    """Root mean square distance from each table, and from both together."""
    told, found = published(), {}
    for table in ("5.1", "5.2"):
        pairs = [zip(cells[data_set][table], told[table][data_set][strategy], strict=True) for data_set in DATA_SETS]
        found[table] = np.square([distance(here, there, runs) for pair in pairs for here, there in pair])
    return {
        **{table: float(np.sqrt(squares.mean())) for table, squares in found.items()},
        "both": float(np.sqrt(np.concatenate(list(found.values())).mean())),
    }


def label(strategy: str, options: Options) -> str:
    """The strategy and how it is read."""
    return f"{strategy}, {', '.join(TEXTS[value] for value in options.values())}"


def page_table(file: Path = STORED) -> Mapping[str, Any]:
    """What is stored, as the page of a suite shows it: see ``reports.sections.readings``; empty without the file.

    Raises:
        UserError: the file is damaged.
    """
    if not file.is_file():
        return {}
    stored, told, rows = load(file), published(), []
    columns = [(table, data_set, place) for table in ("5.1", "5.2") for data_set in DATA_SETS for place in range(4)]
    for strategy in STRATEGIES:
        found = [(options, cells) for name, options, cells in stored["found"] if name == strategy]
        complete = [(options, cells) for options, cells in found if len(cells) == len(DATA_SETS)]
        if not complete:
            continue
        texts = ["{:g} ± {:g}".format(*told[table][data_set][strategy][place]) for table, data_set, place in columns]
        rows.append({"reading": f"{strategy}, published", "cells": ["", "", *texts], "chosen": False})
        for options, cells in sorted(complete, key=lambda one: misfits(strategy, one[1], stored["runs"])["both"]):
            misfit = misfits(strategy, cells, stored["runs"])
            texts = [
                _shown(cells[data_set][table][place], told[table][data_set][strategy][place], stored["runs"])
                for table, data_set, place in columns
            ]
            chosen = dict(options) == dict(READINGS[strategy][0])
            cells_of_row = [f"{misfit['5.1']:.1f}", f"{misfit['5.2']:.1f}", *texts]
            rows.append({"reading": label(strategy, options), "cells": cells_of_row, "chosen": chosen})
    if not rows:
        return {}
    titles = {"5.1": "hypervolume", "5.2": "front found, %"}
    return {
        "text": TEXT,
        "caption": f"Readings on {stored['title']}, {stored['runs']} runs of {EVALUATIONS:,} evaluations: mean ± "
        "standard deviation; in brackets the distance of the mean from the published one, in standard errors",
        "columns": [
            "misfit, Table 5.1",
            "misfit, Table 5.2",
            *(f"{data_set}, {READ_AT[place]:,}: {titles[table]}" for table, data_set, place in columns),
        ],
        "rows": rows,
    }


def _shown(here: Sequence[float], there: Sequence[float], runs: int) -> str:
    return f"{here[0]:.2f} ± {here[1]:.2f} ({distance(here, there, runs):+.1f})"


TEXT = (
    "The study tells two ways to explore a neighbourhood: until a neighbour dominates the current network (section "
    "5.3.2), or until one is dominated by nothing in the archive (Algorithm 2). It does not say what a network met "
    "again costs. Misfit is the root mean square of a row's distances from the cells of one table.",
    "Algorithm 2 meets both tables better: section 5.3.2 finds the true front earlier than Table 5.2 says. Revisits "
    "charged fit NSGA-II and LS better, revisits remembered DMLS. These are the defaults. The accuracies are those of "
    "an emulation, so what is left of a misfit may be the emulation's: LS finds more of the front here than it should.",
)


def start_sizes(file: Path = STORED) -> Mapping[str, Any]:
    """Curves of Figure 5.4 as stored: ``caption``, ``table`` (a fingerprint), ``runs``, ``evaluations`` (t of them),
    ``curves`` and ``half_widths``, both by task and size with t hypervolumes; empty where they are not measured.

    Raises:
        UserError: the file is damaged.
    """
    if not file.is_file():
        return {}
    stored = load(file)
    whole = {data_set: sizes for data_set, sizes in stored["sizes"].items() if len(sizes) == len(SIZES)}
    if len(whole) < len(DATA_SETS):
        return {}
    of_task = {f"macronas/{data_set}/mmacs": sizes for data_set, sizes in whole.items()}
    return {
        "caption": f"Measured beforehand on {stored['title']}: {stored['runs']} runs of DMLS from each size",
        "table": stored["fingerprint"],
        "runs": stored["runs"],
        "evaluations": list(SIZES_AT),
        "curves": {name: {size: one["mean"] for size, one in sizes.items()} for name, sizes in of_task.items()},
        "half_widths": {
            name: {size: one["half_width"] for size, one in sizes.items()} for name, sizes in of_task.items()
        },
    }


def load(file: Path) -> dict[str, Any]:
    """As ``readings.load``, and ``sizes`` by data set and size.

    Raises:
        UserError: the file is damaged.
    """
    return readings_file.load(file, lambda stored: isinstance(stored["sizes"], dict))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    given = readings_file.parser("dmls_readings", __doc__, STORED, RUNS, "reading and size").parse_args(arguments)
    return readings_file.run(given, partial(_measure_all, given), partial(_show, given.output))


def _show(file: Path) -> None:
    for row in page_table(file)["rows"]:
        print(f"{row['reading']:80} {'  '.join(row['cells'])}")


def _measure_all(given: argparse.Namespace) -> None:
    folder, stored = readings_file.begun(given, "macronas/cifar10/mmacs", load, {"sizes": {}})
    # How soon, where the answer goes, under which name, and how to get it.
    work: list[tuple[int, Any, str, Any]] = []
    for name, readings in READINGS.items():
        for place, options in enumerate(readings):
            cells = readings_file.cells_of(stored, name, options)
            for one in DATA_SETS:
                if one not in cells:
                    work.append((place, cells, one, partial(measure, name, options, one, folder, given.runs)))
    for one in DATA_SETS:
        sizes = stored["sizes"].setdefault(one, {})
        missing = [size for size in SIZES if str(size) not in sizes]
        work += [(1, sizes, str(size), partial(measure_size, size, one, folder, given.runs)) for size in missing]
    work.sort(key=lambda one: one[0])  # the defaults first
    for _, place, name, answer in track(work, "readings", disable=not sys.stderr.isatty()):
        place[name] = answer()
        readings_file.keep(stored, given.output)


if __name__ == "__main__":
    raise SystemExit(main())
