"""The quality gate: run a suite anew and say whether any strategy has got worse than in a stored baseline.

Exit status: 0 pass, 3 regressed, 4 inconclusive, 2 unusable input, 5 nothing to judge, 130 interrupted; 1 is a crash
of a strategy or of the gate itself, with its traceback.

``python -m suites.regress calibrate SUITE`` measures the gate's own false alarms, power and cost.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from suites.live_options import count

if TYPE_CHECKING:
    from suites.gate.baseline import Baseline
    from suites.gate.compare import Outcome
    from suites.suite import Suite
    from suites.work import Order

PASS, UNUSABLE, REGRESSED, INCONCLUSIVE, EMPTY, INTERRUPTED = 0, 2, 3, 4, 5, 130


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    calibrates = given[:1] == ["calibrate"]
    options = _calibrate_parser().parse_args(given[1:]) if calibrates else _parser().parse_args(given)
    from suites.threads import one_thread_each

    one_thread_each()
    from nasbench_sim.errors import UserError

    try:
        return _calibrate(options) if calibrates else _gate(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was decided and nothing written", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m suites.regress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", help="a suite's name, or the path of a suite file")
    parser.add_argument("--baseline", type=Path, required=True, metavar="FILE", help="stored runs to compare with")
    parser.add_argument("--update-baseline", action="store_true", help="write the baseline instead of comparing")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML, one test case a cell")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a summary in markdown")
    parser.add_argument("--github", action="store_true", help="print annotations for GitHub Actions")
    _shared(parser)
    return parser


def _calibrate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m suites.regress calibrate",
        description="Measure the gate on a suite: false alarms, regressions found, seeds spent, and the same for "
        "three other rules. Exit status: 0 all targets met, 3 one is missed, 2 unusable input.",
    )
    parser.add_argument("suite", help="a suite's name, or the path of a suite file")
    parser.add_argument("--repetitions", default="2000", metavar="N", help="builds of each kind (default 2000)")
    parser.add_argument("--pool", default="2000", metavar="N", help="fresh runs of each cell to draw builds from")
    _shared(parser)
    return parser


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tables", help="folder searched for tables before $NASBENCH_SIM_TABLES and the embedded ones")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="choose a suite's reading")
    parser.add_argument("--workers", metavar="N", help="processes; default: one per core")


def _gate(options: argparse.Namespace) -> int:
    from suites.gate.baseline import labels
    from suites.gate.compare import compare
    from suites.gate.crew import Crew
    from suites.gate.record import arms_of, changes, comparable
    from suites.gate.verdicts import Kind
    from suites.work import load, load_task

    started = time.monotonic()
    order, workers = _order(options), _workers(options)
    suite, _ = load(order)
    if not arms_of(suite):
        print(f"{suite.name} has no tasks or no strategies: there is nothing to judge", file=sys.stderr)
        return EMPTY
    if options.update_baseline:
        return _update(options.baseline, order, suite, workers)
    baseline = comparable(options.baseline, suite, partial(load_task, order))
    cells = len(baseline.runs) * len(labels(baseline.gate))
    print(f"{suite.name}: {cells} cells, up to {baseline.gate.seeds} seeds each", flush=True)
    with Crew(order, workers) as crew:
        outcome = compare(baseline, crew.measure)
    _tell(options, baseline, outcome, changes(baseline, suite), time.monotonic() - started)
    return {Kind.REGRESSED: REGRESSED, Kind.INCONCLUSIVE: INCONCLUSIVE}.get(outcome.kind, PASS)


def _tell(
    options: argparse.Namespace, baseline: Baseline, outcome: Outcome, changes: Sequence[str], seconds: float
) -> None:
    from suites.gate import output

    for line in output.terminal(outcome):
        print(line)
    print(output.explanation(baseline))
    for change in changes:
        print(change)
    if options.github:
        for line in output.workflow_commands(outcome, options.baseline):
            print(line)
    if options.junit:
        output.save(options.junit, output.junit(outcome, baseline, seconds))
    if options.markdown:
        output.save(options.markdown, output.markdown(outcome, baseline, changes))
    print(f"{outcome.runs} runs in {seconds:.1f} s")
    print(output.headline(outcome))


def _update(path: Path, order: Order, suite: Suite, workers: int) -> int:
    from nasbench_sim.errors import UserError
    from suites.gate import baseline as stored
    from suites.gate.crew import Crew
    from suites.gate.record import at_floor, differing, record
    from suites.work import load_task

    stored.check_replaceable(path, suite.name)
    try:
        before = stored.read(path)
    except UserError:
        before = None  # none there, or a damaged one, or one of an older format: writing it anew is the remedy
    with Crew(order, workers) as crew:
        baseline = record(suite, partial(load_task, order), crew.measure)
    stored.write(path, baseline)
    count = sum(map(len, baseline.runs.values()))
    print(f"wrote {path}: {count} runs, {baseline.gate.seeds} of each strategy on each task")
    if before is not None:
        print(f"{differing(before, baseline)} of {count} trajectories differ from the baseline that was there")
    for complaint in at_floor(baseline):
        print(f"note: {complaint}")
    return PASS


def _calibrate(options: argparse.Namespace) -> int:
    from suites.gate.characteristics import calibrate

    started = time.monotonic()
    order = _order(options)
    repetitions, pool = count(options.repetitions, "--repetitions"), count(options.pool, "--pool")
    met = calibrate(order, repetitions, pool, _workers(options))
    print(f"done in {time.monotonic() - started:.1f} s")
    return PASS if met else REGRESSED


def _order(options: argparse.Namespace) -> Order:
    from suites.options import chosen, tables_folder
    from suites.work import Order

    return Order(suite=options.suite, parameters=chosen(options.set), tables=tables_folder(options.tables))


def _workers(options: argparse.Namespace) -> int:
    return (os.cpu_count() or 1) if options.workers is None else count(options.workers, "--workers")


if __name__ == "__main__":
    raise SystemExit(main())
