"""``features_signal`` for one cell: the same arithmetic in the same order, to the last bit, on plain numbers.

A call of numpy on one cell costs ten times what it computes, and the sketch of the signal takes a thousand of them.
Arc cosines and logarithms alone stay numpy's, whose last bits are not those of ``math``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.nasbench101_cells import CONV1X1, CONV3X3, EDGE, MAXPOOL, NODES, OUTPUT
from nasbench_sim.spaces.nasbench101_network import CELLS_PER_STACK, CLASSES, STACKS
from surrogates.features_signal import CELLS, LOOKED_AT, STARTS, WIDTH

INNER = range(1, OUTPUT)
SQUARED_MEAN = 1 / pi  # of a rectified normal, relative to its second moment
REST = 1 - SQUARED_MEAN
FILTERS = [WIDTH * 2**stack for stack in range(STACKS)]
ENTERING = [before + (CELLS_PER_STACK - 1) * own for before, own in zip([WIDTH, *FILTERS], FILTERS, strict=False)]
POSITIONS = [(32 >> stack) ** 2 for stack in range(STACKS)]
WEIGHTS = {CONV3X3: 9, CONV1X1: 1}  # of a convolution, per pair of filters
# Inner nodes before each node, with the place of their edge in a code.
BEFORE = [[(other, EDGE[other, node]) for other in range(1, node)] for node in range(NODES)]
FROM_INPUT = [0, *(EDGE[0, node] for node in range(1, NODES))]


def signal_of_one(code: Sequence[int]) -> list[float]:
    """``features_signal.signal`` of one pruned code, 26 whole numbers."""
    feeding = [[node for node, place in BEFORE[target] if code[place]] for target in range(NODES)]
    operations = [0, *code[len(EDGE) :], 0]
    return _correlations(code, feeding, operations) + _gradient(code, feeding, operations)


def _correlations(code: Sequence[int], feeding: list[list[int]], operations: Sequence[int]) -> list[float]:
    variance, entering = [0.0] * NODES, [1.0] * NODES
    for node in INNER:
        arriving = code[FROM_INPUT[node]] + _sum([variance[other] for other in feeding[node]])
        entering[node] = max(arriving, 1.0)
        variance[node] = arriving if operations[node] == MAXPOOL else float(operations[node] > 0)
    last = feeding[OUTPUT]
    width = float(np.float32(1) / np.float32(max(len(last), 1)))
    residual = code[FROM_INPUT[OUTPUT]]
    out = residual + width * _sum([variance[node] for node in last])
    steps = [
        (node, code[FROM_INPUT[node]], feeding[node], operations[node] != MAXPOOL, entering[node])
        for node in INNER
        if operations[node]
    ]
    given = list(STARTS)
    nothing = [0.0] * len(STARTS)
    covariance = [nothing] * NODES
    found = []
    for cell in range(CELLS):
        projected = _after_convolution(given)
        for node, from_input, others, convolved, scale in steps:
            shared = _summed([covariance[other] for other in others])
            if from_input:
                shared = [one + other for one, other in zip(projected, shared, strict=True)]
            covariance[node] = _after_convolution([one / scale for one in shared]) if convolved else shared
        total = [width * one for one in _summed([covariance[node] for node in last])]
        if residual:
            total = [one + other for one, other in zip(projected, total, strict=True)]
        given = [one / out for one in total]
        if cell in LOOKED_AT:
            found.append(given)
    return [of_cell[start] for start in range(len(STARTS)) for of_cell in found]


def _sum(terms: list[float]) -> float:
    """One after another: ``sum`` makes up for rounding from Python 3.12 on, which numpy does not."""
    total = 0.0
    for term in terms:
        total += term
    return total


def _summed(terms: list[list[float]]) -> list[float]:
    if not terms:
        return [0.0] * len(STARTS)
    total = terms[0]
    for term in terms[1:]:
        total = [one + other for one, other in zip(total, term, strict=True)]
    return total


def _after_convolution(correlations: list[float]) -> list[float]:
    capped = [c if c < 1 else 1.0 for c in correlations]
    angles = np.arccos(capped).tolist()
    return [
        ((sqrt(1 - c * c) + c * (pi - angle)) / pi - SQUARED_MEAN) / REST
        for c, angle in zip(capped, angles, strict=True)
    ]


def _gradient(code: Sequence[int], feeding: list[list[int]], operations: Sequence[int]) -> list[float]:
    variance, window, window2 = [1.0] + [0.0] * OUTPUT, [0.0] * NODES, [0.0] * NODES
    scale, gradient = [1.0] * NODES, [0.0] * OUTPUT + [1.0]
    for node in range(1, NODES):
        others = [0, *feeding[node]] if code[FROM_INPUT[node]] else feeding[node]
        entering = _sum([variance[other] for other in others])
        floor = max(entering, 1e-9)
        shares = [variance[other] / floor for other in others]
        mean = _sum([share * window[other] for share, other in zip(shares, others, strict=True)])
        square = _sum([share * window2[other] for share, other in zip(shares, others, strict=True)])
        operation = operations[node]
        spatial = operation in (CONV3X3, MAXPOOL)
        window2[node] = square + spatial * (2 * mean + 1)
        window[node] = mean + spatial
        if operation in WEIGHTS:
            variance[node], scale[node] = 1.0, 1 / floor
        elif operation == MAXPOOL:
            variance[node] = entering
    for node in reversed(range(OUTPUT)):
        for later in range(node + 1, NODES):
            if code[EDGE[node, later]]:
                gradient[node] += scale[later] * gradient[later]
    return [gradient[0], window[OUTPUT], window2[OUTPUT] - window[OUTPUT] ** 2]


def log_counts_of_one(code: Sequence[int]) -> npt.NDArray[np.float64]:
    """``features_signal.log_counts`` of one pruned code: ``float64[2]``."""
    feeding = [node for node, place in BEFORE[OUTPUT] if code[place]]
    parameters = 27 * WIDTH + 2 * WIDTH + FILTERS[-1] * CLASSES + CLASSES
    macs = 27 * WIDTH * 32**2 + FILTERS[-1] * CLASSES
    for filters, entering, positions in zip(FILTERS, ENTERING, POSITIONS, strict=True):
        share, rest = divmod(filters, max(len(feeding), 1))
        own = [0] * OUTPUT + [filters]
        for turn, node in enumerate(feeding):
            own[node] = share + (turn < rest)
        for node in reversed(INNER):
            if not own[node]:
                own[node] = max([own[later] for later in range(node + 1, OUTPUT) if code[EDGE[node, later]]], default=0)
        for node in range(1, NODES):
            projected, kernel = code[FROM_INPUT[node]], WEIGHTS.get(0 if node == OUTPUT else code[20 + node], 0)
            weights = projected * own[node] * entering + CELLS_PER_STACK * own[node] ** 2 * kernel
            parameters += weights + 2 * CELLS_PER_STACK * own[node] * (projected + (kernel > 0))
            macs += weights * positions
    return np.asarray(np.log(np.array([parameters, macs])))
