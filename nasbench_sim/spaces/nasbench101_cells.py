"""NAS-Bench-101 cells as codes: pruning, canonical form, identity, enumeration, the published fingerprint."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes, Keys

NODES = 7
OUTPUT = NODES - 1
MAX_EDGES = 9
EDGES = [(x, y) for y in range(1, NODES) for x in range(y)]
EDGE = {edge: position for position, edge in enumerate(EDGES)}
DIMENSION = len(EDGES) + NODES - 2
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
CONV3X3, CONV1X1, MAXPOOL = 1, 2, 3

CHUNK = 1024  # rows per pass, so that the columns at work stay in the processor's cache

_SALTS = np.array([0x9E3779B97F4A7C15, 0x3C6EF372FE94F82B, 0xD1B54A32D192ED03], np.uint64)
_SHIFTS = [np.uint64(shift) for shift in (30, 27, 31)]
_FACTORS = [np.uint64(factor) for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)]
_ABSENT = len(EDGES)
_SOURCES, _TARGETS = np.array(EDGES).T
_TURNED = np.array(
    [
        [[EDGE.get((x, y), _ABSENT) for x in range(NODES)] for y in range(NODES)],
        [[EDGE.get((OUTPUT - y, OUTPUT - x), _ABSENT) for x in range(NODES)] for y in range(NODES)],
    ]
)


def checked(codes: Codes) -> Codes:
    """The codes as ``uint8[n, 26]``; what does not fit into a byte becomes 255, which no cell has.

    Raises:
        ValueError: another shape, or no integers.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != DIMENSION:
        raise ValueError(f"codes of NAS-Bench-101 are [n, {DIMENSION}], not {list(codes.shape)}")
    if codes.dtype == np.uint8:
        return codes
    if codes.dtype.kind not in "iub":
        raise ValueError(f"codes of NAS-Bench-101 are integers, not {codes.dtype}")
    return np.where((codes < 0) | (codes > 255), 255, codes).astype(np.uint8)


def prune(codes: Codes) -> Codes:
    """Without the nodes that lie on no path from input to output; all zeros where there is no path."""
    pruned = np.empty_like(checked(codes))
    for start in range(0, len(codes), CHUNK):
        columns = np.ascontiguousarray(codes[start : start + CHUNK].T, dtype=np.uint8)
        pruned[start : start + CHUNK] = _prune_columns(columns).T
    return pruned


def key(codes: Codes) -> Keys:
    """Canonical identity ``uint64[n, 2]``: isomorphic cells, and cells equal once pruned, share it.

    Each node's colour sums over its mixed in-neighbours and out-neighbours, in two sweeps each way, as in
    Weisfeiler and Leman's refinement; that it parts exactly the isomorphism classes of this space is tested on
    all of them.
    """
    codes = checked(codes)
    if len(codes) == 1:
        return np.array([_key_of_one(codes[0].tolist())], np.uint64)
    keys = np.empty((len(codes), 2), np.uint64)
    for start in range(0, len(codes), CHUNK):
        columns = np.ascontiguousarray(codes[start : start + CHUNK].T)
        keys[start : start + CHUNK] = _key_columns(_prune_columns(columns)).T
    return keys


def key_of_pruned(codes: Codes) -> Keys:
    """As ``key``, for codes that ``prune`` has returned."""
    keys = np.empty((len(codes), 2), np.uint64)
    for start in range(0, len(codes), CHUNK):
        keys[start : start + CHUNK] = _key_columns(np.ascontiguousarray(codes[start : start + CHUNK].T)).T
    return keys


def _both_ways(columns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Edges by target and source, ``[2, 7, 7, n]``: as they are, and with the cell turned round.

    So a sweep from the input and one from the output are one sweep over both.
    """
    return np.asarray(np.concatenate([columns[: len(EDGES)], np.zeros_like(columns[:1])])[_TURNED])


def _prune_columns(columns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    edges = _both_ways(columns)
    reached = np.ones((2, NODES, columns.shape[1]), np.uint8)
    for y in range(1, NODES):
        reached[:, y] = np.bitwise_or.reduce(edges[:, y, :y] & reached[:, :y], axis=1)
    alive = reached[0] & reached[1, ::-1]
    kept = columns[: len(EDGES)] & alive[_SOURCES] & alive[_TARGETS]
    return np.concatenate([kept, columns[len(EDGES) :] * alive[1:OUTPUT]])


def _key_columns(columns: npt.NDArray[np.uint8]) -> Keys:
    n = columns.shape[1]
    # An edge as a mask of 64 ones: `edges & colour` is the colour where the edge exists.
    edges = np.negative(_both_ways(columns).astype(np.uint64))
    colours = np.empty((NODES, n), np.uint64)
    colours[0], colours[1:OUTPUT], colours[OUTPUT] = 11, columns[len(EDGES) :], 13
    present = columns[len(EDGES) :] > 0
    swept = np.empty((2, NODES, n), np.uint64)
    for _ in range(2):
        # Different salts each way: a cell and the cell turned round are not the same.
        starts = np.stack([colours + _SALTS[0], colours[::-1] + _SALTS[1]])
        for y in range(NODES):
            swept[:, y] = _mix(starts[:, y] + np.add.reduce(edges[:, y, :y] & swept[:, :y], axis=1))
        colours = _mix(swept[0] + (swept[1, ::-1] << np.uint64(1)))
    colours[1:OUTPUT] *= present
    return _mix(np.stack([colours.sum(axis=0), _mix(colours ^ _SALTS[2]).sum(axis=0)]))


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of Steele et al. 2014, SplitMix), in place."""
    value ^= value >> _SHIFTS[0]
    value *= _FACTORS[0]
    value ^= value >> _SHIFTS[1]
    value *= _FACTORS[1]
    value ^= value >> _SHIFTS[2]
    return value


def _key_of_one(code: list[int]) -> tuple[int, int]:
    """As ``key``, of one code in plain numbers, in a quarter of the time."""
    edges = [edge for edge, entry in zip(EDGES, code, strict=False) if entry & 1]  # by target, then by source
    reached, reaching = {0}, {OUTPUT}
    for x, y in edges:
        if x in reached:
            reached.add(y)
    for x, y in reversed(edges):
        if y in reaching:
            reaching.add(x)
    alive = reached & reaching
    edges = [(x, y) for x, y in edges if x in alive and y in alive]
    colours = [11, *(entry if node + 1 in alive else 0 for node, entry in enumerate(code[len(EDGES) :])), 13]
    nodes = [0, *(node for node in range(1, OUTPUT) if colours[node]), OUTPUT]
    into = [[x for x, y in edges if y == node] for node in range(NODES)]
    out_of = [[y for x, y in edges if x == node] for node in range(NODES)]
    ahead, behind = [0] * NODES, [0] * NODES
    first, second, third = (int(salt) for salt in _SALTS)
    for _ in range(2):
        for y in range(NODES):
            ahead[y] = _mixed(colours[y] + first + sum([ahead[x] for x in into[y]]))
        for x in reversed(range(NODES)):
            behind[x] = _mixed(colours[x] + second + sum([behind[y] for y in out_of[x]]))
        colours = [_mixed(one + (other << 1)) for one, other in zip(ahead, behind, strict=True)]
    kept = [colours[node] for node in nodes]
    absent = NODES - len(nodes)
    lane = sum([_mixed(colour ^ third) for colour in kept]) + absent * _mixed(third)
    return _mixed(sum(kept)), _mixed(lane)


def _mixed(value: int) -> int:
    """As ``_mix``, of one number, whose higher bits do not count."""
    value &= 0xFFFFFFFFFFFFFFFF
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    value = (value ^ value >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return value ^ value >> 31


def canonical(codes: Codes, keys: Keys | None = None) -> Codes:
    """The form in which the benchmark stores each cell, ``uint8[n, 26]``.

    Of all equivalent codes the one with the fewest nodes, then the smallest edge number (edge i counts 2^i over
    the cell's own nodes), then the first operations.

    Args:
        codes: ``[n, 26]``.
        keys: theirs, where they are known already.

    Raises:
        UserError: a code is no NAS-Bench-101 cell.
    """
    lanes, order = sorted_keys()
    wanted = key(codes) if keys is None else keys
    place = np.minimum(np.searchsorted(lanes[:, 0], wanted[:, 0]), len(lanes) - 1)
    if not np.array_equal(lanes[place], wanted):
        bad = int(np.flatnonzero((lanes[place] != wanted).any(1))[0])
        raise UserError(
            f"code {bad} is no NAS-Bench-101 cell (no path from input to output, or over {MAX_EDGES} edges)"
        )
    return np.asarray(all_cells()[order[place]])


@cache
def sorted_keys() -> tuple[Keys, npt.NDArray[np.int64]]:
    """Keys of all cells in increasing order of the first lane, and the cells' numbers in that order.

    Each lane lies together in memory: a search would copy all of it otherwise, at every call.
    """
    keys = key(all_cells())
    order = np.argsort(keys[:, 0])
    return np.asfortranarray(keys[order]), order


@cache
def all_cells() -> Codes:
    """All cells in canonical form, in the order in which the benchmark generates them.

    Matrices first, operations second: a labelled cell is isomorphic only to cells whose bare matrices are.
    """
    cells = [_labelled(matrix, count) for count in range(2, NODES + 1) for matrix in [_matrices(count)]]
    everything = np.concatenate(cells)
    everything.setflags(write=False)
    return everything


def _matrices(count: int) -> Codes:
    """One matrix per isomorphism class of ``count`` nodes that are all in use, operations all set to 1."""
    pairs = [(x, y) for y in range(1, count) for x in range(y)]
    numbers = np.arange(2 ** len(pairs), dtype=np.uint32)
    numbers = numbers[np.bitwise_count(numbers) <= MAX_EDGES]
    codes = np.zeros((len(numbers), DIMENSION), np.uint8)
    for bit, (x, y) in enumerate(pairs):
        codes[:, EDGE[x, OUTPUT if y == count - 1 else y]] = numbers >> np.uint32(bit) & np.uint32(1)
    codes[:, 21 : 21 + count - 2] = 1
    codes = codes[(prune(codes) == codes).all(1) & (codes[:, :21].sum(1) > 0)]
    return np.asarray(codes[_first_of_each(key(codes))])


def _labelled(matrices: Codes, count: int) -> Codes:
    labels = np.array(list(product((1, 2, 3), repeat=count - 2)), np.uint8).reshape(3 ** (count - 2), count - 2)
    codes = np.repeat(matrices, len(labels), axis=0)
    codes[:, 21 : 21 + count - 2] = np.tile(labels, (len(matrices), 1))
    return codes[_first_of_each(key(codes))]


def _first_of_each(keys: Keys) -> npt.NDArray[np.int64]:
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    first = np.ones(len(order), bool)
    first[1:] = (keys[order[1:]] != keys[order[:-1]]).any(1)
    return np.sort(order[first])


def module_hash(code: Codes) -> str:
    """The benchmark's published fingerprint of a cell: iterated MD5 over neighbour sets, 32 hex digits.

    The rule is the benchmark's (Ying et al. 2019, supplement S1): a node starts from its out-degree, in-degree
    and label (-1 input, -2 output, otherwise 0 to 2), and takes in its neighbours once per node of the cell.
    """

    def digest(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    pruned = prune(checked(np.asarray(code)[None]))[0]
    nodes = [0, *(node for node in range(1, OUTPUT) if pruned[20 + node]), OUTPUT]
    follows = {x: [y for y in nodes if y > x and pruned[EDGE[x, y]]] for x in nodes}
    precedes = {y: [x for x in nodes if x < y and pruned[EDGE[x, y]]] for y in nodes}
    label = {0: -1, OUTPUT: -2} | {node: int(pruned[20 + node]) - 1 for node in nodes[1:-1]}
    colour = {node: digest(str((len(follows[node]), len(precedes[node]), label[node]))) for node in nodes}
    for _ in nodes:
        before = {node: "".join(sorted(colour[other] for other in precedes[node])) for node in nodes}
        after = {node: "".join(sorted(colour[other] for other in follows[node])) for node in nodes}
        colour = {node: digest(f"{before[node]}|{after[node]}|{colour[node]}") for node in nodes}
    return digest(str(sorted(colour.values())))
