"""What a worker process does: some seeds of one strategy on one task."""

from __future__ import annotations

import errno
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.simulate import simulate_many
from suites.catalogue import nearest
from suites.live import Live, called, live_suite
from suites.store import engine_source, evidence_mark, run_path
from suites.suite import Suite
from suites.timings import with_timing
from suites.watched import Watched

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Order:
    """A suite as it was ordered on the command line: plain values, so that any process can rebuild it.

    Attributes:
        suite: name of one of the project's, or path of a file.
        parameters: readings, as pairs.
        tables: folder searched for tables first.
        tasks: names or parts of names to keep; empty for all.
        strategies: names to keep; empty for all.
        seeds: at most so many of each strategy.
        evaluations: replaces the suite's budget.
        seconds: likewise.
        timing: a timing table to charge trainings by.
        live: train for real.
    """

    suite: str
    parameters: tuple[tuple[str, str], ...] = ()
    tables: str | None = None
    tasks: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    seeds: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    timing: str | None = None
    live: Live | None = None


@dataclass(frozen=True)
class Unit:
    """Seeds of one strategy on one task, with the identity that each run will bear; without strategy, evidence."""

    task: str
    strategy: str = ""
    seeds: tuple[int, ...] = ()
    identities: tuple[str, ...] = ()


def names() -> Mapping[str, Path]:
    """The project's suites: every file of this folder that defines ``suite``."""
    files = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
    return {name: path for name, path in files.items() if "\ndef suite(" in path.read_text(encoding="utf-8")}


@cache
def load(order: Order) -> tuple[Suite, str]:
    """The suite as ordered, and its file's text.

    Raises:
        UserError: unknown suite, task, strategy, parameter or value, or a file that is no suite.
    """
    path = names().get(order.suite)
    if path is None and order.suite.endswith(".py"):
        path = Path(order.suite)
        if not path.is_file():
            raise UserError(f"there is no suite file {path}")
    if path is None:
        raise UserError(
            f"unknown suite {order.suite!r}; {nearest(order.suite, list(names()))}, or a path ending in .py"
        )
    make = getattr(_module(path), "suite", None)
    if not callable(make):
        raise UserError(f"{path} defines no function suite() that returns a Suite")
    known = list(inspect.signature(make).parameters)
    for name, _ in order.parameters:
        if name not in known:
            raise UserError(
                f"suite {order.suite} has no parameter {name!r}; {nearest(name, known) if known else 'none'}"
            )
    try:
        suite = make(**dict(order.parameters))
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"suite() in {path} fails: {type(error).__name__}: {error}") from error
    if not isinstance(suite, Suite):
        raise UserError(f"suite() in {path} returned a {type(suite).__name__}, not a Suite")
    if order.live is not None:
        suite = live_suite(_budgeted(suite, order), order.live, order.timing, [name for name, _ in order.parameters])
    return _narrowed(suite, order), path.read_text(encoding="utf-8")


def _module(path: Path) -> ModuleType:
    if path.parent == FOLDER:
        return importlib.import_module(f"suites.{path.stem}")
    spec = importlib.util.spec_from_file_location(f"suite_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"the suite file {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _narrowed(suite: Suite, order: Order) -> Suite:
    tasks = suite.tasks
    if order.tasks:
        names = {
            name: {name, called(name, suite.metric) if order.live else name.rsplit("/", 1)[-1]} for name in suite.tasks
        }
        unknown = [name for name in order.tasks if not any(name in parts for parts in names.values())]
        if unknown:
            raise UserError(f"suite {suite.name} has no task {unknown[0]!r}; {nearest(unknown[0], list(suite.tasks))}")
        tasks = tuple(name for name, parts in names.items() if parts & set(order.tasks))
    entries = suite.entries
    if order.strategies:
        known = [entry.name for entry in entries]
        unknown = [name for name in order.strategies if name not in known]
        if unknown:
            raise UserError(f"suite {suite.name} has no strategy {unknown[0]!r}; {nearest(unknown[0], known)}")
        entries = tuple(entry for entry in entries if entry.name in order.strategies)
    if order.seeds is not None:
        entries = tuple(replace(entry, seeds=min(entry.seeds, order.seeds)) for entry in entries)
    kept = {entry.name for entry in entries}
    comparisons = tuple(c for c in suite.comparisons if c.reference in kept and c.method in kept)
    return replace(_budgeted(suite, order), tasks=tasks, entries=entries, comparisons=comparisons)


def _budgeted(suite: Suite, order: Order) -> Suite:
    if order.evaluations is None and order.seconds is None:
        return suite
    return replace(suite, evaluations=order.evaluations, seconds=order.seconds, evaluations_of={})


@cache
def load_task(order: Order, name: str) -> Task:
    """A task of the suite under its budget; kept, since a worker meets the same few again and again."""
    suite, _ = load(order)
    task = suite.make_task(name, None if order.tables is None else Path(order.tables))
    if order.timing is not None and order.live is None:
        task = with_timing(task, order.timing, order.tables)
    least = getattr(task.oracle, "least_seconds", 0.0)
    if suite.seconds is not None and suite.seconds < least:
        raise UserError(
            f"no evaluation of {name} fits into {suite.seconds:g} simulated seconds: raise --budget, "
            f"the shortest takes {least:.0f}"
        )
    workers = max(task.workers, suite.workers)
    evaluations = suite.evaluations_of.get(name, suite.evaluations)
    return task.within(evaluations=evaluations, seconds=suite.seconds, workers=workers)


def perform(order: Order, unit: Unit, out: Path) -> int:
    """Run a unit and store each run, or write a task's evidence; returns how many runs.

    Raises:
        UserError: the disk is full or the folder has become unwritable; runs already stored stay.
    """
    suite, _ = load(order)
    if not unit.strategy:
        assert suite.evidence is not None
        folder = out / "evidence"
        try:
            folder.mkdir(exist_ok=True)
            suite.evidence(load_task(order, unit.task), folder)
            evidence_mark(out, unit.task).write_text(unit.identities[0], encoding="utf-8")
        except OSError as error:
            raise _no_room(folder, error) from error
        return 0
    entry = next(entry for entry in suite.entries if entry.name == unit.strategy)
    task = load_task(order, unit.task)
    traces = simulate_many(task, entry.factory, unit.seeds, name=entry.name, record=suite.record)
    engine = engine_source()
    for trace, identity in zip(traces, unit.identities, strict=True):
        path = run_path(out, unit.task, entry.name, trace.about["seed"], identity)
        about = {**trace.about, "suite": suite.name, "identity": identity, "engine": engine}
        if isinstance(task.oracle, Watched):
            about |= task.oracle.about(trace.about["seed"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(trace, about=about).save(path)
        except OSError as error:
            raise _no_room(path, error) from error
    return len(traces)


def _no_room(path: Path, error: OSError) -> UserError:
    what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
    return UserError(f"cannot store {path}: {what}; finished runs are kept, start again to go on")
