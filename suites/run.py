"""Run a suite: every strategy on every task over many seeds, then the report.

Without a suite it lists them.  Runs already stored are not made again; interrupt it anywhere and start it again.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.live_options import add_real, count, live_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.suite import Suite
    from suites.work import Order, Unit

CHUNK = 100  # seeds that advance together, sharing what the oracle and the space cost per call


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0, 2 for a user's mistake, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    from suites.threads import one_thread_each

    one_thread_each()
    from nasbench_sim.errors import UserError

    try:
        if options.suite is None:
            return _list()
        return _run(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        what = f" {error.filename}" if error.filename else ""
        print(f"error: cannot write{what}: {error.strerror}; finished runs are kept, start again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: finished runs are kept; the same command goes on from there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m suites.run", description=__doc__)
    parser.add_argument("suite", nargs="?", help="a suite's name, or the path of a suite file; none lists the suites")
    parser.add_argument("--tasks", help="comma-separated: only these tasks")
    parser.add_argument("--strategies", help="comma-separated: only these strategies")
    parser.add_argument("--seeds", help="at most so many seeds of each strategy")
    parser.add_argument("--budget", help="evaluations of each run (10000), or simulated time (900s, 15m, 50h)")
    parser.add_argument("--workers", help="processes; default: one per core")
    parser.add_argument("--out", type=Path, help="output folder; default: results/SUITE")
    parser.add_argument("--tables", help="folder searched for tables before $NASBENCH_SIM_TABLES and the embedded ones")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="choose a suite's reading")
    parser.add_argument("--timing", help="charge trainings by a timing table: a name among timings/, or a file.h5")
    add_real(parser.add_argument_group("training for real (extra `real`)"))
    parser.add_argument("--fresh", action="store_true", help="make every run again, stored or not")
    return parser


def _list() -> int:
    from suites.work import names

    print("suites (python -m suites.run NAME):")
    for name, path in names().items():
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        print(f"  {name:12}  {doc.splitlines()[0] if doc else ''}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from suites import store
    from suites.live import workers_of
    from suites.work import load

    order = _order(options)
    suite, source = load(order)
    asked = None if options.workers is None else count(options.workers, "--workers")
    workers = asked or os.cpu_count() or 1 if order.live is None else workers_of(order.live, asked)
    out = options.out or Path("results") / suite.name
    store.prepare(out, suite)
    started = time.monotonic()
    try:
        _make(order, suite, source, out, workers, options.fresh)
    except BaseException:
        store.tidy(out)
        raise
    print(f"done in {time.monotonic() - started:.1f} s")
    return 0


def _make(order: Order, suite: Suite, source: str, out: Path, workers: int, fresh: bool) -> None:
    from suites import store
    from suites.work import load_task

    units, runs, damaged = _plan(order, suite, source, out, fresh)
    missing = sum(len(unit.seeds) for unit in units)
    for path in damaged:
        print(f"the stored run {path} is damaged; it is made again", file=sys.stderr)
    print(f"{suite.name}: {suite.question}")
    if suite.left_out:
        print(f"left out, since nothing here can train them: {', '.join(suite.left_out)}")
    print(f"{len(runs)} runs, {len(runs) - missing} stored already, {missing} to do with {workers} worker(s)")
    store.write_manifest(out, _manifest(order, suite, runs))
    if order.live is None:
        _perform_all(order, units, out, workers, missing)
    else:
        from suites.live import watching

        with watching(Path(order.live.folder)):
            _perform_all(order, units, out, workers, missing)
            if suite.retraining is not None:
                from suites.retrained import retrain

                retrain(order, suite, out, runs)
        if suite.metric == "hypervolume":
            from suites.live_fronts import write_found_fronts

            write_found_fronts(out, [load_task(order, name) for name in suite.tasks], runs)
    _report(out)


def _order(options: argparse.Namespace) -> Order:
    from suites.options import chosen, tables_folder
    from suites.work import Order

    parameters = chosen(options.set)
    evaluations, seconds = _budget(options.budget)
    return Order(
        suite=options.suite,
        parameters=parameters,
        tables=tables_folder(options.tables),
        tasks=_names(options.tasks),
        strategies=_names(options.strategies),
        seeds=None if options.seeds is None else count(options.seeds, "--seeds"),
        evaluations=evaluations,
        seconds=seconds,
        timing=options.timing,
        live=live_options(options),
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _budget(text: str | None) -> tuple[int | None, float | None]:
    from nasbench_sim.errors import UserError

    if text is None:
        return None, None
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:])
    if unit is None:
        return count(text, "--budget"), None
    try:
        seconds = float(text[:-1]) * unit
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"--budget {text}: it must be evaluations (10000) or a positive time (900s, 15m, 50h)")
    return None, seconds


def _plan(order: Order, suite: Suite, source: str, out: Path, fresh: bool) -> tuple[list[Unit], list[Any], list[Path]]:
    """What is to be done, all runs for the manifest, and the damaged ones."""
    from nasbench_sim.errors import UserError
    from suites import store
    from suites.work import Unit, load_task

    units: list[Unit] = []
    runs: list[Any] = []
    damaged: list[Path] = []
    for name in suite.tasks:
        task = load_task(order, name)
        if suite.evidence is not None:
            mark = store.evidence_mark(out, name)
            known = store.evidence_identity(suite, source, task)
            if fresh or not mark.is_file() or mark.read_text(encoding="utf-8") != known:
                units.append(Unit(name, identities=(known,)))
        for entry in suite.entries:
            todo = []
            for seed in range(entry.seeds):
                identity = store.identity(suite, source, task, entry, seed)
                path = store.run_path(out, name, entry.name, seed, identity)
                runs.append([name, entry.name, seed, path.relative_to(out).as_posix()])
                try:
                    there = not fresh and store.stored(path, identity)
                except UserError:
                    there = False
                    damaged.append(path)
                if not there:
                    todo.append((seed, identity))
            for start in range(0, len(todo), CHUNK):
                seeds, identities = zip(*todo[start : start + CHUNK], strict=True)
                units.append(Unit(name, entry.name, seeds, identities))
    return units, runs, damaged


def _manifest(order: Order, suite: Suite, runs: list[Any]) -> dict[str, Any]:
    import platform

    import nasbench_sim
    from suites.store import engine_source
    from suites.work import load_task

    tasks = [load_task(order, name) for name in suite.tasks]
    return {
        "suite": suite.name,
        "question": suite.question,
        "version": nasbench_sim.__version__,
        "engine": engine_source(),
        "parameters": dict(suite.parameters),
        "budget": {"evaluations": suite.evaluations, "seconds": suite.seconds},
        "tasks": [
            {
                "name": task.name,
                "size": task.oracle.space.size,
                "budget": {"evaluations": task.evaluations, "seconds": task.seconds},
                "provenance": dict(task.oracle.provenance),
            }
            for task in tasks
        ],
        "strategies": [
            {"name": e.name, "title": e.title, "seeds": e.seeds, "cluster": e.cluster} for e in suite.entries
        ],
        "comparisons": [{"reference": c.reference, "method": c.method, "at": c.at} for c in suite.comparisons],
        "notes": list(suite.notes),
        "axis": suite.axis,
        "metric": suite.metric,
        "readings": dict(suite.readings),
        **({"start_sizes": dict(suite.start_sizes)} if suite.start_sizes else {}),
        "published": list(suite.published),
        "machine": {"python": platform.python_version(), "system": platform.system(), "processor": platform.machine()},
        "runs": runs,
    }


def _perform_all(order: Order, units: list[Unit], out: Path, workers: int, missing: int) -> None:
    if not units:
        return
    with _Progress("runs", missing) as advance:
        if workers == 1:
            from suites.work import perform

            for unit in units:
                advance(perform(order, unit, out))
            return
        _in_processes(order, units, out, workers, advance)


def _in_processes(order: Order, units: list[Unit], out: Path, workers: int, advance: Callable[[int], None]) -> None:
    from concurrent.futures import as_completed

    from suites.processes import worker_processes
    from suites.work import perform

    with worker_processes(min(workers, len(units))) as pool:
        for future in as_completed([pool.submit(perform, order, unit, out) for unit in units]):
            advance(future.result())


def _report(out: Path) -> None:
    import reports

    report = reports.build(out)
    print(report.verdict)
    print(f"report: {report.page}")


class _Progress:
    """A bar on a terminal; elsewhere a line at each tenth."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.terminal = sys.stdout.isatty()

    def __enter__(self) -> Callable[[int], None]:
        if self.terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(TextColumn(self.what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar.start()
            self.task = self.bar.add_task(self.what, total=self.total)
        return self.advance

    def advance(self, count: int) -> None:
        before, self.done = self.done, self.done + count
        if self.terminal:
            self.bar.advance(self.task, count)
        elif self.total and 10 * self.done // self.total > 10 * before // self.total:
            print(f"{self.done} of {self.total} {self.what}", flush=True)

    def __exit__(self, *_: object) -> None:
        if self.terminal:
            self.bar.stop()


if __name__ == "__main__":
    raise SystemExit(main())
