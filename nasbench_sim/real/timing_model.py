"""Seconds of a whole space from those of a sample: work adds up, so a linear model with non-negative prices does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.randomness import stream
from nasbench_sim.real.canonical import canonical
from nasbench_sim.spaces import macronas, nasbench_macro
from nasbench_sim.spaces.nasbench101_network import Layer, layers
from nasbench_sim.spaces.nasbench201 import LIVE, OPERATIONS, NASBench201
from nasbench_sim.spaces.space import Codes, Space

FOLDS = 5


@dataclass(frozen=True)
class Fit:
    """A model of seconds.

    Attributes:
        prices: ``float64[k]``, seconds per unit of each kind of work.
        error: median over the sample of the relative error, each cell predicted by a model that never saw it.
        worst: its 95% quantile.
    """

    prices: Floats
    error: float
    worst: float

    def __call__(self, work: Floats) -> Floats:
        """Seconds, ``float64[n]``, of work ``float64[n, k]``."""
        return np.asarray(work @ self.prices)


def fit(work: Floats, seconds: Floats, seed: int = 0) -> Fit:
    """Prices that fit measured seconds in relative terms, and how far they are off for cells that were held out.

    Args:
        work: ``float64[n, k]``, see ``work``.
        seconds: ``float64[n]``, positive.
        seed: of the folds.
    """
    fold = stream(seed, "folds").permutation(len(work)) % FOLDS
    held_out = np.empty(len(work))
    for number in range(FOLDS):
        there = fold != number
        held_out[~there] = work[~there] @ _prices(work[there], seconds[there])
    off = np.abs(held_out / seconds - 1)
    return Fit(_prices(work, seconds), float(np.median(off)), float(np.quantile(off, 0.95)))


def _prices(work: Floats, seconds: Floats) -> Floats:
    scale = np.maximum(work.max(axis=0), 1e-300)
    return np.asarray(nnls(work / scale / seconds[:, None], np.ones(len(seconds)))[0] / scale)


def work(space: Space, codes: Codes, width: int) -> Floats:
    """What a network does in one pass, ``float64[n, k]``, one column per kind of work, the first for what all do.

    Raises:
        UserError: a space that cannot be listed, so that no table can hold all of it.
    """
    always = np.ones((len(codes), 1))
    if space.name == "nasbench101":
        return np.concatenate([always, _nasbench101(codes, width)], axis=1)
    if space.name == "nasbench201":
        return np.concatenate([always, _counts(codes, len(OPERATIONS)), _on_paths(codes)], axis=1)
    if space.name == "macronas":
        stages = np.split(canonical(space, codes), macronas.REDUCTIONS, axis=1)
        return np.concatenate([always, *(_counts(stage, 3) for stage in stages)], axis=1)
    if space.name == "nasbench_macro":
        cells = range(nasbench_macro.CELLS)
        return np.concatenate([always, *(_counts(codes[:, [cell]], 3, 0) for cell in cells)], axis=1)
    raise UserError(
        f"{space.name} cannot be listed, so no timing table holds all of it: "
        "measure nasbench101, nasbench201, macronas or nasbench_macro"
    )


def _counts(codes: Codes, operations: int, first: int = 1) -> Floats:
    """How often each operation occurs, from the ``first`` on, ``float64[n, operations - first]``."""
    return np.asarray((codes[:, :, None] == np.arange(first, operations)).sum(axis=1), np.float64)


def _on_paths(codes: Codes) -> Floats:
    """How often each operation occurs on a path from input to output, and whether there is one, ``float64[n, 5]``.

    Gradients go along these, and without any of them to nothing that lies before the cell: backward passes of such
    cells cost next to nothing.
    """
    live = NASBench201().features(codes)[:, LIVE]
    return np.concatenate([live[:, :-1], live[:, -1:] > 0], axis=1).astype(np.float64)


def _nasbench101(codes: Codes, width: int) -> Floats:
    """Per kind of layer and stack: kernels, multiply-adds, values moved."""
    kinds: dict[tuple[str, int], npt.NDArray[np.float64]] = {}
    for layer in layers(codes, width):
        repeats = layer.copies * layer.present
        kind = (f"{layer.kind} {_window(layer)}", layer.positions)
        columns = np.stack([repeats, repeats * layer.macs, repeats * layer.values], axis=1).astype(np.float64)
        kinds[kind] = kinds.get(kind, np.zeros_like(columns)) + columns
    found = np.concatenate(list(kinds.values()), axis=1)
    return found[:, found.any(axis=0)]


def _window(layer: Layer) -> int:
    """Weights of a convolution per pair of channels, 1 or 9; 0 of other layers.  They compute at different speeds."""
    if layer.kind != "convolution":
        return 0
    pairs = (layer.values // layer.positions - layer.filters) * layer.filters
    weights = layer.parameters - 2 * layer.filters
    return int((weights[pairs > 0] // pairs[pairs > 0]).max(initial=0))
