"""Cells in a row, some of them the identity: which rows are the same network, numbered and with their steps.

A network is a row of groups; within a group an identity can stand anywhere without changing what is computed, so
that the group is the sequence of its other cells.  All sequences of at most ``size`` cells of two operations
number ``2 ** (size + 1) - 1``; numbers of networks are those of their groups, read as digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.space import Codes

IDENTITY, OPERATIONS = 0, 3
Numbers = npt.NDArray[np.int64]


class _Group(NamedTuple):
    """The sequences of one group size, by number."""

    of_code: Numbers  # [3 ** size], by the group's cells read to base 3
    codes: Codes  # uint8[sequences, size], identities last
    genotypes: Numbers  # [sequences]: how many codes are this sequence
    steps: Numbers  # [sequences, most]: those one cell away, ascending; -1 fills up


@cache
def _group(size: int) -> _Group:
    codes = np.array(list(product(range(OPERATIONS), repeat=size)), np.uint8)
    packed = np.take_along_axis(codes, np.argsort(codes == IDENTITY, axis=1, kind="stable"), axis=1)
    first = np.flatnonzero((packed == codes).all(1))
    places = OPERATIONS ** np.arange(size)[::-1]
    of_code = np.searchsorted(first, packed @ places)
    steps: list[set[int]] = [set() for _ in first]
    for position, operation in product(range(size), range(OPERATIONS)):
        changed = codes.copy()
        changed[:, position] = operation
        for start, end in zip(of_code.tolist(), of_code[changed @ places].tolist(), strict=True):
            if start != end:
                steps[start].add(end)
    most = max(len(ends) for ends in steps)
    table = np.array([sorted(ends) + [-1] * (most - len(ends)) for ends in steps])
    return _Group(of_code, codes[first], np.bincount(of_code), table)


@dataclass(frozen=True)
class MovedIdentities:
    """The networks whose groups have these sizes.

    Args:
        sizes: cells per group, in the order of the code.
    """

    sizes: tuple[int, ...]

    @cached_property
    def size(self) -> int:
        """How many networks there are."""
        return prod(2 ** (size + 1) - 1 for size in self.sizes)

    def numbers(self, codes: Codes) -> Numbers:
        """``int64[n]``: the networks of codes ``[n, d]``, 0 to size - 1; the same for equivalent codes."""
        weights, tables = self._packing
        cells = codes @ weights
        numbers = tables[0][cells[:, 0]]
        for group, table in enumerate(tables[1:], 1):
            numbers += table[cells[:, group]]
        return numbers

    def codes(self, numbers: Numbers) -> Codes:
        """``uint8[n, d]``: networks as codes, identities last in each group."""
        digits = self._digits(numbers)
        return np.concatenate([_group(s).codes[d] for s, d in zip(self.sizes, digits, strict=True)], axis=1)

    def genotypes(self) -> Numbers:
        """``int64[size]``: how many codes are each network."""
        counts = np.ones(1, np.int64)
        for size in self.sizes:
            counts = np.outer(counts, _group(size).genotypes).ravel()
        return counts

    def steps(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """The networks that one changed cell of any of their codes leads to, with offsets ``int64[n + 1]``.

        These are the networks with one cell replaced, removed, or inserted in its group.
        """
        found = []
        for size, place, digit in zip(self.sizes, self._places, self._digits(numbers), strict=True):
            ends = _group(size).steps[digit]
            found.append(np.where(ends < 0, -1, numbers[:, None] + (ends - digit[:, None]) * place))
        reached = np.concatenate(found, axis=1)
        kept = reached >= 0
        return reached[kept], np.concatenate([[0], kept.sum(1).cumsum()]).astype(np.int64)

    def scattered(self, numbers: Numbers, rng: np.random.Generator) -> Codes:
        """``uint8[n, d]``: of the codes that are each network one, all equally likely."""
        parts = []
        for size, digit in zip(self.sizes, self._digits(numbers), strict=True):
            cells = _group(size).codes[digit]
            taken = np.arange(size) < (cells != IDENTITY).sum(1, keepdims=True)
            places = np.argsort(np.argsort(rng.random(cells.shape), axis=1), axis=1)
            # The k cells stand at k places drawn without replacement, in their order.
            order = np.sort(np.where(taken, places, size), axis=1)
            part = np.zeros((len(cells), size + 1), np.uint8)
            np.put_along_axis(part, order, np.where(taken, cells, IDENTITY), axis=1)
            parts.append(part[:, :size])
        return np.concatenate(parts, axis=1)

    @cached_property
    def _packing(self) -> tuple[Numbers, list[Numbers]]:
        """What makes one number of each group's cells, ``int64[d, groups]``, and what that adds to a network's."""
        weights = np.zeros((sum(self.sizes), len(self.sizes)), np.int64)
        at = 0
        for group, size in enumerate(self.sizes):
            weights[at : at + size, group] = OPERATIONS ** np.arange(size)[::-1]
            at += size
        places = zip(self.sizes, self._places, strict=True)
        return weights, [_group(size).of_code * np.int64(place) for size, place in places]

    @cached_property
    def _places(self) -> list[int]:
        sequences = [2 ** (size + 1) - 1 for size in self.sizes]
        return [prod(sequences[at + 1 :]) for at in range(len(sequences))]

    def _digits(self, numbers: Numbers) -> list[Numbers]:
        return [numbers // place % (2 ** (size + 1) - 1) for size, place in zip(self.sizes, self._places, strict=True)]
