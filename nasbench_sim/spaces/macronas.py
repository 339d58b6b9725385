"""MacroNAS: networks of 14 cells, each the identity or one of two inverted residual blocks.

Den Ottelander, Dushatskiy, Virgolin and Bosman 2021, "Local Search is a Remarkably Strong Baseline for Neural
Architecture Search", EMO (arXiv:2004.08996), section 4; the benchmark is github.com/ArkadiyD/MacroNASBenchmark.

A code is ``uint8[14]``: ``code[i]`` is the operation of cell i, as a position in ``OPERATIONS``; the benchmark's
files write 0 as ``I``.  A block that halves the resolution and doubles the channels stands before cells 4, 8 and
12, so that an identity can move within cells 0-3, 4-7, 8-11 and 12-13 without changing the network: the
3^14 = 4,782,969 codes are 208,537 networks.

The network: 3 x 3 convolution to 32 channels, the cells, 1 x 1 convolution to 1,280 channels, global mean, linear
layer, for images of 32 x 32 pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.mobile_blocks import (
    FREE,
    MACS,
    NORMALISED,
    PARAMETERS,
    Cost,
    convolution,
    inverted_residual,
    linear,
)
from nasbench_sim.spaces.moved_identities import MovedIdentities
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods
from nasbench_sim.spaces.variables import Variable, checked_entries, flattened, shaped

OPERATIONS = ("identity", "mbconv_e3_k3", "mbconv_e6_k5")
BLOCKS = ((3, 3), (6, 5))
"""Expansion and kernel size of the operations behind the identity."""
CELLS, REDUCTIONS = 14, (4, 8, 12)
CLASSES = {"cifar10": 10, "cifar100": 100}
NETWORKS = MovedIdentities((4, 4, 4, 2))

_LIMITS = np.full(CELLS, len(OPERATIONS), np.int64)
# Of the neighbours of a code: the cell that changes, and which of its other operations it takes.
_CELL, _OTHER = (part.ravel() for part in np.indices((CELLS, len(OPERATIONS) - 1), np.uint8))
_SIDE, _STEM, _HEAD = 32, 32, 1280


@dataclass(frozen=True)
class MacroNAS:
    """The space.  Codes that are the same network share a key.

    Args:
        dataset: what ``parameters``, ``macs`` and ``flops`` refer to, a name of ``CLASSES``.
        genotypes: search as the papers do, over codes.  Samples are then uniform over codes, which favours
            networks that many codes stand for, and the neighbours of a code are the 28 codes that differ in one
            cell, some of them the same network.  False: samples are uniform over networks, and neighbours are the
            networks one step away from any code of the network, each once.  Keys are the same either way.

    Raises:
        UserError: unknown data set.
    """

    dataset: str = "cifar10"
    genotypes: bool = False

    def __post_init__(self) -> None:
        if self.dataset not in CLASSES:
            raise UserError(f"macronas has no data set {self.dataset!r}: choose one of {', '.join(CLASSES)}")

    @property
    def name(self) -> str:
        return "macronas"

    @property
    def dimension(self) -> int:
        return CELLS

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The operations ``cell_0`` to ``cell_13``."""
        return tuple(Variable(f"cell_{cell}", OPERATIONS) for cell in range(CELLS))

    @property
    def size(self) -> int:
        """208,537 networks."""
        return NETWORKS.size

    def enumerate(self) -> Codes:
        """Each network once, ``uint8[208537, 14]``, identities last within their stage, in the order of the keys."""
        return NETWORKS.codes(np.arange(self.size))

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: every entry is one of the three operations."""
        codes = shaped(codes, self.name, CELLS)
        return np.asarray(((codes >= 0) & (codes < len(OPERATIONS))).all(1))

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """Distinct networks, ``uint8[n, 14]``; equally likely, or as often as codes stand for them (``genotypes``).

        Raises:
            ValueError: n exceeds the size of the space.
        """
        if n > self.size:
            raise ValueError(f"{n} distinct networks asked of a space of {self.size}")
        if not self.genotypes:
            return NETWORKS.codes(rng.choice(self.size, n, replace=False))
        if n > self.size // 100:
            # Drawing by weight without replacement is taking the first n to arrive at these rates.
            arrival = rng.exponential(size=self.size) / _genotypes()
            return NETWORKS.scattered(np.argsort(arrival, kind="stable")[:n], rng)
        drawn = np.empty((0, CELLS), np.uint8)
        while len(drawn) < n:
            drawn = np.concatenate([drawn, rng.integers(0, len(OPERATIONS), (2 * n, CELLS), np.uint8)])
            first = np.unique(NETWORKS.numbers(drawn), return_index=True)[1]
            drawn = drawn[np.sort(first)]
        return drawn[:n]

    def neighbours(self, code: Codes) -> Codes:
        """``uint8[m, 14]``: the neighbours of one network, see ``neighbourhoods``."""
        return self.neighbourhoods(np.asarray(code)[None])[0]

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """One cell replaced, removed or inserted within its stage, by stage; identities last within their stage.

        With ``genotypes`` the 28 codes that differ in one cell, by cell, then by operation.

        Returns:
            Codes ``uint8[m, 14]``, offsets and keys.
        """
        codes = checked_entries(codes, self.name, _LIMITS)
        if not self.genotypes:
            reached, offsets = NETWORKS.steps(NETWORKS.numbers(codes))
            return Neighbourhoods(NETWORKS.codes(reached), offsets, _keys(reached))
        found = np.repeat(codes[:, None], len(_CELL), axis=1)
        found[:, np.arange(len(_CELL)), _CELL] = _OTHER + (codes[:, _CELL] <= _OTHER)
        found = found.reshape(-1, CELLS)
        offsets = np.arange(len(codes) + 1, dtype=np.int64) * len(_CELL)
        return Neighbourhoods(found, offsets, _keys(NETWORKS.numbers(found)))

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``: the number of the network, 0 to 208,536, and 0."""
        return _keys(NETWORKS.numbers(checked_entries(codes, self.name, _LIMITS)))

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, 37]``, of the code with identities last within their stage.

        Both blocks of each cell, one-hot (28); per stage the number of either block (8); blocks in all (1).
        """
        codes = NETWORKS.codes(NETWORKS.numbers(checked_entries(codes, self.name, _LIMITS)))
        blocks = codes[:, :, None] == np.arange(1, len(OPERATIONS))
        counts = np.add.reduceat(blocks, (0, *REDUCTIONS), axis=1, dtype=np.int64)
        return np.concatenate([flattened(blocks), flattened(counts), counts.sum((1, 2))[:, None]], axis=1).astype(
            np.float32
        )

    def graph(self, code: Codes) -> Graph:
        """The network as a chain of its blocks, ``reduction`` between the stages, without identities."""
        (code,) = checked_entries(np.asarray(code)[None], self.name, _LIMITS)
        names = ["input"]
        for cell, operation in enumerate(code.tolist()):
            names += ["reduction"] * (cell in REDUCTIONS) + [OPERATIONS[operation]] * (operation > 0)
        names.append("output")
        return Graph(np.eye(len(names), k=1, dtype=bool), tuple(names))

    def parameters(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: trainable parameters."""
        return np.asarray(self._costs(codes)[:, PARAMETERS])

    def macs(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: multiply-accumulates of the convolutions and of the linear layer, for one image."""
        return np.asarray(self._costs(codes)[:, MACS])

    def flops(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: operations for one image as the benchmark counts its "MMACs" (with the library thop).

        Batch normalisation counts twice per value beside the multiply-accumulates, the linear layer twice per
        weight, the global mean once per value read and once per value written.
        """
        costs = self._costs(codes)
        last = (_SIDE >> len(REDUCTIONS)) ** 2
        return np.asarray(
            costs[:, MACS] + 2 * costs[:, NORMALISED] + (last + 1) * _HEAD + _HEAD * CLASSES[self.dataset]
        )

    def mmacs(self, codes: Codes) -> npt.NDArray[np.float64]:
        """``float64[n]``: ``flops`` in millions, to two decimals, as the benchmark's files give them."""
        return np.asarray(np.round(self.flops(codes) / 1e6, 2))

    def normalised_mmacs(self, codes: Codes) -> npt.NDArray[np.float64]:
        """``float64[n]``: ``mmacs``, 0 for all identities and 1 for the largest network: the second objective.

        The benchmark's front files hold one minus this, in single precision.
        """
        least, most = self.mmacs(np.repeat([[0], [2]], CELLS, axis=1))
        return np.asarray((self.mmacs(codes) - least) / (most - least))

    def _costs(self, codes: Codes) -> npt.NDArray[np.int64]:
        fixed, cells = _costs(CLASSES[self.dataset])
        return np.asarray(fixed + cells[np.arange(CELLS), checked_entries(codes, self.name, _LIMITS)].sum(1))


def to_string(code: Codes) -> str:
    """The 14 characters ``I``, ``1`` and ``2`` under which the benchmark's files list ``code[14]``."""
    return to_strings(np.asarray(code)[None])[0]


def to_strings(codes: Codes) -> list[str]:
    """The strings of ``codes[n, 14]``.

    Raises:
        ValueError: codes of another shape, or with entries that are no operation.
    """
    return ["".join(row) for row in np.array(["I", "1", "2"])[checked_entries(codes, "macronas", _LIMITS)].tolist()]


def from_string(text: str) -> Codes:
    """``uint8[14]`` of one string of ``I`` (or ``0``), ``1`` and ``2``; shorter ones end in identities.

    Raises:
        UserError: more than 14 characters, or others.
    """
    code: Codes = from_strings([text])[0]
    return code


def from_strings(texts: Iterable[str]) -> Codes:
    """``uint8[n, 14]`` of n strings, see ``from_string``.

    Raises:
        UserError: as ``from_string``, for the first string that is wrong.
    """
    texts = list(texts)
    for text in texts:
        if len(text) > CELLS or not set(text) <= set("I012"):
            raise UserError(f"{text!r} is no network of macronas: write at most {CELLS} characters I, 1 or 2")
    joined = "".join(text.replace("I", "0").ljust(CELLS, "0") for text in texts)
    return (np.frombuffer(joined.encode("ascii"), np.uint8) - ord("0")).reshape(-1, CELLS)


def _keys(numbers: npt.NDArray[np.int64]) -> Keys:
    keys = np.zeros((len(numbers), 2), np.uint64)
    keys[:, 0] = numbers
    return keys


@cache
def _genotypes() -> npt.NDArray[np.int64]:
    counts = NETWORKS.genotypes()
    counts.setflags(write=False)
    return counts


@cache
def _costs(classes: int) -> tuple[Cost, npt.NDArray[np.int64]]:
    """What every network costs, ``int64[3]``, and what each operation adds in each cell, ``int64[14, 3, 3]``."""
    channels, side = _STEM, _SIDE
    fixed, cells = convolution(3, channels, 3, side), []
    for cell in range(CELLS):
        if cell in REDUCTIONS:
            fixed = fixed + inverted_residual(channels, 3 * channels, 2 * channels, 3, side, stride=2)
            channels, side = 2 * channels, side // 2
        small, large = (inverted_residual(channels, e * channels, channels, k, side) for e, k in BLOCKS)
        cells.append([FREE, small, large])
    return fixed + convolution(channels, _HEAD, 1, side) + linear(_HEAD, classes), np.array(cells)
