"""NAS-Bench-101: 423,624 convolutional cells of at most 7 nodes and 9 edges.

Ying et al. 2019, "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML.

A code is ``uint8[26]``.  Nodes are 0 (input), 1 to 5 (inner), 6 (output).  ``code[:21]`` are the edges of the
upper triangle column by column, edge x -> y at ``y * (y - 1) / 2 + x``; ``code[21:]`` are the operations of
the inner nodes: 0 absent, then 1 + the benchmark's own label.  Nodes that lie on no path from input to output
compute nothing, so a code with such nodes stands for the cell without them.

The seven sub-spaces: ``A1`` to ``A4`` hold the cells with exactly that many inner nodes feeding the output
(the input, which is added and not concatenated, does not count), ``res`` and ``nres`` those with and without
the edge from input to output, ``full`` all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101_cells import (
    DIMENSION,
    EDGE,
    EDGES,
    MAX_EDGES,
    NODES,
    OPERATIONS,
    OUTPUT,
    all_cells,
    canonical,
    checked,
    key,
    key_of_pruned,
    prune,
)
from nasbench_sim.spaces.nasbench101_network import layers
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods
from nasbench_sim.spaces.variables import Variable

_VARIABLES = (
    *(Variable(f"edge_{x}_{y}", (0, 1), "ordinal") for x, y in EDGES),
    *(Variable(f"node_{node}", ("absent", *OPERATIONS)) for node in range(1, OUTPUT)),
)
_ENDS = np.array(EDGES).T

SUBSPACES = ("A1", "A2", "A3", "A4", "full", "nres", "res")


@dataclass(frozen=True)
class NASBench101:
    """The space, or one of its sub-spaces.

    Args:
        subspace: one of ``SUBSPACES``.

    Raises:
        UserError: unknown sub-space.
    """

    subspace: str = "full"

    def __post_init__(self) -> None:
        if self.subspace not in SUBSPACES:
            raise UserError(f"nasbench101 has no sub-space {self.subspace!r}: choose one of {', '.join(SUBSPACES)}")

    @property
    def name(self) -> str:
        return "nasbench101"

    @property
    def dimension(self) -> int:
        return DIMENSION

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """21 edges ``edge_x_y``, then the operations ``node_1`` to ``node_5``; ``absent`` is no operation."""
        return _VARIABLES

    @cached_property
    def _cells(self) -> Codes:
        cells = all_cells()
        return cells if self.subspace == "full" else cells[self._inside(cells)]

    @property
    def size(self) -> int:
        return len(self._cells)

    def enumerate(self) -> Codes:
        """Every cell once, ``uint8[size, 26]``, in canonical form and in the benchmark's generation order."""
        return self._cells.copy()

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: input reaches output, at most 9 edges once pruned, inside the sub-space.

        Operations above 3, and edges at a node that is absent, make a code invalid.
        """
        codes = checked(codes)
        present = np.concatenate([np.ones((len(codes), 1), bool), codes[:, 21:] > 0, np.ones((len(codes), 1), bool)], 1)
        well_formed = (codes[:, :21] <= 1).all(1) & (codes[:, 21:] <= len(OPERATIONS)).all(1)
        nodes = np.ascontiguousarray(present.T)
        edges = np.ascontiguousarray(codes[:, :21].T)
        well_formed &= ((edges == 0) | (nodes[_ENDS[0]] & nodes[_ENDS[1]])).all(0)
        return np.asarray(well_formed & self._admits(prune(codes)))

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """Distinct cells, ``uint8[n, 26]``, each cell (not each matrix) equally likely.

        Raises:
            ValueError: n exceeds the size of the space.
        """
        if n > self.size:
            raise ValueError(f"{n} distinct cells asked of a space of {self.size}")
        return self._cells[rng.choice(self.size, n, replace=False)]

    def neighbours(self, code: Codes) -> Codes:
        """``uint8[m, 26]``: the neighbours of one cell, see ``neighbourhoods``."""
        return self.neighbourhoods(np.asarray(code)[None])[0]

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """One operation changed, one edge added or removed, or one node added.

        The step is taken on the cell's canonical form, so that equivalent codes have the same neighbours.  An
        edge may be added between any two nodes in the order of that form.  A new node takes any one node as its
        input and feeds any one later node; its operation is free.  What leaves the sub-space is no neighbour,
        cells that compute the same are listed once, and the cell itself is left out.

        Returns:
            Codes ``uint8[m, 26]``, pruned, with offsets and keys.
        """
        if not len(checked(codes)):
            return Neighbourhoods(
                np.empty((0, DIMENSION), np.uint8), np.zeros(1, np.int64), np.empty((0, 2), np.uint64)
            )
        own = key(codes)
        home = canonical(codes, own)
        choices = np.concatenate(
            [
                home,
                1 - home[:, :21],
                home[:, 21:] % 3 + 1,
                (home[:, 21:] + 1) % 3 + 1,
                np.broadcast_to(np.arange(4, dtype=np.uint8), (len(home), 4)),
            ],
            axis=1,
        )
        inner = (home[:, 21:] > 0).sum(1)
        steps, centres = [], []
        for count in np.unique(inner):
            members = np.flatnonzero(inner == count)
            template = _steps(int(count))
            steps.append(choices[members][:, template].reshape(-1, DIMENSION))
            centres.append(np.repeat(members, len(template)))
        reached, centre = prune(np.concatenate(steps)), np.concatenate(centres)
        admitted = self._admits(reached)
        reached, centre = reached[admitted], centre[admitted]
        keys = key_of_pruned(reached)
        different = (keys != own[centre]).any(1)
        reached, centre, keys = reached[different], centre[different], keys[different]
        order = np.lexsort((keys[:, 1], keys[:, 0], centre))
        ranked, home_of = keys[order], centre[order]
        first = np.ones(len(order), bool)
        first[1:] = (ranked[1:] != ranked[:-1]).any(1) | (home_of[1:] != home_of[:-1])
        kept = np.sort(order[first])  # lexsort is stable: the first of equals, then back into template order
        kept = kept[np.argsort(centre[kept], kind="stable")]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(centre[kept], minlength=len(home)))])
        return Neighbourhoods(reached[kept], offsets, keys[kept])

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``, see ``key``."""
        return key(codes)

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, 26]``: the canonical form itself, so equal for equivalent codes."""
        return canonical(codes).astype(np.float32)

    def graph(self, code: Codes) -> Graph:
        """The pruned cell as a graph of its own nodes, input first and output last."""
        pruned = prune(checked(np.asarray(code)[None]))[0]
        nodes = [0, *(node for node in range(1, OUTPUT) if pruned[20 + node]), OUTPUT]
        adjacency = np.zeros((len(nodes), len(nodes)), bool)
        for row, x in enumerate(nodes):
            for column in range(row + 1, len(nodes)):
                adjacency[row, column] = pruned[EDGE[x, nodes[column]]]
        names = [OPERATIONS[pruned[20 + node] - 1] for node in nodes[1:-1]]
        return Graph(adjacency, ("input", *names, "output"))

    def code(self, adjacency: npt.NDArray[Any], operations: list[str]) -> Codes:
        """The code ``uint8[26]`` of a matrix ``[v, v]`` and the names of its v - 2 inner nodes.

        Raises:
            UserError: not upper triangular, more than 7 nodes, or an unknown operation.
        """
        matrix = np.asarray(adjacency).astype(bool)
        count = len(matrix)
        if matrix.shape != (count, count) or not 2 <= count <= NODES or np.tril(matrix).any():
            raise UserError(
                f"a NAS-Bench-101 cell needs an upper triangular matrix of 2 to 7 nodes, not {matrix.shape}"
            )
        if len(operations) != count - 2:
            raise UserError(f"{count} nodes need {count - 2} inner operations, not {len(operations)}")
        unknown = [name for name in operations if name not in OPERATIONS]
        if unknown:
            raise UserError(f"unknown operation {unknown[0]!r}: NAS-Bench-101 has {', '.join(OPERATIONS)}")
        code = np.zeros(DIMENSION, np.uint8)
        place = [*range(count - 1), OUTPUT]
        for x, y in zip(*np.nonzero(matrix), strict=True):
            code[EDGE[place[x], place[y]]] = 1
        code[21 : 21 + count - 2] = [OPERATIONS.index(name) + 1 for name in operations]
        return code

    def parameters(self, codes: Codes, width: int = 128) -> npt.NDArray[np.int64]:
        """Trainable parameters ``int64[n]`` of the network whose first stack has ``width`` filters."""
        return sum(
            (np.asarray(op.copies * op.present * op.parameters) for op in layers(codes, width)),
            np.zeros(len(codes), np.int64),
        )

    def macs(self, codes: Codes, width: int = 128) -> npt.NDArray[np.int64]:
        """Multiply-adds ``int64[n]`` of one 32 x 32 image: convolutions and the classifier, nothing else."""
        return sum(
            (np.asarray(op.copies * op.present * op.macs) for op in layers(codes, width)),
            np.zeros(len(codes), np.int64),
        )

    def flops(self, codes: Codes, width: int = 128) -> npt.NDArray[np.int64]:
        """Operations ``int64[n]`` of one 32 x 32 image, in the convention of the published counts (NASLib).

        A multiply-add counts once, batch normalisation twice and ReLU once per output of a convolution, pooling
        once per value in its window; sums, concatenations and the global mean count nothing.
        """
        extra = sum(
            (np.asarray(op.copies * op.present * op.outputs * op.extras) for op in layers(codes, width)),
            np.zeros(len(codes), np.int64),
        )
        return self.macs(codes, width) + extra

    def _inside(self, pruned: Codes) -> npt.NDArray[np.bool_]:
        if self.subspace == "full":
            return np.ones(len(pruned), bool)
        residual = pruned[:, EDGE[0, OUTPUT]] == 1
        if self.subspace in ("res", "nres"):
            return np.asarray(residual if self.subspace == "res" else ~residual)
        feeding = pruned[:, EDGE[1, OUTPUT] : EDGE[5, OUTPUT] + 1].sum(1)
        return np.asarray(feeding == int(self.subspace[1]))

    def _admits(self, pruned: Codes) -> npt.NDArray[np.bool_]:
        edges = pruned[:, :21].sum(1)
        return np.asarray((edges > 0) & (edges <= MAX_EDGES) & self._inside(pruned))


@cache
def _steps(inner: int) -> npt.NDArray[np.int64]:
    """Neighbours of a canonical cell with ``inner`` inner nodes, as indices ``[m, 26]`` into its choices.

    The choices of a code are: itself (26), its edges flipped (21), its operations moved on by one and by two
    (5 + 5), and the digits 0 to 3.
    """
    same = np.arange(DIMENSION)
    flipped, moved, digit = DIMENSION, DIMENSION + 21, DIMENSION + 31
    nodes = [*range(inner + 1), OUTPUT]
    rows = []
    for node in range(1, inner + 1):
        for shift in range(2):
            row = same.copy()
            row[20 + node] = moved + 5 * shift + node - 1
            rows.append(row)
    for y in nodes[1:]:
        for x in nodes[: nodes.index(y)]:
            row = same.copy()
            row[EDGE[x, y]] = flipped + EDGE[x, y]
            rows.append(row)
    if inner < NODES - 2:
        for x in nodes[:-1]:
            for y in nodes[nodes.index(x) + 1 :]:
                rows += [_insertion(inner, x, y, digit, operation) for operation in (1, 2, 3)]
    return np.array(rows)


def _insertion(inner: int, x: int, y: int, digit: int, operation: int) -> npt.NDArray[np.int64]:
    """A node right behind x that takes x and feeds y; the inner nodes behind x move up by one."""

    def moved(node: int) -> int:
        return node + 1 if x < node < OUTPUT else node

    row = np.full(DIMENSION, digit)
    nodes = [*range(inner + 1), OUTPUT]
    for a in nodes:
        for b in nodes[nodes.index(a) + 1 :]:
            row[EDGE[moved(a), moved(b)]] = EDGE[a, b]
    for node in range(1, inner + 1):
        row[20 + moved(node)] = 20 + node
    row[EDGE[x, x + 1]] = digit + 1
    row[EDGE[x + 1, moved(y)]] = digit + 1
    row[21 + x] = digit + operation
    return row
