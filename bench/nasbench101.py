"""NAS-Bench-101: finding the rows of codes, enumerating the space, opening the table."""

from __future__ import annotations

import numpy as np

from bench.measure import Contestant, Part, Row, alternate, duration
from bench.process import python
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench101_cells import DIMENSION, EDGES, OPERATIONS
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular import Table, find

MILLION = 1_000_000
FRESH = 3  # processes
NOTES = (
    "The million codes are random matrices with random operations, unused nodes left in: not canonical forms.",
    "Enumerating is timed inside the process; the first answer includes imports, table, device and space.",
)

_ENUMERATE = """
import time
from nasbench_sim.spaces.nasbench101 import NASBench101
started = time.perf_counter()
cells = NASBench101().enumerate()
print(time.perf_counter() - started)
"""
_FIRST_ANSWER = """
import numpy as np
from nasbench_sim import Request
from suites.catalogue import task
oracle = task("nasbench101/full").oracle
oracle.evaluate(Request(oracle.space.sample(np.random.default_rng(0), 1)), 0)
"""


def measure(repetitions: int) -> Part:
    """Each by itself, beside its aim."""
    path, space = find("nasbench101"), NASBench101()
    opening = alternate({"open": Contestant(lambda: Table.open(path))}, repetitions)["open"]
    building = alternate({"index": Contestant(lambda: Table.open(path).index(space))}, FRESH)["index"]
    codes, index = _any_valid(space, MILLION), Table.open(path).index(space)
    finding = alternate({"find": Contestant(lambda: index.rows(space.key(codes)))}, repetitions)["find"]
    enumerating = [float(python("-c", _ENUMERATE).output) for _ in range(FRESH)]
    answering = [python("-c", _FIRST_ANSWER).seconds for _ in range(FRESH)]
    rows = [
        Row("rows of a million valid codes", duration(finding), aim="1 s, at most 5 s"),
        Row("enumerating the whole space, fresh process", duration(enumerating), aim="at most 60 s"),
        Row("opening the table", duration(opening), aim="at most 50 ms"),
        Row("building its row index, once a space and process", duration(building)),
        Row("first answer of nasbench101/full, fresh process", duration(answering)),
    ]
    return Part("NAS-Bench-101", rows, NOTES)


def _any_valid(space: NASBench101, n: int) -> Codes:
    """Random matrices and operations, as far as they are valid, ``uint8[n, 26]``."""
    rng = np.random.default_rng(0)
    parts: list[Codes] = []
    while sum(map(len, parts)) < n:
        codes = np.empty((n // 4, DIMENSION), np.uint8)
        codes[:, : len(EDGES)] = rng.random((len(codes), len(EDGES))) < 0.5
        codes[:, len(EDGES) :] = rng.integers(1, len(OPERATIONS) + 1, (len(codes), DIMENSION - len(EDGES)))
        parts.append(codes[space.valid(codes)])
    return np.concatenate(parts)[:n]
