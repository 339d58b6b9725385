"""What the local-search study leaves open, measured: ``python -m suites.ls_readings --tables DIR [--every] [-o FILE]``.

Runs LS, LS-Weights and LS-PON on the three data sets of NAS-Bench-201 under each way of reading the study, and holds
them against its Tables 3.3 to 3.7.  The table should be the benchmark's own: what runs on a surrogate come to says
nothing about a reading.  Every measurement is stored in FILE as it comes, and none is made twice.  The page of
``ls_pon`` shows ``ls_readings.json`` of this folder.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.simulate import simulate_many
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.ls_pon import LSPON
from nasbench_sim.strategies.ls_weights import LSWeights
from nasbench_sim.trace import Trace
from suites import readings as readings_file
from suites.catalogue import task

EVALUATIONS, RUNS = 1500, 150
DATA_SETS = ("cifar10", "cifar100", "imagenet16_120")
QUANTITIES = {"accuracy": "best accuracy, %", "evaluations": "evaluations to convergence", "steps": "steps"}
STORED = Path(__file__).with_name("ls_readings.json")

STRATEGIES: Mapping[str, type[LocalSearch]] = {"LS": LocalSearch, "LS-Weights": LSWeights, "LS-PON": LSPON}
TABLES = {
    "LS": {"accuracy": "3.5", "evaluations": "3.6", "steps": "3.7"},
    "LS-Weights": {"accuracy": "3.3", "evaluations": "3.4"},
    "LS-PON": {"accuracy": "3.5", "evaluations": "3.6", "steps": "3.7"},
}
"""Where the study prints what."""

COMMON: Mapping[str, tuple[str, ...]] = {
    "revisits": ("skipped", "remembered", "charged"),
    "ties": ("refused", "accepted"),
    "restart": ("fresh", "kept", "unevaluated"),
}
ORDER = ("by variable", "random", "listed")
OPTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "LS": {"order": ORDER, **COMMON},
    "LS-Weights": {"draws": ("by variable", "by value"), **COMMON},
    "LS-PON": {"order": ORDER, **COMMON, "equal_ranks": ("average", "min", "ordinal"), "history": ("distinct", "all")},
}
"""By strategy and option the values there are, the default first."""

NEEDS = {"history": {"revisits": "charged"}}
"""What an option needs of others in order to make a difference."""

Options = Mapping[str, str]
Cells = Mapping[str, Mapping[str, list[float]]]
"""By data set and quantity: mean, standard deviation and standard error of the mean."""


def steps_before_improvement(trace: Trace) -> list[int]:
    """Evaluations before each improvement of the current solution (Table 3.7), in increasing order.

    Args:
        trace: of ``LocalSearch`` or a descendant of it, which count them themselves.

    Raises:
        ValueError: of another strategy.
    """
    if "steps" not in trace.about.get("figures", {}):
        raise ValueError(f"the strategy {trace.about['strategy']} does not count its steps")
    counts = trace.about["figures"]["steps"]
    return np.repeat(np.arange(len(counts)), counts).tolist()


def readings(strategy: str, every: bool = False) -> Iterator[Options]:
    """Options of the default and of what differs from it in one of them, or all combinations."""
    options = OPTIONS[strategy]
    default = {name: values[0] for name, values in options.items()}
    if not every:
        yield default
        for name, values in options.items():
            yield from ({**default, **NEEDS.get(name, {}), name: value} for value in values[1:])
        return
    for chosen in (dict(zip(options, values, strict=True)) for values in product(*options.values())):
        idle = [name for name, needs in NEEDS.items() if name in chosen and not needs.items() <= chosen.items()]
        if all(chosen[name] == default[name] for name in idle):
            yield chosen


def label(strategy: str, options: Options) -> str:
    """The strategy and what distinguishes the reading from its default."""
    other = [f"{name} {value}" for name, value in options.items() if value != OPTIONS[strategy][name][0]]
    return f"{strategy}, {', '.join(other).replace('_', ' ') or 'default'}"


def measure(strategy: str, options: Options, data_set: str, tables: str | None, runs: int) -> Mapping[str, list[float]]:
    """One reading on one data set, with the seeds 0 to runs - 1; see ``Cells``.

    Evaluations to convergence are those until the accuracy that a run ends with.

    Raises:
        UserError: no table of NAS-Bench-201, or a damaged one.
    """
    this, factory = task(f"nasbench201/{data_set}", tables=tables), partial(STRATEGIES[strategy], **options)  # type: ignore[arg-type]
    traces = simulate_many(this, factory, range(runs), evaluations=EVALUATIONS, name=strategy)
    return {
        "accuracy": _mean(100 * (1 - np.array([trace.objectives[-1, 0] for trace in traces]))),
        "evaluations": _mean(np.array([trace.evaluation[-1] for trace in traces], float)),
        "steps": _pooled([np.array(steps_before_improvement(trace), float) for trace in traces]),
    }


def _mean(values: Floats) -> list[float]:
    deviation = float(values.std(ddof=1))
    return [float(values.mean()), deviation, deviation / len(values) ** 0.5]


def _pooled(steps: Sequence[Floats]) -> list[float]:
    """All improvements of all runs.  Those of one run belong together: the error is that of a ratio of sums."""
    sums, counts = np.array([own.sum() for own in steps]), np.array([len(own) for own in steps])
    everything = np.concatenate(steps)
    mean = float(everything.mean())
    error = np.std(sums - mean * counts, ddof=1) / counts.mean() / len(steps) ** 0.5
    return [mean, float(everything.std(ddof=1)), float(error)]


def published(strategy: str, quantity: str, data_set: str) -> tuple[float, float] | None:
    """The study's mean and standard deviation; None where it prints none."""
    if quantity not in TABLES[strategy]:
        return None
    told = tomllib.loads((resources.files("suites") / "ls_pon.toml").read_text(encoding="utf-8"))
    mean, deviation = told[TABLES[strategy][quantity]][strategy][DATA_SETS.index(data_set)]
    return mean, deviation


def distance(strategy: str, quantity: str, data_set: str, figures: Sequence[float]) -> float:
    """Mean here minus the published one, in standard errors of that difference; NaN where none is published.

    A published mean is that of 150 runs and rounded.  The error of published steps is not told, since it is not known
    how many there were: it is taken to be the one here.
    """
    told = published(strategy, quantity, data_set)
    if told is None:
        return np.nan
    unit = 1.0 if quantity == "evaluations" else 0.01
    theirs = figures[2] if quantity == "steps" else told[1] / RUNS**0.5
    return float((figures[0] - told[0]) / np.sqrt(figures[2] ** 2 + theirs**2 + unit**2 / 12))


def misfit(strategy: str, cells: Cells) -> float:
    """Root mean square of the distances."""
    errors = [
        distance(strategy, quantity, data_set, cells[data_set][quantity])
        for data_set in cells
        for quantity in QUANTITIES
    ]
    return float(np.sqrt(np.nanmean(np.square(errors))))


def _shown(strategy: str, quantity: str, data_set: str, figures: Sequence[float]) -> str:
    digits = 0 if quantity == "evaluations" else 2
    off = distance(strategy, quantity, data_set, figures)
    text = f"{figures[0]:.{digits}f} ± {figures[1]:.{digits}f}"
    return text if np.isnan(off) else f"{text} ({off:+.1f})"


def page_table(file: Path = STORED) -> Mapping[str, Any]:
    """What is stored, as the page of a suite shows it: see ``reports.sections.readings``; empty without the file.

    Raises:
        UserError: the file is damaged.
    """
    if not file.is_file():
        return {}
    stored, columns, rows = readings_file.load(file), [(d, q) for d in DATA_SETS for q in QUANTITIES], []
    for strategy in STRATEGIES:
        found = [(options, cells) for name, options, cells in stored["found"] if name == strategy]
        complete = [(options, cells) for options, cells in found if len(cells) == len(DATA_SETS)]
        if not complete:
            continue
        told = [published(strategy, quantity, data_set) for data_set, quantity in columns]
        texts = ["" if cell is None else f"{cell[0]:g} ± {cell[1]:g}" for cell in told]
        rows.append({"reading": f"{strategy}, published", "cells": ["", *texts], "chosen": False})
        for options, cells in sorted(complete, key=lambda entry: misfit(strategy, entry[1])):
            texts = [_shown(strategy, quantity, data_set, cells[data_set][quantity]) for data_set, quantity in columns]
            chosen = label(strategy, options) == label(strategy, next(readings(strategy)))
            cells_of_row = [f"{misfit(strategy, cells):.1f}", *texts]
            rows.append({"reading": label(strategy, options), "cells": cells_of_row, "chosen": chosen})
    return {
        "text": TEXT,
        "caption": f"Readings on {stored['title']}, {stored['runs']} runs of {EVALUATIONS:,} evaluations: mean ± "
        "standard deviation; in brackets the distance of the mean from the published one, in standard errors",
        "columns": ["misfit", *(f"{data_set}: {QUANTITIES[quantity]}" for data_set, quantity in columns)],
        "rows": rows,
    }


TEXT = (
    "The study does not say what a configuration met again costs, in which order neighbours come, whether equals are "
    "moved to, and what a new descent must beat; Algorithm 1, read to the letter, accepts equals, keeps the best of "
    "the run as what must be beaten after a restart, and does not evaluate the new start. Each row changes what it "
    "names and leaves the rest at the default. Misfit is the root mean square of a row's distances.",
    "No reading meets all that is told of LS-PON. The default meets its accuracies and its evaluations to convergence, "
    "but finds an improvement sooner than Table 3.7 says. If revisits are charged, and learned again, the steps are "
    "those of the table; but then runs need more evaluations than Table 3.6 says, and some end below the optimum of "
    "ImageNet16-120, which all of the study's reach. Of LS, the default meets all but the steps on CIFAR-100, 0.1 "
    "fewer here.",
    "Table 3.4 says 1,000 evaluations a run. Its figures for LS are those of Table 3.6, whose runs have 1,500, as all "
    "rows here have; with 1,000 the defaults come to 463 ± 287 (LS) and 436 ± 266 (LS-Weights) on ImageNet16-120.",
)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = readings_file.parser("ls_readings", __doc__, STORED, RUNS, "reading")
    parser.add_argument("--every", action="store_true", help="all combinations of options, not one change at a time")
    parser.add_argument("--strategies", default=",".join(STRATEGIES), metavar="A,B", help="default: all three")
    given = parser.parse_args(arguments)
    return readings_file.run(given, partial(_measure_all, given), lambda: print(text(page_table(given.output))))


def _measure_all(given: argparse.Namespace) -> None:
    names = given.strategies.split(",")
    if unknown := [name for name in names if name not in STRATEGIES]:
        raise UserError(f"--strategies {unknown[0]}: choose from {', '.join(STRATEGIES)}")
    folder, stored = readings_file.begun(given, "nasbench201/cifar10", readings_file.load, {})
    work = []
    for name in names:
        for options in readings(name, given.every):
            cells = readings_file.cells_of(stored, name, options)
            work += [(name, options, cells, data_set) for data_set in DATA_SETS if data_set not in cells]
    for name, options, cells, data_set in track(work, "readings", disable=not sys.stderr.isatty()):
        cells[data_set] = measure(name, options, data_set, folder, given.runs)
        readings_file.keep(stored, given.output, indent=1)


def text(table: Mapping[str, Any]) -> str:
    """The table in plain characters, one block per data set."""
    lines = [table["caption"]]
    width, per_set = max(len(row["reading"]) for row in table["rows"]), len(QUANTITIES)
    for number, data_set in enumerate(DATA_SETS):
        lines += ["", f"{data_set}: {', '.join(QUANTITIES.values())}"]
        for row in table["rows"]:
            cells = row["cells"][1 + number * per_set : 1 + (number + 1) * per_set]
            marked = "*" if row["chosen"] else " "
            lines.append(
                f"{marked} {row['reading']:{width}}  {row['cells'][0]:>6}  " + "  ".join(f"{c:26}" for c in cells)
            )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
