"""DARTS, the space of NAS-Bench-301: a normal and a reduction cell of four nodes, two edges each.

Liu, Simonyan and Yang 2019, "DARTS: Differentiable Architecture Search", ICLR; Siems et al. 2020, "NAS-Bench-301
and the Case for Surrogate Benchmarks for Neural Architecture Search" (arXiv:2008.09777), section 3.

A code is ``uint8[32]``; ``code.reshape(2, 4, 2, 2)`` has the axes cell (normal, reduction), node, edge, and (input,
operation).  Inputs 0 and 1 are the outputs of the last cell but one and of the last cell, 2 to 4 the nodes before;
operations are positions in ``OPERATIONS``.

How many neighbours: the benchmark's space has 16 x 6 operations and 24 inputs to change, 120.  The 136 of the
literature are counted otherwise: 16 x 7 + 24 with DARTS's eighth operation "none", which no cell of the benchmark
holds (White et al. 2021, "Exploring the Loss Landscape in Neural Architecture Search", UAI), or 16 x 6 + 40 where
both edges of a node may have the same input (``inputs="any"``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces import darts_cells
from nasbench_sim.spaces.darts_cells import EDGES, NODES
from nasbench_sim.spaces.darts_network import costs
from nasbench_sim.spaces.mobile_blocks import MACS, PARAMETERS
from nasbench_sim.spaces.sampling import distinct
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods
from nasbench_sim.spaces.variables import Variable, checked_entries, flattened, shaped

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
CELLS = ("normal", "reduce")
INPUTS, EQUIVALENCES = ("distinct", "any"), ("network", "code")
DIMENSION = len(CELLS) * EDGES * 2
POSSIBLE_EDGES = tuple((source, node) for node in range(NODES) for source in range(node + 2))
"""The 14 edges that a cell can have, as (input, node), in the order in which NAS-Bench-301 numbers them."""

_SHAPE = (len(CELLS), NODES, 2, 2)
_LIMITS = np.array(
    [(node + 2, len(OPERATIONS)) for _ in CELLS for node in range(NODES) for _ in range(2)], np.int64
).ravel()


@dataclass(frozen=True)
class DARTS:
    """The space.

    Args:
        inputs: of the two edges of a node: "distinct", as in DARTS and NAS-Bench-301, or "any".
        equivalence: "network": codes that are the same network share a key, see ``darts_cells``.  "code": only the
            order of a node's two edges is immaterial, for models that tell renamed nodes apart.
        channels: of the first cells, even: 36 in DARTS, 32 in NAS-Bench-301.
        layers: cells in the network: 20 in DARTS, 8 in NAS-Bench-301.
        classes: of the data set.
        side: of its images in pixels.

    Raises:
        UserError: unknown inputs or equivalence, or a network that cannot be built.
    """

    inputs: str = "distinct"
    equivalence: str = "network"
    channels: int = 36
    layers: int = 20
    classes: int = 10
    side: int = 32

    def __post_init__(self) -> None:
        for what, value, legal in (("inputs", self.inputs, INPUTS), ("equivalence", self.equivalence, EQUIVALENCES)):
            if value not in legal:
                raise UserError(f"darts has no {what} {value!r}: choose one of {', '.join(legal)}")
        if self.channels < 2 or self.channels % 2 or min(self.layers, self.classes, self.side) < 1:
            raise UserError(
                "a DARTS network needs an even number of channels, at least one layer, one class and one pixel, not "
                f"channels={self.channels}, layers={self.layers}, classes={self.classes}, side={self.side}"
            )

    @property
    def name(self) -> str:
        return "darts"

    @property
    def dimension(self) -> int:
        return DIMENSION

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Per cell, node and edge its input and its operation, as in ``normal_0_1_input``."""
        sources = ("previous_but_one", "previous", *(f"node_{node}" for node in range(NODES - 1)))
        return tuple(
            Variable(f"{cell}_{node}_{edge}_{what}", values)
            for cell in CELLS
            for node in range(NODES)
            for edge in range(2)
            for what, values in (("input", sources[: node + 2]), ("operation", OPERATIONS))
        )

    @property
    def size(self) -> int:
        """About 1.46e17 networks, or 1.08e18 codes apart from the order of edges."""
        return darts_cells.count(self._repeats, self._renamed) ** 2

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: inputs come before their node, and are two unless ``inputs`` is "any"."""
        codes = shaped(codes, self.name, DIMENSION)
        inside = ((codes >= 0) & (codes < _LIMITS)).all(1)
        if self._repeats:
            return np.asarray(inside)
        sources = codes.reshape(-1, *_SHAPE)[..., 0]
        return np.asarray(inside & (sources[..., 0] != sources[..., 1]).all((1, 2)))

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """Distinct configurations, ``uint8[n, 32]``, each equally likely.

        Raises:
            ValueError: n exceeds the size of the space.
        """
        if n > self.size:
            raise ValueError(f"{n} distinct networks asked of a space of {self.size}")

        def draw(m: int) -> Codes:
            return self._codes(darts_cells.drawn(rng, 2 * m, self._repeats, self._renamed).reshape(m, 2))

        return distinct(draw, self.key, n)

    def neighbours(self, code: Codes) -> Codes:
        """``uint8[m, 32]``: the neighbours of one network, see ``neighbourhoods``."""
        return self.neighbourhoods(np.asarray(code)[None])[0]

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """The operation or the input of one edge changed: 120 neighbours, 136 where inputs may be any.

        By cell; there by node and edge, operations before inputs.  The step is taken on the code of lowest number
        that is the same network, so that equivalent codes have the same neighbours.  Neighbours that are the same
        network are listed once and the network itself is left out, so that symmetric cells have fewer.

        Returns:
            Codes ``uint8[m, 32]``, offsets and keys.
        """
        own = self._numbers(codes)
        home = darts_cells.cells(own.ravel(), self._repeats).astype(np.int64)
        steps, kept = _steps(home, self._repeats)
        found = darts_cells.numbers(steps.reshape(-1, NODES, 2, 2), self._repeats, self._renamed)
        found = np.where(kept, found.reshape(kept.shape), own.reshape(-1, 1))
        order = np.argsort(found, axis=1, kind="stable")
        ranked = np.take_along_axis(found, order, 1)
        fresh = np.ones_like(kept)
        fresh[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
        np.put_along_axis(kept, order, fresh & (ranked != own.reshape(-1, 1)), 1)
        shape = (len(own), len(CELLS), found.shape[1])
        found, kept = found.reshape(shape), kept.reshape(shape)
        reached = np.repeat(own[:, None, None], found.shape[2], axis=2).repeat(len(CELLS), axis=1)
        for cell in range(len(CELLS)):
            reached[:, cell, :, cell] = found[:, cell]
        reached = reached[kept]
        offsets = np.concatenate([[0], kept.sum((1, 2)).cumsum()]).astype(np.int64)
        return Neighbourhoods(self._codes(reached), offsets, reached.astype(np.uint64))

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``: the numbers of the normal and of the reduction cell, see ``darts_cells``."""
        return self._numbers(codes).astype(np.uint64)

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, 214]``, of the code of lowest number that is the same network.

        For each cell and possible edge, how often it carries each operation (196); the same summed over edges
        (14); of each cell the longest path to a node, and the number of edges from the cell's inputs (4).
        """
        cells = self._codes(self._numbers(codes)).reshape(-1, *_SHAPE)
        carried = edge_operations(cells.reshape(-1, DIMENSION))
        sources = cells[..., 0].astype(np.int64)
        depth = np.zeros((len(cells), len(CELLS), NODES + 2), np.int64)
        for node in range(NODES):
            longest = np.take_along_axis(depth, sources[:, :, node], 2).max(2)
            depth[:, :, node + 2] = longest + 1
        return np.concatenate(
            [
                flattened(carried),
                flattened(carried.sum(2, dtype=np.int64)),
                depth.max(2),
                (sources < 2).sum((2, 3)),
            ],
            axis=1,
        ).astype(np.float32)

    def graph(self, code: Codes) -> Graph:
        """Both cells side by side, normal first: two inputs, per node two operations and a sum, the output."""
        cells = self._checked(np.asarray(code)[None]).reshape(_SHAPE)
        names: list[str] = []
        edges: list[tuple[int, int]] = []
        for cell, label in zip(cells.tolist(), CELLS, strict=True):
            at = [len(names), len(names) + 1]
            names += [f"{label}_previous_but_one", f"{label}_previous"]
            for node in cell:
                for source, operation in node:
                    edges.append((at[source], len(names)))
                    names.append(OPERATIONS[operation])
                edges += [(len(names) - 2, len(names)), (len(names) - 1, len(names))]
                at.append(len(names))
                names.append("sum")
            edges += [(node, len(names)) for node in at[2:]]
            names.append(f"{label}_output")
        adjacency = np.zeros((len(names), len(names)), bool)
        adjacency[tuple(np.transpose(edges))] = True
        return Graph(adjacency, tuple(names))

    def parameters(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: trainable parameters of the network, auxiliary head off."""
        return np.asarray(self._costs(codes)[:, PARAMETERS])

    def macs(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: multiply-accumulates of the convolutions and of the linear layer, for one image."""
        return np.asarray(self._costs(codes)[:, MACS])

    def _costs(self, codes: Codes) -> npt.NDArray[np.int64]:
        fixed, edges = costs(self.channels, self.layers, self.classes, self.side)
        cells = self._checked(codes).reshape(-1, *_SHAPE)
        per_edge = edges[np.arange(len(CELLS))[:, None, None], (cells[..., 0] < 2).astype(int), cells[..., 1]]
        return np.asarray(fixed + per_edge.sum((1, 2, 3)))

    @property
    def _repeats(self) -> bool:
        return self.inputs == "any"

    @property
    def _renamed(self) -> bool:
        return self.equivalence == "network"

    def _checked(self, codes: Codes) -> Codes:
        codes = checked_entries(codes, self.name, _LIMITS)
        if not self.valid(codes).all():
            raise ValueError('a code of darts has a node with the same input twice, which needs inputs="any"')
        return codes

    def _numbers(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n, 2]``: of the two cells."""
        cells = self._checked(codes).astype(np.int64).reshape(-1, NODES, 2, 2)
        return darts_cells.numbers(cells, self._repeats, self._renamed).reshape(-1, len(CELLS))

    def _codes(self, numbers: npt.NDArray[np.int64]) -> Codes:
        return darts_cells.cells(numbers.ravel(), self._repeats).reshape(-1, DIMENSION)


def edge_operations(codes: Codes) -> npt.NDArray[np.uint8]:
    """``uint8[n, 2, 14, 7]``: how often each possible edge carries each operation, by cell.

    Args:
        codes: legal ones, ``[n, 32]``.
    """
    cells = np.asarray(codes).reshape(-1, *_SHAPE)
    carried = np.zeros((len(cells), len(CELLS), len(POSSIBLE_EDGES), len(OPERATIONS)), np.uint8)
    rows, kinds = np.arange(len(cells))[:, None], np.arange(len(CELLS))
    for node in range(NODES):
        first = POSSIBLE_EDGES.index((0, node))
        for edge in range(2):
            source, operation = cells[:, :, node, edge, 0], cells[:, :, node, edge, 1]
            carried[rows, kinds, first + source, operation] += 1
    return carried


def _steps(home: npt.NDArray[np.int64], repeats: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Cells ``[n, 4, 2, 2]`` with one entry changed, ``[n, m, 4, 2, 2]``, and which of them are allowed, ``[n, m]``."""
    node, edge, entry, other = _changes()
    before = home[:, node, edge, entry]
    value = other + (other >= before)
    allowed = np.ones(value.shape, bool)
    if not repeats:
        allowed = (entry == 1) | (value != home[:, node, 1 - edge, 0])
    steps = np.repeat(home[:, None], len(node), axis=1)
    # What is not allowed stays as it is: it must still be a cell that has a number.
    steps[:, np.arange(len(node)), node, edge, entry] = np.where(allowed, value, before)
    return steps, allowed


@cache
def _changes() -> tuple[npt.NDArray[np.int64], ...]:
    """What can be changed in a cell: node, edge, entry, and which of the other values it gets; ``int64[m]`` each."""
    changed: list[tuple[int, int, int, int]] = []
    for node in range(NODES):
        for edge in range(2):
            changed += [(node, edge, 1, other) for other in range(len(OPERATIONS) - 1)]
            changed += [(node, edge, 0, other) for other in range(node + 1)]
    return tuple(np.array(changed, np.int64).T)
