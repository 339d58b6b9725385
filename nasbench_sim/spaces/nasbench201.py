"""NAS-Bench-201: 15,625 cells of four nodes, one of five operations on each of the six edges.

Dong and Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR.
The same cells are the topology search space of NATS-Bench (Dong et al. 2021).

A code is ``uint8[6]``: ``code[e]`` is the operation, as a position in ``OPERATIONS``, of edge ``EDGES[e]``.
Node 0 is the cell's input, node 3 its output, and a node is the sum of the edges that enter it.  Every code
is a cell of the benchmark, also those whose output no path reaches.

The network (paper, section 2.1): a 3x3 convolution to 16 channels, three stages of five cells with 16, 32 and
64 channels, a residual block that halves the resolution before the second and the third, global average
pooling and a linear layer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods
from nasbench_sim.spaces.variables import Variable

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV1, CONV3, POOL = range(5)
SIZE = len(OPERATIONS) ** len(EDGES)

EQUIVALENCES = ("code", "function", "published")
INPUTS = {"cifar10": (32, 10), "cifar100": (32, 100), "imagenet16_120": (16, 120)}
"""Per data set the side of its images in pixels and its number of classes."""

PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""The four ways from input to output, as positions in ``EDGES``."""

LIVE = slice(30, 35)
"""Of the features, those of live paths: how many edges on them carry each operation but ``none``, and how many paths.
"""

_PLACES = len(OPERATIONS) ** np.arange(len(EDGES))[::-1]
_FORM = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
_PATTERN = re.compile(re.escape(_FORM).replace("op", r"([^|~+]*)"))
_TEMPLATE = _FORM.replace("op", "{}")

_STEM, _CHANNELS, _CELLS_PER_STAGE = 16, (16, 32, 64), 5


@dataclass(frozen=True)
class NASBench201:
    """The space.

    Args:
        equivalence: which codes count as one configuration.  ``code``: none but equal ones, 15,625
            configurations.  It is the default because the benchmark trained every cell by itself, so that
            cells which compute the same still carry different measured figures, and a table must tell them
            apart.  ``function``: cells that compute the same function are one, 5,044, see
            ``function_classes``.  ``published``: the 6,466 that the paper counts, see ``published_classes``.
        dataset: what ``parameters`` and ``macs`` refer to, a name of ``INPUTS``.

    Raises:
        UserError: unknown equivalence or data set.
    """

    equivalence: str = "code"
    dataset: str = "cifar10"

    def __post_init__(self) -> None:
        for what, value, legal in (
            ("equivalence", self.equivalence, EQUIVALENCES),
            ("data set", self.dataset, tuple(INPUTS)),
        ):
            if value not in legal:
                raise UserError(f"nasbench201 has no {what} {value!r}: choose one of {', '.join(legal)}")

    @property
    def name(self) -> str:
        return "nasbench201"

    @property
    def dimension(self) -> int:
        return len(EDGES)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The operations of the edges, ``edge_x_y``."""
        return tuple(Variable(f"edge_{x}_{y}", OPERATIONS) for x, y in EDGES)

    @property
    def size(self) -> int:
        return SIZE if self.equivalence == "code" else len(np.unique(self._classes()))

    def enumerate(self) -> Codes:
        """Each configuration once, ``uint8[size, 6]``, in lexicographic order; of a class its first code."""
        return _all_codes().copy() if self.equivalence == "code" else _unrank(np.unique(self._classes()))

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: every entry is one of the five operations."""
        codes = _shaped(codes)
        return np.asarray(((codes >= 0) & (codes < len(OPERATIONS))).all(1))

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """Distinct configurations, ``uint8[n, 6]``, each equally likely.

        Raises:
            ValueError: n exceeds the size of the space.
        """
        size = self.size
        if n > size:
            raise ValueError(f"{n} distinct cells asked of a space of {size}")
        chosen = rng.choice(size, n, replace=False)
        return _unrank(chosen) if self.equivalence == "code" else self.enumerate()[chosen]

    def neighbours(self, code: Codes) -> Codes:
        """``uint8[m, 6]``: the neighbours of one cell, see ``neighbourhoods``."""
        return self.neighbourhoods(np.asarray(code)[None])[0]

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """One operation of one edge changed, by edge, then by operation: 24 neighbours.

        Under an equivalence other than ``code`` there may be fewer: what is equivalent to the cell itself is
        left out, and of neighbours that are equivalent to each other the first is listed.

        Returns:
            Codes ``uint8[m, 6]``, offsets and keys.
        """
        codes = _checked(codes)
        choices = np.arange(len(OPERATIONS) - 1, dtype=np.uint8)
        steps = len(EDGES) * len(choices)
        reached = np.repeat(codes[:, None], steps, axis=1)
        for edge in range(len(EDGES)):
            own = codes[:, edge, None]
            reached[:, edge * len(choices) : (edge + 1) * len(choices), edge] = choices + (choices >= own)
        if self.equivalence == "code":
            found = reached.reshape(-1, len(EDGES))
            return Neighbourhoods(found, np.arange(len(codes) + 1, dtype=np.int64) * steps, self.key(found))
        keys = self.key(reached.reshape(-1, len(EDGES)))[:, 0].reshape(len(codes), steps)
        earlier = np.tri(steps, k=-1, dtype=bool)
        kept = (keys != self.key(codes)[:, :1]) & ~((keys[:, :, None] == keys[:, None]) & earlier).any(2)
        offsets = np.concatenate([[0], kept.sum(1).cumsum()]).astype(np.int64)
        return Neighbourhoods(reached[kept], offsets, self.key(reached[kept]))

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``: the lexicographic rank of the first equivalent code, and 0."""
        ranks = _rank(_checked(codes))
        keys = np.zeros((len(ranks), 2), np.uint64)
        keys[:, 0] = ranks if self.equivalence == "code" else self._classes()[ranks]
        return keys

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, 37]``, of the first equivalent code.

        The operation of each edge, one-hot (30); how many edges on live paths, which are those without
        ``none``, carry each of the other operations (4); live paths (1); fewest and most convolutions on a
        live path (2, zero where there is none).
        """
        codes = _checked(codes)
        if self.equivalence != "code":
            codes = _unrank(self._classes()[_rank(codes)])
        convolution = (codes == CONV1) | (codes == CONV3)
        live = np.stack([(codes[:, path] != NONE).all(1) for path in PATHS], axis=1)
        depth = np.stack([convolution[:, path].sum(1) for path in PATHS], axis=1)
        on_live_path = np.stack(
            [live[:, [edge in path for path in PATHS]].any(1) for edge in range(len(EDGES))], axis=1
        )
        one_hot = codes[:, :, None] == np.arange(len(OPERATIONS))
        shallowest = np.where(live, depth, len(EDGES)).min(1) * live.any(1)
        return np.concatenate(
            [
                one_hot.reshape(len(codes), len(EDGES) * len(OPERATIONS)),
                (one_hot[:, :, SKIP:] & on_live_path[:, :, None]).sum(1),
                live.sum(1, keepdims=True),
                shallowest[:, None],
                np.where(live, depth, 0).max(1)[:, None],
            ],
            axis=1,
        ).astype(np.float32)

    def graph(self, code: Codes) -> Graph:
        """The cell with its operations as nodes: input, the six edges in their order, output.

        The nodes' connections are those of all cells; an edge without operation is a node ``none``.
        """
        (code,) = _checked(np.asarray(code)[None])
        ends = ((-1, 0), *EDGES, (3, 4))  # node: where it starts and ends in the cell
        adjacency = np.array([[x[1] == y[0] for y in ends] for x in ends])
        return Graph(adjacency, ("input", *(OPERATIONS[operation] for operation in code), "output"))

    def parameters(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: trainable parameters of the network, edges that lead nowhere included.

        Equal to the benchmark's own figures on every cell and data set.
        """
        per_edge = np.zeros(len(OPERATIONS), np.int64)
        for channels in _CHANNELS:
            for operation, kernel in ((CONV1, 1), (CONV3, 9)):
                # 2 * channels: scale and shift of the batch normalisation
                per_edge[operation] += _CELLS_PER_STAGE * (kernel * channels**2 + 2 * channels)
        classes, last = INPUTS[self.dataset][1], _CHANNELS[-1]
        fixed = 3 * 9 * _STEM + 2 * _STEM + 2 * last + (last + 1) * classes
        for before, after in pairwise(_CHANNELS):
            fixed += 9 * before * after + 9 * after**2 + 2 * 2 * after + before * after
        return np.asarray(fixed + per_edge[_checked(codes)].sum(1))

    def macs(self, codes: Codes) -> npt.NDArray[np.int64]:
        """``int64[n]``: what the benchmark reports as FLOPs, for one image.

        One per multiply-accumulate of the convolutions and of the linear layer, and one per class for the
        latter's bias.  Pooling, batch normalisation, ReLU and sums are not counted; edges that lead nowhere
        are.
        """
        side, classes = INPUTS[self.dataset]
        per_edge = np.zeros(len(OPERATIONS), np.int64)
        for stage, channels in enumerate(_CHANNELS):
            for operation, kernel in ((CONV1, 1), (CONV3, 9)):
                per_edge[operation] += _CELLS_PER_STAGE * kernel * channels**2 * (side >> stage) ** 2
        fixed = 3 * 9 * _STEM * side**2 + (_CHANNELS[-1] + 1) * classes
        for stage, (before, after) in enumerate(pairwise(_CHANNELS), start=1):
            fixed += (9 * before * after + 9 * after**2 + before * after) * (side >> stage) ** 2
        return np.asarray(fixed + per_edge[_checked(codes)].sum(1))

    def _classes(self) -> npt.NDArray[np.int64]:
        """``int64[15625]``: by the rank of a code that of the first equivalent code."""
        return function_classes() if self.equivalence == "function" else published_classes()


def to_string(code: Codes) -> str:
    """``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``, as the benchmark's files write ``code[6]``."""
    return to_strings(np.asarray(code)[None])[0]


def to_strings(codes: Codes) -> list[str]:
    """The architecture strings of ``codes[n, 6]``.

    Raises:
        ValueError: codes of another shape, or with entries that are no operation.
    """
    names = np.array(OPERATIONS, dtype=object)[_checked(codes)]
    return [_TEMPLATE.format(*row) for row in names.tolist()]


def from_string(text: str) -> Codes:
    """``uint8[6]`` of one architecture string.

    Raises:
        UserError: the string has another form, or names an operation that the space lacks.
    """
    code: Codes = from_strings([text])[0]
    return code


def from_strings(texts: Iterable[str]) -> Codes:
    """``uint8[n, 6]`` of n architecture strings.

    Raises:
        UserError: as ``from_string``, for the first string that is wrong.
    """
    position = {operation: at for at, operation in enumerate(OPERATIONS)}
    rows = []
    for text in texts:
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise UserError(f"{text!r} is no architecture of nasbench201: write it as {_FORM}")
        for operation in match.groups():
            if operation not in position:
                legal = ", ".join(OPERATIONS)
                raise UserError(f"nasbench201 has no operation {operation!r} (in {text!r}): use {legal}")
        rows.append([position[operation] for operation in match.groups()])
    return np.array(rows, np.uint8).reshape(-1, len(EDGES))


def to_index(codes: Codes) -> npt.NDArray[np.int64]:
    """``int64[n]``: the numbers, 0 to 15,624, under which the benchmark's files list the cells.

    Raises:
        ValueError: codes of another shape, or with entries that are no operation.
    """
    return _official_order()[1][_rank(_checked(codes))]


def from_index(indices: npt.ArrayLike) -> Codes:
    """``uint8[n, 6]``: the cells with these numbers in the benchmark's files.

    Raises:
        ValueError: an index that is negative or above 15,624.
    """
    indices = np.atleast_1d(np.asarray(indices, dtype=np.int64))
    if ((indices < 0) | (indices >= SIZE)).any():
        raise ValueError(f"the indices of nasbench201 run from 0 to {SIZE - 1}")
    return _unrank(_official_order()[0][indices])


@cache
def function_classes() -> npt.NDArray[np.int64]:
    """``int64[15625]``: by the rank of a code, the rank of the first code that computes the same function.

    Two cells are equal if their outputs are, once the weights of one are renamed: ``skip_connect`` is the
    identity, ``none`` is zero and so is every operation on zero (as the paper takes it: the shift that batch
    normalisation learns is left aside), sums have no order, and pooling, being linear, may come before or
    after a sum.  A convolution that is used twice differs from two, each with weights of its own.

    The cells are evaluated on one number modulo 2^64: skip multiplies by 1, pooling by a constant, and a
    convolution scrambles, but leaves zero alone.  Its constant depends on the colour of its edge; summed over
    all ways to give the edges two colours, the result does not depend on which edge holds which weights.
    """
    codes = _all_codes()
    colours = np.arange(1 << len(EDGES))[:, None] >> np.arange(len(EDGES)) & 1
    scales = np.array(  # of the two convolutions, by colour: any odd numbers
        [[0xD1342543DE82EF95, 0x5851F42D4C957F2D], [0xAF251AF3B0F025B5, 0x369DEA0F31A53F85]], np.uint64
    )
    shape = (len(colours), len(codes))
    nodes = [np.full(shape, 0x9E3779B97F4A7C15, np.uint64), *(np.zeros(shape, np.uint64) for _ in range(3))]
    for edge, (source, target) in enumerate(EDGES):
        value, colour = nodes[source], colours[:, edge, None]
        results = np.zeros((len(OPERATIONS), *shape), np.uint64)
        results[SKIP] = value
        results[CONV1] = _scramble(value * scales[0, colour])
        results[CONV3] = _scramble(value * scales[1, colour])
        results[POOL] = value * np.uint64(0x2545F4914F6CDD1D)
        nodes[target] += np.choose(codes[:, edge], results)
    return _first_of_equals(_scramble(nodes[3] + np.uint64(1)).sum(0))


@cache
def published_classes() -> npt.NDArray[np.int64]:
    """``int64[15625]``: by the rank of a code, the rank of the first code in its class of the paper's 6,466.

    For comparison with work that removes duplicates by that count.  The benchmark writes each node as the
    sorted sum of its edges, and cells are equal whose output is the same text.  Its classes are not those of
    ``function_classes``: an edge that carries nothing stays in the sum as a mark, a sum of nothing but marks
    is not nothing, and a sum that is skipped into another is not sorted into it, so that even the spelling
    decides (the letters here are the benchmark's); yet two convolutions with weights of their own count as
    one that is used twice.
    """
    texts = []
    for code in product(range(len(OPERATIONS)), repeat=len(EDGES)):
        nodes = ["0"]
        for node in (1, 2, 3):
            terms = []
            for (source, target), operation in zip(EDGES, code, strict=True):
                if target != node:
                    continue
                if operation == NONE or nodes[source] == "#":
                    terms.append("#")
                elif operation == SKIP:
                    terms.append(nodes[source])
                else:
                    terms.append(f"({nodes[source]})@{OPERATIONS[operation]}")
            nodes.append("+".join(sorted(terms)))
        texts.append(nodes[3])
    return _first_of_equals(np.array(texts))


@cache
def _official_order() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ranks by index and indices by rank, each ``int64[15625]``.

    The benchmark lists its cells in lexicographic order, shuffled by Python's generator with seed 88.
    """
    ranks = list(range(SIZE))
    random.Random(88).shuffle(ranks)  # noqa: S311 (it repeats a published shuffle, nothing is kept secret)
    order = np.array(ranks)
    indices = np.argsort(order)
    order.setflags(write=False)
    indices.setflags(write=False)
    return order, indices


def _shaped(codes: Codes) -> Codes:
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != len(EDGES) or codes.dtype.kind not in "iu":
        raise ValueError(f"codes of nasbench201 are integers [n, 6], not {codes.dtype} {list(codes.shape)}")
    return codes


def _checked(codes: Codes) -> Codes:
    codes = _shaped(codes)
    if codes.size and (codes.min() < 0 or codes.max() >= len(OPERATIONS)):
        raise ValueError("a code of nasbench201 has an entry that is no operation (0 to 4)")
    return codes.astype(np.uint8, copy=False)


def _rank(codes: Codes) -> npt.NDArray[np.int64]:
    """Positions in lexicographic order: the code read as a number to base 5."""
    return np.asarray(codes @ _PLACES)


def _unrank(ranks: npt.NDArray[np.int64]) -> Codes:
    return (ranks[:, None] // _PLACES % len(OPERATIONS)).astype(np.uint8)


@cache
def _all_codes() -> Codes:
    codes = _unrank(np.arange(SIZE))
    codes.setflags(write=False)
    return codes


def _first_of_equals(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """For each position the first one that holds the same value."""
    _, first, group = np.unique(values, return_index=True, return_inverse=True)
    classes: npt.NDArray[np.int64] = first[group]
    classes.setflags(write=False)
    return classes


def _scramble(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A bijection of uint64 that keeps 0 and no sums (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
