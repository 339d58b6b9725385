"""Boosted trees of several members in flat arrays, asked for a few rows: all trees go down one level at a time.

A library's own call on one row costs more than the walk, since it prepares itself for blocks of rows.  So that the
library on many rows and these arrays on few give the same figures to the last bit, leaves are rounded to whole
multiples of a member's unit, a power of two: sums of them are exact in float32, in whatever order they are taken.
A logarithm so predicted is within about 4e-6 of what the library gives for the leaves as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MANTISSA = 24  # bits of float32: whole numbers up to 2^24 are exact


@dataclass(frozen=True)
class Tree:
    """N nodes, the root first.

    Attributes:
        feature: ``int64[N]``, which feature a node tests.
        threshold: ``float32[N]``; less goes to the left.
        left, right: ``int64[N]``, children; -1 where a node is a leaf.
        value: ``float32[N]``, of leaves.
    """

    feature: Integers
    threshold: npt.NDArray[np.float32]
    left: Integers
    right: Integers
    value: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        count, inner = len(self.left), self.left >= 0
        children = np.concatenate([self.left[inner], self.right[inner]])
        # All nodes but the root have one parent that stands before them, as both libraries number them.
        once = np.array_equal(np.sort(children), np.arange(1, count))
        if not count or not once or (np.tile(np.flatnonzero(inner), 2) >= children).any():
            raise ValueError("the nodes make no tree")


def unit(trees: Sequence[Tree]) -> float:
    """The power of two of which a member's leaves are to be multiples, so that no sum of them exceeds float32."""
    most = sum(float(np.abs(tree.value[tree.left < 0]).max()) for tree in trees)
    return float(2.0 ** (np.ceil(np.log2(max(most, 1e-30) * (1 + 2**-8))) - MANTISSA))


def rounded(trees: Sequence[Tree]) -> list[npt.NDArray[np.float32]]:
    """Values of the nodes of one member's trees, in units; zero where a node is no leaf."""
    step = unit(trees)
    return [np.where(tree.left < 0, np.rint(tree.value / step) * step, 0).astype(np.float32) for tree in trees]


class FlatTrees:
    """Members' trees, ready to be asked.

    Args:
        members: trees of each.
        features: how many there are.

    Raises:
        ValueError: no tree, or a test on a feature that is not there.
    """

    def __init__(self, members: Sequence[Sequence[Tree]], features: int) -> None:
        trees = [tree for member in members for tree in member]
        sizes = np.array([len(tree.left) for tree in trees])
        starts = np.cumsum(sizes) - sizes
        inner = np.concatenate([tree.left for tree in trees]) >= 0
        shift = np.repeat(starts, sizes)
        own = np.arange(len(inner))
        left, right = (
            np.where(inner, shift + np.concatenate([getattr(tree, side) for tree in trees]), own)
            for side in ("left", "right")
        )
        self._child = np.stack([left, right], axis=1).ravel()  # a leaf is its own left child
        self._feature = np.where(inner, np.concatenate([tree.feature for tree in trees]), 0)
        if self._feature.min() < 0 or self._feature.max() >= features:
            raise ValueError("a tree tests a feature that is not there")
        self._threshold = np.where(inner, np.concatenate([tree.threshold for tree in trees]), np.float32(np.inf))
        self._value = np.concatenate([value for member in members for value in rounded(member)]).astype(np.float64)
        depths = _depths(starts, self._child, np.repeat(np.arange(len(trees)), sizes))
        order = np.argsort(-depths, kind="stable")  # deep ones first, so that those still under way lie together
        self._roots = starts[order]
        self._under_way = [int((depths > level).sum()) for level in range(int(depths.max()))]
        member_of = np.repeat(np.arange(len(members)), [len(member) for member in members])[order]
        self._by_member = np.argsort(member_of, kind="stable")
        self._firsts = np.searchsorted(member_of[self._by_member], np.arange(len(members)))

    def sums(self, features: npt.NDArray[np.float32]) -> Floats:
        """Sums of each member's leaves, ``float64[m, n]``, of finite features ``[n, k]``."""
        values = np.ravel(features)
        rows = np.arange(len(features))[:, None] * features.shape[1]
        at = np.repeat(self._roots[None], len(features), axis=0)
        for count in self._under_way:
            here = at[:, :count]
            right = values.take(self._feature.take(here) + rows) >= self._threshold.take(here)
            at[:, :count] = self._child.take(2 * here + right)
        leaves = self._value.take(at).take(self._by_member, axis=1)
        return np.add.reduceat(leaves, self._firsts, axis=1).T.copy()


def _depths(roots: Integers, child: Integers, tree_of: Integers) -> Integers:
    """Levels of tests of each tree."""
    depths = np.zeros(len(roots), np.int64)
    nodes = roots
    while len(nodes := nodes[child[2 * nodes] != nodes]):
        depths[np.unique(tree_of[nodes])] += 1
        nodes = np.concatenate([child[2 * nodes], child[2 * nodes + 1]])
    return depths
