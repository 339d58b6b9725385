"""The network around a NAS-Bench-101 cell, layer by layer: what parameters, multiply-adds and bytes count.

Ying et al. 2019, section 2.2 and supplement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.nasbench101_cells import (
    CONV1X1,
    CONV3X3,
    EDGE,
    MAXPOOL,
    NODES,
    OUTPUT,
    checked,
    prune,
)
from nasbench_sim.spaces.space import Codes

STACKS, CELLS_PER_STACK, CLASSES = 3, 3, 10


class Layer(NamedTuple):
    """One kind of layer of the networks of n codes; what varies with the code is an array ``int64[n]``."""

    kind: str  # convolution, pooling, sum, concatenation, classifier
    copies: int  # how often the network repeats it
    present: npt.NDArray[np.int64]  # 1 where the cell has it
    filters: npt.NDArray[np.int64]  # written
    positions: int  # per filter, for one image
    values: npt.NDArray[np.int64]  # activations read and written, for one image
    macs: npt.NDArray[np.int64]  # for one image
    parameters: npt.NDArray[np.int64]
    extras: int  # operations per value written beside the multiply-adds, see NASBench101.flops

    @property
    def outputs(self) -> npt.NDArray[np.int64]:
        """Activations written, for one image."""
        return self.filters * self.positions


def layers(codes: Codes, width: int = 128) -> Iterator[Layer]:
    """The layers of the networks of codes ``[n, 26]``, from the stem to the classifier.

    Stem 3 x 3 convolution, 3 stacks of 3 cells, maximum pooling and twice the filters before stacks 2 and 3,
    global mean, linear classifier (Ying et al. 2019, section 2.2).  Every convolution is followed by batch
    normalisation and ReLU.
    """
    pruned = prune(checked(codes)).astype(np.int64)
    always = np.ones(len(pruned), np.int64)
    yield _convolution(1, always, 3, 3 * always, width * always, 32 * 32)
    for stack in range(STACKS):
        filters = width * 2**stack
        positions = (32 >> stack) ** 2
        before = filters // 2 if stack else width
        if stack:
            yield _moving("pooling", 1, always, before * always, positions, reads=4 * always, window=4)
        channels = vertex_channels(pruned, filters)
        for copies, entering in ((1, before), (CELLS_PER_STACK - 1, filters)):
            yield from _cell(pruned, channels, copies, entering, positions)
    features = width * 2 ** (STACKS - 1) * always
    weights = features * CLASSES
    yield Layer(
        "classifier",
        1,
        always,
        CLASSES * always,
        1,
        features + CLASSES,
        macs=weights,
        parameters=weights + CLASSES,
        extras=0,
    )


def _cell(
    pruned: npt.NDArray[np.int64], channels: list[npt.NDArray[np.int64]], copies: int, entering: int, positions: int
) -> Iterator[Layer]:
    always = np.ones(len(pruned), np.int64)
    for node in range(1, NODES):
        arriving = sum((pruned[:, EDGE[x, node]] for x in range(1, node)), 0 * always)
        from_input = pruned[:, EDGE[0, node]]
        own = channels[node]
        yield _convolution(copies, from_input, 1, entering * always, own, positions)
        if node < OUTPUT:
            operation = pruned[:, 20 + node]
            summed = arriving + from_input
            yield _moving("sum", copies, (summed > 1) * 1, own, positions, reads=summed)
            yield _convolution(copies, (operation == CONV3X3) * 1, 3, own, own, positions)
            yield _convolution(copies, (operation == CONV1X1) * 1, 1, own, own, positions)
            yield _moving("pooling", copies, (operation == MAXPOOL) * 1, own, positions, reads=always, window=9)
        else:
            yield _moving("concatenation", copies, (arriving > 1) * 1, own, positions, reads=always)
            yield _moving("sum", copies, (arriving > 0) * from_input, own, positions, reads=2 * always)


def _convolution(
    copies: int,
    present: npt.NDArray[np.int64],
    kernel: int,
    entering: npt.NDArray[np.int64],
    leaving: npt.NDArray[np.int64],
    positions: int,
) -> Layer:
    weights = kernel**2 * entering * leaving
    values = (entering + leaving) * positions
    macs, parameters = weights * positions, weights + 2 * leaving
    return Layer("convolution", copies, present, leaving, positions, values, macs, parameters, extras=3)


def _moving(
    kind: str,
    copies: int,
    present: npt.NDArray[np.int64],
    filters: npt.NDArray[np.int64],
    positions: int,
    reads: npt.NDArray[np.int64],
    window: int = 0,
) -> Layer:
    """A layer without weights that reads ``reads`` values for each one it writes."""
    nothing = np.zeros(len(filters), np.int64)
    values = filters * positions * (reads + 1)
    return Layer(kind, copies, present, filters, positions, values, nothing, nothing, window)


def vertex_channels(pruned: npt.NDArray[np.int64], filters: int) -> list[npt.NDArray[np.int64]]:
    """Filters of each node, seven ``int64[n]``: the output's are shared out over the nodes that feed it.

    The first nodes take what does not divide; a node that does not feed the output has as many as the widest
    node that it feeds (Ying et al. 2019, supplement S2).
    """
    feeds = [pruned[:, EDGE[node, OUTPUT]] for node in range(1, OUTPUT)]
    feeding = sum(feeds, np.zeros(len(pruned), np.int64))
    share, rest = np.divmod(filters, np.maximum(feeding, 1))
    channels = [np.zeros(len(pruned), np.int64) for _ in range(OUTPUT)] + [np.full(len(pruned), filters)]
    taken = np.zeros(len(pruned), np.int64)
    for node in range(1, OUTPUT):
        channels[node] = feeds[node - 1] * (share + (taken < rest))
        taken += feeds[node - 1]
    for node in reversed(range(1, OUTPUT)):
        widest = channels[node]
        for later in range(node + 1, OUTPUT):
            widest = np.maximum(widest, pruned[:, EDGE[node, later]] * channels[later])
        channels[node] = np.where(feeds[node - 1] == 1, channels[node], widest)
    return channels
