"""Features of NAS-Bench-101 cells for learning their error and training time.

Every figure is a function of the cell as a labelled graph (operations counted over nodes, edges, walks and
paths; depths; widths; a mean-field sketch of the signal, see ``features_signal``), or of the canonical form that the
space gives it, so isomorphic cells have equal features.  Nodes are 0 (input), 1 to 5 (inner), 6 (output).

All of a kind are worked out together, ``[k, n]`` for n cells: a surrogate is asked for single cells too, and then
each call of numpy costs more than what it computes.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.nasbench101_cells import EDGES, NODES, OUTPUT, canonical
from nasbench_sim.spaces.space import Codes
from surrogates.features_signal import SIGNAL_NAMES, log_counts, signal
from surrogates.features_signal_single import log_counts_of_one, signal_of_one

Floats = npt.NDArray[np.float32]

INPUT_LABEL, OUTPUT_LABEL = 4, 5  # beside the space's own 1 = conv3x3, 2 = conv1x1, 3 = maxpool3x3
LABEL = {1: "conv3x3", 2: "conv1x1", 3: "maxpool", INPUT_LABEL: "input", OUTPUT_LABEL: "output"}
INNER_LABELS = (1, 2, 3)
INNER_NAMES = tuple(LABEL[kind] for kind in INNER_LABELS)
AHEAD, BEHIND = (INPUT_LABEL, *INNER_LABELS), (*INNER_LABELS, OUTPUT_LABEL)
LETTER = "ABC"  # conv3x3, conv1x1, maxpool in the names of path features
CHUNK = 1250  # rows per pass: they stay in the cache, and a power of two would lay all columns on the same lines
LEAST = 2  # rows of a pass: numpy adds up a single column in another order than several

# A path from input to output is a set of inner nodes.  First by number, bit i standing for node i + 1; then the order
# in which sums over paths run: by length, then by nodes.
_MASKS = np.arange(2 ** (NODES - 2))
_LAST = np.array([int(mask).bit_length() for mask in _MASKS])  # last inner node of each, 0 = input
_SETS = [nodes for length in range(NODES - 1) for nodes in combinations(range(1, OUTPUT), length)]
_ORDER = np.array([sum(1 << node - 1 for node in nodes) for nodes in _SETS])
_LENGTHS = np.array([len(nodes) for nodes in _SETS])
_MEMBER = np.array([[node in nodes for node in range(1, OUTPUT)] for nodes in _SETS], np.float32)  # [32, 5]
_OF_LENGTH = (np.arange(NODES - 1)[:, None] == _LENGTHS).astype(np.float32)  # [6, 32]
# A path's operations as a number to base 3, first node first; paths of one length begin at its offset.
_PLACES = np.array(
    [[3 ** (len(s) - 1 - s.index(n)) if n in s else 0 for n in range(1, OUTPUT)] for s in _SETS], np.float32
)
_OFFSETS = np.cumsum([0, *(3**length for length in range(NODES - 1))])
_MIXTURES = [m for m in product(range(NODES - 1), repeat=3) if sum(m) < NODES - 1]
_MIXTURE_PLACES = np.array([a * 36 + b * 6 + c for a, b, c in _MIXTURES])
_WAYS = ("backward", "forward")
_MEASURES = ("conv3x3", "conv1x1", "maxpool", "length", "convolutions", "window")
_STEPS = ("nodes", "conv3x3", "convolutions")


class Cells(NamedTuple):
    """n cells as graphs; nodes come first so that one node of all cells lies together in memory."""

    edge: Floats  # [7, 7, n], edge[x, y] from x to y
    label: npt.NDArray[np.uint8]  # [7, n], 0 = absent
    has: Floats  # [6, 7, n], by label; that of 0 stays empty


def nasbench101_features(codes: Codes) -> tuple[Floats, list[str]]:
    """Features ``float32[n, k]`` of codes ``uint8[n, 26]``, and their k names.

    Equal for isomorphic cells; unused nodes are pruned first.

    Raises:
        UserError: a code is no NAS-Bench-101 cell.
    """
    names = _names()
    forms = canonical(codes)
    found = np.empty((len(forms), len(names)), np.float32)
    for start in range(0, len(forms), CHUNK):
        block = forms[start : start + CHUNK]
        count = len(block)
        if count < LEAST:
            block = np.repeat(block, LEAST, axis=0)[:LEAST]
        found[start : start + count] = _columns(block, same=count == 1).T[:count]
    return found, list(names)


def _columns(codes: Codes, same: bool) -> Floats:
    """All features ``[k, n]`` of canonical codes ``[n, 26]``; ``same`` says that all rows are one cell."""
    cells = _cells(codes)
    if same:
        code = codes[0].tolist()
        sketch = np.repeat(np.array(signal_of_one(code), np.float32)[:, None], len(codes), axis=1)
        logs = np.repeat(log_counts_of_one(code)[:, None], len(codes), axis=1)
    else:
        sketch, logs = signal(cells.edge, cells.has), log_counts(codes)
    return np.concatenate(
        [
            _counts(cells, logs.astype(np.float32)),
            _degrees(cells),
            _walks(cells),
            _paths(cells),
            _depths(cells),
            sketch,
            codes.T.astype(np.float32),
        ]
    )


@cache
def _names() -> tuple[str, ...]:
    return (
        *_COUNT_NAMES, *_degree_names(), *_walk_names(), *_path_names(), *_depth_names(), *SIGNAL_NAMES,
        # The canonical form itself: what the figures before leave out, it holds.
        *(f"edge_{x}_{y}" for x, y in EDGES), *(f"operation_{node}" for node in range(1, OUTPUT)),
    )  # fmt: skip


def _cells(codes: Codes) -> Cells:
    edge = np.zeros((NODES, NODES, len(codes)), np.float32)
    sources, targets = np.array(EDGES).T
    edge[sources, targets] = codes[:, : len(EDGES)].T
    label = np.zeros((NODES, len(codes)), np.uint8)
    label[0], label[1:OUTPUT], label[OUTPUT] = INPUT_LABEL, codes[:, len(EDGES) :].T, OUTPUT_LABEL
    has = (label == np.arange(6)[:, None, None]).astype(np.float32)
    has[0] = 0
    return Cells(edge, label, has)


_COUNT_NAMES = (
    "inner_nodes", "edges", "independent_cycles", *(f"number_{name}" for name in INNER_NAMES), "number_convolutions",
    "share_conv3x3", "residual", "feeding_output", "input_out_degree", "weights_conv3x3", "weights_conv1x1",
    "weights_projection", "log_parameters", "log_macs",
)  # fmt: skip


def _counts(cells: Cells, logs: Floats) -> Floats:
    """Sizes, widths, and logarithms ``[2, n]`` of the network's parameters and multiply-adds."""
    convolved, pointwise, pooled = number = cells.has[1:4].sum(1)
    inner = convolved + pointwise + pooled
    edges = cells.edge.sum((0, 1))
    residual = cells.edge[0, OUTPUT]
    # Every inner node has 1 / feeding of the cell's filters (Ying et al. 2019, supplement S2), up to rounding.
    feeding = cells.edge[1:OUTPUT, OUTPUT].sum(0)
    width = 1 / np.maximum(feeding, 1)
    return np.stack(
        [
            inner,
            edges,
            edges - inner - 1,
            *number,
            convolved + pointwise,
            convolved / np.maximum(inner, 1),
            residual,
            feeding,
            cells.edge[0].sum(0),
            9 * convolved * width**2,
            pointwise * width**2,
            width * cells.edge[0, 1:OUTPUT].sum(0) + residual,
            *logs,
        ]
    )


def _degree_names() -> list[str]:
    names = []
    for way in ("in", "out"):
        names += [f"{way}_degree_{what}_{name}" for name in INNER_NAMES for what in ("sum", "max")]
        names += [*(f"{way}_degree_{place}" for place in range(3)), f"{way}_degree_over_1"]
    touching = ("between", "from_input_only", "to_output_only")
    return [*names, *(f"{name}_{what}" for name in INNER_NAMES for what in touching)]


def _degrees(cells: Cells) -> Floats:
    """Degrees of the inner nodes, by operation and in order; inner nodes by operation and by what they touch."""
    blocks = []
    degrees = cells.edge.sum(0), cells.edge.sum(1)
    for degree in degrees:
        of_kind = degree * cells.has[1:4]
        in_order = -np.sort(-degree[1:OUTPUT], axis=0)
        blocks += [
            np.stack([of_kind.sum(1), of_kind.max(1)], axis=1).reshape(6, -1),
            in_order[:3],
            (in_order > 1).sum(0, dtype=np.float32)[None],
        ]
    from_input, to_output = cells.edge[0], cells.edge[:, OUTPUT]
    touching = np.stack([from_input * to_output, from_input * (degrees[0] == 1), to_output * (degrees[1] == 1)])
    blocks.append((cells.has[1:4, None] * touching).sum(2).reshape(9, -1))
    return np.concatenate(blocks)


def _walk_names() -> list[str]:
    pairs = [f"edges_{LABEL[first]}_{LABEL[last]}" for first, last in product(AHEAD, BEHIND)]
    triples = product(AHEAD, INNER_LABELS, BEHIND)
    return [*pairs, *(f"walks_{LABEL[first]}_{LABEL[middle]}_{LABEL[last]}" for first, middle, last in triples)]


def _walks(cells: Cells) -> Floats:
    """Edges by the labels at their ends, pairs of edges by the labels at their three nodes."""
    n = cells.edge.shape[2]
    first, last = cells.has[list(AHEAD)], cells.has[list(BEHIND)]
    after = np.zeros((len(BEHIND), NODES, n), np.float32)
    before = np.zeros((len(AHEAD), NODES, n), np.float32)
    for node in range(NODES):
        after += cells.edge[:, node] * last[:, node, None]
        before += cells.edge[node] * first[:, node, None]
    pairs = (first[:, None] * after).sum(2)
    through = cells.has[1:4, None] * after  # [middle, last, node, n]
    triples = np.zeros((len(AHEAD), *through.shape[:2], n), np.float32)
    for node in range(1, OUTPUT):
        triples += before[:, None, None, node] * through[:, :, node]
    return np.concatenate([pairs.reshape(-1, n), triples.reshape(-1, n)])


def _path_names() -> list[str]:
    names = ["paths", "log_paths", *(f"paths_of_{length}" for length in range(NODES - 1))]
    names += [f"path_{what}_{measure}" for measure in _MEASURES for what in ("max", "min", "mean", "sd", "sum")]
    names += [f"paths_{a}A{b}B{c}C" for a, b, c in _MIXTURES]
    words = (product(LETTER, repeat=length) for length in range(NODES - 1))
    names += [f"paths_{''.join(letters) or 'direct'}" for of_length in words for letters in of_length]
    for way in _WAYS:
        for name in INNER_NAMES:
            shares = [f"{way}_share_{count}_{name}" for count in range(3)]
            names += [f"{way}_mean_{name}", f"{way}_variance_{name}", *shares, f"{way}_flow_max_{name}"]
    what = ("through_sum", "through_max", "on_all_paths")
    return [*names, *(f"{one}_{name}" for name in INNER_NAMES for one in what)]


def _paths(cells: Cells) -> Floats:
    """Paths from input to output: their operations in order, their lengths, what lies on all of them.

    Backward weights share out each node equally over its inputs, forward weights over its outputs; either sums to
    one over a cell's paths.
    """
    n = cells.edge.shape[2]
    exists, weights = _weights(cells)
    inner = cells.has[1:4, 1:OUTPUT]
    number = np.matmul(_MEMBER, inner)  # [3, 32, n]
    total = exists.sum(0)
    blocks = [total[None], np.log(total)[None], _OF_LENGTH @ exists]
    length = np.broadcast_to(_LENGTHS[:, None].astype(np.float32), exists.shape)
    blocks.append(_extremes(np.stack([*number, length, number[0] + number[1], number[0] + number[2]]), exists, total))

    there = exists > 0
    rows = np.broadcast_to(np.arange(n), there.shape)[there]
    mixture = (number[0] * 36 + number[1] * 6 + number[2])[there].astype(np.int64)
    counted = np.bincount(rows + n * mixture, minlength=216 * n).reshape(216, n)
    blocks.append(counted[_MIXTURE_PLACES].astype(np.float32))
    digits = _PLACES @ (cells.label[1:OUTPUT].astype(np.float32) - 1) + _OFFSETS[_LENGTHS][:, None]
    words = digits[there].astype(np.int64)
    blocks.append(np.bincount(rows + n * words, minlength=_OFFSETS[-1] * n).reshape(-1, n).astype(np.float32))

    counts = np.arange(NODES - 1, dtype=np.float32)[:, None]
    with_count = number[:, None] == counts[:, None]  # [3, 6, 32, n]
    for weight in weights:
        shared = np.add.reduce(with_count * weight, axis=2)
        mean = (shared * counts).sum(1)
        variance = (shared * counts**2).sum(1) - mean**2
        flow = np.add.reduce(_MEMBER.T[:, :, None] * weight, axis=1)  # [5, n]
        most = (flow * inner).max(1)
        blocks.append(np.stack([mean, variance, *shared[:, :3].swapaxes(0, 1), most], axis=1).reshape(-1, n))
    share = inner * (_MEMBER.T @ exists) / total
    on_all = (share == 1).sum(1, dtype=np.float32)
    blocks.append(np.stack([share.sum(1), share.max(1), on_all], axis=1).reshape(-1, n))
    return np.concatenate(blocks)


def _weights(cells: Cells) -> tuple[Floats, tuple[Floats, Floats]]:
    """Which of the 32 paths exist, ``[32, n]`` of 0 and 1, and their backward and forward weights."""
    n = cells.edge.shape[2]
    prefix, backward, forward = np.ones((3, len(_MASKS), n), np.float32)
    entering = 1 / np.maximum(cells.edge.sum(0), 1)
    leaving = 1 / np.maximum(cells.edge.sum(1), 1)
    forward[0] = leaving[0]
    for node in range(1, OUTPUT):
        half = 1 << node - 1  # the paths that end in this node are those of earlier ones, and it
        prefix[half : 2 * half] = prefix[:half] * cells.edge[_LAST[:half], node]
        backward[half : 2 * half] = backward[:half] * entering[node]
        forward[half : 2 * half] = forward[:half] * leaving[node]
    exists = (prefix * cells.edge[_LAST, OUTPUT])[_ORDER]
    return exists, ((backward * entering[OUTPUT])[_ORDER] * exists, forward[_ORDER] * exists)


def _extremes(value: Floats, exists: Floats, total: Floats) -> Floats:
    """Largest, smallest, mean, spread and sum of whole numbers ``[m, 32, n]`` over the paths that exist."""
    largest = (value * exists - (1 - exists)).max(1)
    smallest = (value * exists + 9 * (1 - exists)).min(1)
    sums = (value * exists).sum(1)
    mean = sums / total
    spread = np.sqrt(np.maximum((value**2 * exists).sum(1) / total - mean**2, 0))
    return np.stack([largest, smallest, mean, spread, sums], axis=1).reshape(-1, value.shape[2])


def _depth_names() -> list[str]:
    names = []
    for longest, step, end in product(("longest", "shortest"), _STEPS, ("from_input", "to_output")):
        title = f"{longest}_{end}_{step}"
        for name in INNER_NAMES:
            names += [f"{title}_{what}_{name}" for what in ("mean", "max", "min")]
            if step == "nodes":
                names += [f"{title}_at_{level}_{name}" for level in range(1, OUTPUT)]
    return names


def _depths(cells: Cells) -> Floats:
    """How deep each operation lies, from the input and from the output, along longest and shortest ways.

    Steps count all nodes, the 3 x 3 convolutions, or all convolutions.
    """
    n = cells.edge.shape[2]
    step = np.stack([np.ones_like(cells.has[1]), cells.has[1], cells.has[1] + cells.has[2]])  # [3, 7, n]
    edge = np.stack([cells.edge, cells.edge[::-1, ::-1].swapaxes(0, 1)]) > 0  # [2, 7, 7, n]: as it is, turned round
    step = np.stack([step, step[:, ::-1]], axis=1)  # [3, 2, 7, n]
    sign = np.array([1, -1], np.float32).reshape(2, 1, 1, 1, 1)  # a shortest way is the longest of negative steps
    signed = sign * step
    far = np.float32(-99)
    depth = np.full(signed.shape, far)  # [2, 3, 2, 7, n]
    depth[..., 0, :] = 0
    for y in range(1, NODES):
        ways = np.where(edge[:, :y, y], depth[..., :y, :] + signed[..., y : y + 1, :], far)
        depth[..., y, :] = ways.max(-2)
    depth *= sign
    depth[:, :, 1] = depth[:, :, 1, ::-1].copy()
    depth = np.where(cells.label > 0, depth, 0)[..., 1:OUTPUT, :]

    has = cells.has[1:4, 1:OUTPUT]
    number = has.sum(1)
    of_kind = depth[..., None, :, :] * has  # [2, 3, 2, kind, node, n]
    mean = np.where(number > 0, of_kind.sum(-2) / np.maximum(number, 1), -1)
    largest = (of_kind - (1 - has)).max(-2)
    smallest = (of_kind + 9 * (1 - has)).min(-2)
    figures = np.stack([mean, largest, smallest], axis=-2)  # [2, 3, 2, kind, 3, n]
    levels = np.arange(1, OUTPUT, dtype=np.float32)[:, None, None]
    at = (has[:, None] * (depth[:, 0, :, None, None] == levels)).sum(-2)  # [2, 2, kind, level, n]
    nodes = np.concatenate([figures[:, 0], at], axis=-2).reshape(2, -1, n)
    others = figures[:, 1:].reshape(2, -1, n)
    return np.concatenate([nodes, others], axis=1).reshape(-1, n)
