"""Boosted trees over small whole numbers, asked without walking them: every test of every tree at once.

Lucchese, Nardini, Orlando, Perego, Tonellotto and Venturini 2015, "QuickScorer: a Fast Algorithm to Rank Documents
with Additive Ensembles of Regression Trees", SIGIR.  A tree's leaves are numbered from left to right as bits of a
64-bit word.  A test that sends a row to the right rules out the leaves on its left; the leaf that a row ends in is
the lowest that no test rules out.  Features have few values, so what all tests on two of them rule out is looked up by
their values: a row costs one AND per pair of features over all trees together.

Leaves are whole multiples of ``UNIT``, so sums are exact: the same in any order, for any company of rows, anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UNIT = 2.0**-20
MOST_LEAVES = 64
VALUES = 16  # of a feature: 0 to 15
ROWS = 16  # at once: what they leave fits into a core's cache
EVERY = ~np.uint64(0)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trees:
    """t trees with N tests and L leaves together.

    Attributes:
        leaf_counts: ``uint8[t]``, leaves of each tree, which has one test less.
        features: ``uint8[N]``, the feature of each test, tree by tree, in any order within a tree.
        right: ``uint16[N]``, bit v is set where value v goes to the right.
        first: ``uint8[N]``, first leaf on the left.
        past: ``uint8[N]``, the leaf behind the last one on the left.
        leaves: ``int16[L]``, in units of ``UNIT``, tree by tree from left to right.
    """

    leaf_counts: npt.NDArray[np.uint8]
    features: npt.NDArray[np.uint8]
    right: npt.NDArray[np.uint16]
    first: npt.NDArray[np.uint8]
    past: npt.NDArray[np.uint8]
    leaves: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        counts = self.leaf_counts.astype(np.int64)
        tests = int((counts - 1).sum())
        shapes = {array.shape for array in (self.features, self.right, self.first, self.past)}
        if counts.ndim != 1 or (len(counts) and not 1 <= counts.min() <= counts.max() <= MOST_LEAVES):
            raise ValueError("a tree has 1 to 64 leaves")
        if shapes != {(tests,)} or self.leaves.shape != (int(counts.sum()),):
            raise ValueError("tests and leaves are not as many as the trees have")
        if tests and not ((self.first < self.past) & (self.past < np.repeat(counts, counts - 1))).all():
            raise ValueError("a test has no leaf on its left or none on its right")


def of_lightgbm(model: Mapping[str, Any]) -> Trees:
    """The trees of ``Booster.dump_model()``.

    Features are whole numbers from 0 to 15; leaves are rounded to ``UNIT``.

    Raises:
        ValueError: a tree with more than 64 leaves, or a leaf of 2^-5 or more.
    """
    counts: list[int] = []
    tests: list[tuple[int, int, int, int]] = []
    leaves: list[float] = []
    for tree in model["tree_info"]:
        start = len(leaves)
        _walk(tree["tree_structure"], tests, leaves, start)
        counts.append(len(leaves) - start)
    units = np.rint(np.array(leaves) / UNIT)
    if (len(counts) and max(counts) > MOST_LEAVES) or np.abs(units).max(initial=0) > np.iinfo(np.int16).max:
        raise ValueError("a tree has more than 64 leaves, or a leaf is too large")
    columns = np.array(tests, np.int64).reshape(-1, 4).T
    return Trees(
        np.array(counts, np.uint8),
        columns[0].astype(np.uint8),
        columns[1].astype(np.uint16),
        columns[2].astype(np.uint8),
        columns[3].astype(np.uint8),
        units.astype(np.int16),
    )


def _walk(node: Mapping[str, Any], tests: list[tuple[int, int, int, int]], leaves: list[float], start: int) -> None:
    """Append a sub-tree's leaves from left to right, and its tests."""
    if "split_feature" not in node:
        leaves.append(float(node["leaf_value"]))
        return
    first = len(leaves) - start
    _walk(node["left_child"], tests, leaves, start)
    past = len(leaves) - start
    if node["decision_type"] == "==":
        left = {int(value) for value in str(node["threshold"]).split("||")}
    else:
        left = {value for value in range(VALUES) if value <= float(node["threshold"])}
    right = sum(1 << value for value in range(VALUES) if value not in left)
    tests.append((int(node["split_feature"]), right, first, past))
    _walk(node["right_child"], tests, leaves, start)


class LeafMasks:
    """Trees ready to be asked.

    Args:
        trees: to ask.
        widths: per feature, how many values it has.

    Raises:
        ValueError: a test on a feature that is not there.
    """

    def __init__(self, trees: Trees, widths: Sequence[int]) -> None:
        counts = trees.leaf_counts.astype(np.int64)
        if len(trees.features) and trees.features.max() >= len(widths):
            raise ValueError("a tree tests a feature that is not there")
        widths = [*widths, 1] if len(widths) % 2 else list(widths)  # one more, always 0: they come in pairs
        each = _by_value(trees, widths)
        pairs = [one[:, None] & other for one, other in zip(each[::2], each[1::2], strict=True)]
        self._masks = np.concatenate([pair.reshape(-1, len(counts)) for pair in pairs])
        self._rows = np.cumsum([0, *(one * other for one, other in zip(widths[::2], widths[1::2], strict=True))])[:-1]
        self._steps = np.array(widths[1::2], np.int64)
        self._starts = np.cumsum(counts) - counts
        self._leaves = trees.leaves.astype(np.int64)

    def predict(self, features: npt.NDArray[np.integer[Any]]) -> Integers:
        """Sums of leaves in units of ``UNIT``, ``int64[n]``, of features ``[n, k]`` below their widths."""
        values = features.astype(np.int64)
        places = values[:, ::2] * self._steps + self._rows
        places[:, : values.shape[1] // 2] += values[:, 1::2]
        found = np.empty(len(values), np.int64)
        for start in range(0, len(values), ROWS):
            some = places[start : start + ROWS].T
            alive = self._masks[some[0]]
            for these in some[1:]:
                alive &= self._masks[these]
            lowest = np.bitwise_count((alive - np.uint64(1)) & ~alive)
            found[start : start + ROWS] = self._leaves[self._starts + lowest].sum(axis=1)
        return found


def _by_value(trees: Trees, widths: Sequence[int]) -> list[npt.NDArray[np.uint64]]:
    """Per feature ``uint64[width, t]``: the leaves of each tree that all tests on it leave, by its value."""
    counts = trees.leaf_counts.astype(np.int64)
    one = np.uint64(1)
    left = (one << trees.past.astype(np.uint64)) - (one << trees.first.astype(np.uint64))
    owner = np.repeat(np.arange(len(counts)), counts - 1)
    found = []
    for feature, width in enumerate(widths):
        here = np.flatnonzero(trees.features == feature)
        masks = np.full((width, len(counts)), EVERY)
        for value in range(width):
            out = here[(trees.right[here] >> value) & 1 == 1]
            np.bitwise_and.at(masks[value], owner[out], ~left[out])
        found.append(masks)
    return found
