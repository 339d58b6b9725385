"""Cells of the DARTS space as numbers, the same for cells that are the same network.

A cell has two inputs and four nodes; a node adds two edges, each an operation on one of the inputs or of the nodes
before it; the cell's output is the concatenation of its nodes.  Two cells are the same network

- if their nodes hold the same two edges in another order, since sums have none, and
- if renaming the nodes turns one into the other.  This permutes the channels of the output, and all that reads
  them, 1 x 1 convolutions of the later cells and the classifier, is dense in its channels, so that a permutation
  of its weights undoes it.

``structure`` is what feeds what, without the operations: per node an unordered pair of inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement, permutations

import numpy as np
import numpy.typing as npt

NODES, EDGES, OPERATIONS = 4, 8, 7
Integers = npt.NDArray[np.int64]

_PLACES = OPERATIONS ** np.arange(EDGES, dtype=np.int64)[::-1]
# Looked up, since dividing many numbers is slow: input and operation of an edge's number, and of every half of a
# labelling its four operations.
_INPUT, _OPERATION = np.divmod(np.arange((NODES + 1) * OPERATIONS), OPERATIONS)
_HALVES = (np.arange(OPERATIONS ** (EDGES // 2))[:, None] // _PLACES[EDGES // 2 :] % OPERATIONS).astype(np.uint8)
LABELLINGS = OPERATIONS**EDGES
"""Ways to give a structure its operations."""


@dataclass(frozen=True)
class Structures:
    """All structures, and for each the first equivalent one.

    Attributes:
        inputs: ``int64[s, 4, 2]``, ascending within a node.
        repeated: ``bool[s, 4]``: nodes that take the same input twice.
        pairs: ``int64[4, 5, 5]``: the number of a node's pair of inputs; -1 where there is none.
        places: ``int64[4]``: what a step in a node's pair adds to the number of the structure.
        first: ``int64[s]``: the lowest structure that renaming of nodes leads to.
        ways: ``int64[s]``: how many renamings lead there.
        edges: ``int64[s, most ways, 8]``: under each of them, the edge that becomes each edge of ``first``.
        options: per node, ``int64[m, 2]``: its unordered pairs of edges, as input times 7 plus operation.
    """

    inputs: Integers
    repeated: npt.NDArray[np.bool_]
    pairs: Integers
    places: Integers
    first: Integers
    ways: Integers
    edges: Integers
    options: tuple[Integers, ...]


@cache
def structures(repeats: bool) -> Structures:
    """The structures of cells; ``repeats``: a node may take the same input twice."""
    choose = combinations_with_replacement if repeats else combinations
    per_node = [np.array(list(choose(range(node + 2), 2))) for node in range(NODES)]
    counts = [len(pairs) for pairs in per_node]
    places = np.cumprod([1, *counts[:0:-1]], dtype=np.int64)[::-1]
    numbers = np.arange(np.prod(counts))
    inputs = np.stack([pairs[numbers // place % len(pairs)] for pairs, place in zip(per_node, places, strict=True)], 1)
    table = np.full((NODES, NODES + 1, NODES + 1), -1, np.int64)
    for node, pairs in enumerate(per_node):
        table[node, pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))

    reached, sources = [], []
    for renaming in permutations(range(NODES)):
        new = np.array([0, 1, *(2 + name for name in renaming)])
        mapped = new[inputs]
        order = np.argsort(mapped, axis=2, kind="stable")
        back = np.argsort(renaming)
        renamed = np.take_along_axis(mapped, order, 2)[:, back]
        allowed = np.asarray((renamed < np.arange(2, NODES + 2)[:, None]).all((1, 2)))
        pair = table[np.arange(NODES), np.where(allowed[:, None, None], renamed, 0)[..., 0], renamed[..., 1] % 5]
        reached.append(np.where(allowed, pair @ places, len(inputs)))
        sources.append((order + 2 * np.arange(NODES)[:, None])[:, back].reshape(-1, EDGES))
    ends = np.stack(reached, axis=1)
    first = ends.min(1)
    leading = ends == first[:, None]
    ways = leading.sum(1)
    chosen = np.argsort(~leading, axis=1, kind="stable")[:, : ways.max()]
    edges = np.take_along_axis(np.stack(sources, axis=1), chosen[:, :, None], 1)

    options = []
    for node in range(NODES):
        edge = np.array(list(combinations_with_replacement(range((node + 2) * OPERATIONS), 2)))
        options.append(edge if repeats else edge[edge[:, 0] // OPERATIONS != edge[:, 1] // OPERATIONS])
    return Structures(inputs, inputs[..., 0] == inputs[..., 1], table, places, first, ways, edges, tuple(options))


def numbers(cells: Integers, repeats: bool, renamed: bool) -> Integers:
    """``int64[n]``: cells ``[n, 4, 2, 2]`` of (input, operation) as structure times 7^8 plus operations.

    Args:
        cells: legal ones.
        repeats: see ``structures``.
        renamed: cells whose nodes only have other names share a number, that of the least among them.
    """
    known = structures(repeats)
    edges = cells[..., 0] * OPERATIONS + cells[..., 1]
    first, second = np.minimum(edges[..., 0], edges[..., 1]), np.maximum(edges[..., 0], edges[..., 1])
    structure = known.pairs[np.arange(NODES), _INPUT[first], _INPUT[second]] @ known.places
    operations = np.stack([_OPERATION[first], _OPERATION[second]], axis=2).reshape(-1, EDGES)
    if not renamed:
        return np.asarray(structure * LABELLINGS + operations @ _PLACES)
    first, ways = known.first[structure], known.ways[structure]
    least = np.full(len(cells), LABELLINGS, np.int64)
    rows = np.arange(len(cells))
    for way in range(int(ways.max(initial=0))):
        rows = rows[ways[rows] > way]
        moved = np.take_along_axis(operations[rows], known.edges[structure[rows], way], 1)
        if repeats:
            both = moved.reshape(-1, NODES, 2)
            moved = np.where(known.repeated[first[rows], :, None], np.sort(both, axis=2), both).reshape(-1, EDGES)
        least[rows] = np.minimum(least[rows], moved @ _PLACES)
    return np.asarray(first * LABELLINGS + least)


def cells(numbers: Integers, repeats: bool) -> npt.NDArray[np.uint8]:
    """``uint8[n, 4, 2, 2]``: the cells that have these numbers."""
    structure, labelling = np.divmod(numbers, LABELLINGS)
    halves = np.stack(np.divmod(labelling, len(_HALVES)), axis=1)
    found = np.empty((len(numbers), NODES, 2, 2), np.uint8)
    found[..., 0] = structures(repeats).inputs[structure]
    found[..., 1] = _HALVES[halves].reshape(-1, NODES, 2)
    return found


def drawn(rng: np.random.Generator, n: int, repeats: bool, renamed: bool) -> Integers:
    """``int64[n]``: the numbers of n independent cells, each network equally likely."""
    found = np.empty(0, np.int64)
    while len(found) < n:
        edges = np.stack([pairs[rng.integers(len(pairs), size=2 * n)] for pairs in structures(repeats).options], 1)
        batch = np.stack([edges // OPERATIONS, edges % OPERATIONS], axis=3)
        plain = numbers(batch, repeats, renamed=False)
        # Each network has one cell that bears its number: keeping those alone makes all networks equally likely.
        found = np.concatenate([found, plain[plain == numbers(batch, repeats, renamed)]])
    return found[:n]


@cache
def count(repeats: bool, renamed: bool, operations: int = OPERATIONS) -> int:
    """How many different cells there are, by Burnside's lemma over the renamings of each structure."""
    known, total = structures(repeats), 0.0
    for inputs in known.inputs.tolist():
        allowed, fixed = 0, 0
        for renaming in permutations(range(NODES)) if renamed else [tuple(range(NODES))]:
            new = [0, 1, *(2 + name for name in renaming)]
            images = [sorted(new[source] for source in pair) for pair in inputs]
            if any(max(image) >= 2 + renaming[node] for node, image in enumerate(images)):
                continue
            allowed += 1
            if all(inputs[renaming[node]] == image for node, image in enumerate(images)):
                fixed += _unchanged(inputs, renaming, new, operations)
        total += fixed / allowed
    return round(total)


def _unchanged(inputs: list[list[int]], renaming: tuple[int, ...], new: list[int], operations: int) -> int:
    """Ways to give edges their operations that a renaming which keeps the structure leaves as they are."""
    product, seen = 1, set()
    for node, pair in enumerate(inputs):
        twice = pair[0] == pair[1]
        for source in pair[:1] if twice else pair:
            edge = (node, source)
            if edge not in seen:
                product *= operations * (operations + 1) // 2 if twice else operations
            while edge not in seen:
                seen.add(edge)
                edge = (renaming[edge[0]], new[edge[1]])
    return product
