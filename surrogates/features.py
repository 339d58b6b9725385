"""Features of NAS-Bench-101 cells for learning their error and training time.

Every figure is a function of the cell as a labelled graph (operations counted over nodes, edges, walks and
paths; depths; widths; a mean-field sketch of the signal), or of the canonical form that the space gives it, so
isomorphic cells have equal features.  Nodes are 0 (input), 1 to 5 (inner), 6 (output).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench101_cells import EDGES, NODES, OUTPUT, canonical
from nasbench_sim.spaces.space import Codes

Floats = npt.NDArray[np.float32]
Column = tuple[str, npt.NDArray[np.generic]]

INPUT_LABEL, OUTPUT_LABEL = 4, 5  # beside the space's own 1 = conv3x3, 2 = conv1x1, 3 = maxpool3x3
LABEL = {1: "conv3x3", 2: "conv1x1", 3: "maxpool", INPUT_LABEL: "input", OUTPUT_LABEL: "output"}
INNER_LABELS = (1, 2, 3)
LETTER = "ABC"  # conv3x3, conv1x1, maxpool in the names of path features
CHUNK = 8192


class Cells(NamedTuple):
    """n cells as graphs; nodes come first so that one node of all cells lies together in memory."""

    edge: Floats  # [7, 7, n], edge[x, y] from x to y
    label: npt.NDArray[np.uint8]  # [7, n], 0 = absent
    has: dict[int, Floats]  # label -> [7, n]


def nasbench101_features(codes: Codes) -> tuple[Floats, list[str]]:
    """Features ``float32[n, k]`` of codes ``uint8[n, 26]``, and their k names.

    Equal for isomorphic cells; unused nodes are pruned first.

    Raises:
        UserError: a code is no NAS-Bench-101 cell.
    """
    blocks, names = [], []
    for start in range(0, max(1, len(codes)), CHUNK):
        columns = dict(_columns(canonical(codes[start : start + CHUNK])))
        names = list(columns)
        blocks.append(np.stack([np.asarray(column, np.float32) for column in columns.values()], axis=1))
    return np.concatenate(blocks), names


def _columns(codes: Codes) -> Iterator[Column]:
    cells = _cells(codes)
    yield from _counts(codes, cells)
    yield from _degrees(cells)
    yield from _walks(cells)
    yield from _paths(cells)
    yield from _depths(cells)
    yield from _signal(cells)
    yield from _form(codes)


def _cells(codes: Codes) -> Cells:
    edge = np.zeros((NODES, NODES, len(codes)), np.float32)
    for position, (x, y) in enumerate(EDGES):
        edge[x, y] = codes[:, position]
    label = np.zeros((NODES, len(codes)), np.uint8)
    label[0], label[1:OUTPUT], label[OUTPUT] = INPUT_LABEL, codes[:, len(EDGES) :].T, OUTPUT_LABEL
    return Cells(edge, label, {kind: (label == kind).astype(np.float32) for kind in LABEL})


def _counts(codes: Codes, cells: Cells) -> Iterator[Column]:
    """Sizes, widths, the network's parameters and multiply-adds."""
    space = NASBench101()
    number = {kind: cells.has[kind].sum(0) for kind in INNER_LABELS}
    inner = number[1] + number[2] + number[3]
    edges = cells.edge.sum((0, 1))
    residual = cells.edge[0, OUTPUT]
    feeding = cells.edge[1:OUTPUT, OUTPUT].sum(0)
    yield "inner_nodes", inner
    yield "edges", edges
    yield "independent_cycles", edges - inner - 1
    for kind, count in number.items():
        yield f"number_{LABEL[kind]}", count
    yield "number_convolutions", number[1] + number[2]
    yield "share_conv3x3", number[1] / np.maximum(inner, 1)
    yield "residual", residual
    # Every inner node has 1 / feeding of the cell's filters (Ying et al. 2019, supplement S2), up to rounding.
    yield "feeding_output", feeding
    yield "input_out_degree", cells.edge[0].sum(0)
    width = 1 / np.maximum(feeding, 1)
    yield "weights_conv3x3", 9 * number[1] * width**2
    yield "weights_conv1x1", number[2] * width**2
    yield "weights_projection", width * cells.edge[0, 1:OUTPUT].sum(0) + residual
    yield "log_parameters", np.log(space.parameters(codes))
    yield "log_macs", np.log(space.macs(codes))


def _degrees(cells: Cells) -> Iterator[Column]:
    """Degrees of the inner nodes, by operation and in order; inner nodes by operation and by what they touch."""
    for way, degree in (("in", cells.edge.sum(0)), ("out", cells.edge.sum(1))):
        for kind in INNER_LABELS:
            of_kind = degree * cells.has[kind]
            yield f"{way}_degree_sum_{LABEL[kind]}", of_kind.sum(0)
            yield f"{way}_degree_max_{LABEL[kind]}", of_kind.max(0)
        in_order = -np.sort(-degree[1:OUTPUT], axis=0)
        for place in range(3):
            yield f"{way}_degree_{place}", in_order[place]
        yield f"{way}_degree_over_1", (in_order > 1).sum(0)
    from_input, to_output = cells.edge[0], cells.edge[:, OUTPUT]
    for kind in INNER_LABELS:
        yield f"{LABEL[kind]}_between", (cells.has[kind] * from_input * to_output).sum(0)
        yield f"{LABEL[kind]}_from_input_only", (cells.has[kind] * from_input * (cells.edge.sum(0) == 1)).sum(0)
        yield f"{LABEL[kind]}_to_output_only", (cells.has[kind] * to_output * (cells.edge.sum(1) == 1)).sum(0)


def _walks(cells: Cells) -> Iterator[Column]:
    """Edges by the labels at their ends, pairs of edges by the labels at their three nodes."""
    ahead = (INPUT_LABEL, *INNER_LABELS)
    behind = (*INNER_LABELS, OUTPUT_LABEL)
    after = {kind: np.einsum("xyn,yn->xn", cells.edge, cells.has[kind]) for kind in behind}
    before = {kind: np.einsum("xyn,xn->yn", cells.edge, cells.has[kind]) for kind in ahead}
    for first, last in product(ahead, behind):
        yield f"edges_{LABEL[first]}_{LABEL[last]}", (cells.has[first] * after[last]).sum(0)
    for first, middle, last in product(ahead, INNER_LABELS, behind):
        count = (before[first] * cells.has[middle] * after[last]).sum(0)
        yield f"walks_{LABEL[first]}_{LABEL[middle]}_{LABEL[last]}", count


def _paths(cells: Cells) -> Iterator[Column]:
    """Paths from input to output: their operations in order, their lengths, what lies on all of them.

    A path is a set of inner nodes, so the 32 sets are gone through.  Backward weights share out each node
    equally over its inputs, forward weights over its outputs; either sums to one over a cell's paths.
    """
    n = cells.edge.shape[2]
    rows = np.arange(n)
    share = {
        "backward": 1 / np.maximum(cells.edge.sum(0), 1),
        "forward": 1 / np.maximum(cells.edge.sum(1), 1),
    }
    total = np.zeros(n, np.float32)
    through = np.zeros((NODES, n), np.float32)
    flow = {way: np.zeros((NODES, n), np.float32) for way in share}
    lengths = np.zeros((NODES - 1, n), np.float32)
    mixtures = np.zeros((n, 6**3), np.float32)  # paths by number of conv3x3, conv1x1, maxpool
    sequences = [np.zeros((n, 3**length), np.float32) for length in range(NODES - 1)]
    weighted = {way: np.zeros((3, NODES - 1, n), np.float32) for way in share}
    measures = {name: _Extremes(n) for name in ("conv3x3", "conv1x1", "maxpool", "length", "convolutions", "window")}
    for length in range(NODES - 1):
        for inner in combinations(range(1, OUTPUT), length):
            nodes = (0, *inner, OUTPUT)
            exists = np.ones(n, bool)
            for x, y in pairwise(nodes):
                exists &= cells.edge[x, y] > 0
            at = rows[exists]
            label = cells.label[list(inner)][:, at].astype(np.int64)
            number = [(label == kind).sum(0) for kind in INNER_LABELS]
            total[at] += 1
            lengths[length, at] += 1
            mixtures[at, number[0] * 36 + number[1] * 6 + number[2]] += 1
            digits = np.zeros(len(at), np.int64)
            for digit in label:
                digits = 3 * digits + digit - 1
            sequences[length][at, digits] += 1
            for way, shares in share.items():
                weight = np.ones(len(at), np.float32)
                for node in nodes[1:] if way == "backward" else nodes[:-1]:
                    weight = weight * shares[node, at]
                for node in inner:
                    flow[way][node, at] += weight
                for kind in range(3):
                    weighted[way][kind, number[kind], at] += weight
            for node in inner:
                through[node, at] += 1
            measures["conv3x3"].add(at, number[0])
            measures["conv1x1"].add(at, number[1])
            measures["maxpool"].add(at, number[2])
            measures["length"].add(at, np.full(len(at), length))
            measures["convolutions"].add(at, number[0] + number[1])
            measures["window"].add(at, number[0] + number[2])
    yield "paths", total
    yield "log_paths", np.log(total)
    for length in range(NODES - 1):
        yield f"paths_of_{length}", lengths[length]
    for name, measure in measures.items():
        yield from measure.columns(name, total)
    for mixture in product(range(NODES - 1), repeat=3):
        if sum(mixture) < NODES - 1:
            a, b, c = mixture
            yield f"paths_{a}A{b}B{c}C", mixtures[:, a * 36 + b * 6 + c]
    for length, counts in enumerate(sequences):
        for column, letters in enumerate(product(LETTER, repeat=length)):
            yield f"paths_{''.join(letters) or 'direct'}", counts[:, column]
    steps = np.arange(NODES - 1, dtype=np.float32)[:, None]
    for way in share:
        for index, kind in enumerate(INNER_LABELS):
            weights = weighted[way][index]
            mean = (weights * steps).sum(0)
            yield f"{way}_mean_{LABEL[kind]}", mean
            yield f"{way}_variance_{LABEL[kind]}", (weights * steps**2).sum(0) - mean**2
            for count in range(3):
                yield f"{way}_share_{count}_{LABEL[kind]}", weights[count]
            of_kind = flow[way] * cells.has[kind]
            yield f"{way}_flow_max_{LABEL[kind]}", of_kind.max(0)
    for kind in INNER_LABELS:
        of_kind = cells.has[kind] * through / total
        yield f"through_sum_{LABEL[kind]}", of_kind.sum(0)
        yield f"through_max_{LABEL[kind]}", of_kind.max(0)
        yield f"on_all_paths_{LABEL[kind]}", (of_kind == 1).sum(0)


class _Extremes:
    """Largest, smallest, sum and spread of a whole number over the paths of n cells."""

    def __init__(self, n: int) -> None:
        self.largest = np.full(n, -1.0, np.float32)
        self.smallest = np.full(n, 9.0, np.float32)
        self.sum = np.zeros(n, np.float32)
        self.squares = np.zeros(n, np.float32)

    def add(self, at: npt.NDArray[np.int64], value: npt.NDArray[np.int64]) -> None:
        self.largest[at] = np.maximum(self.largest[at], value)
        self.smallest[at] = np.minimum(self.smallest[at], value)
        self.sum[at] += value
        self.squares[at] += value**2

    def columns(self, name: str, total: Floats) -> Iterator[Column]:
        mean = self.sum / total
        yield f"path_max_{name}", self.largest
        yield f"path_min_{name}", self.smallest
        yield f"path_mean_{name}", mean
        yield f"path_sd_{name}", np.sqrt(np.maximum(self.squares / total - mean**2, 0))
        yield f"path_sum_{name}", self.sum


def _depths(cells: Cells) -> Iterator[Column]:
    """How deep each operation lies, from the input and from the output, along longest and shortest ways.

    Steps count all nodes, the 3 x 3 convolutions, or all convolutions.
    """
    present = cells.label > 0
    steps = {
        "nodes": np.ones_like(cells.edge[0]),
        "conv3x3": cells.has[1],
        "convolutions": cells.has[1] + cells.has[2],
    }
    for longest, (name, step), backward in product((True, False), steps.items(), (False, True)):
        depth = np.where(present, _depth(cells, step, longest=longest, backward=backward), 0)
        title = f"{'longest' if longest else 'shortest'}_{'to_output' if backward else 'from_input'}_{name}"
        for kind in INNER_LABELS:
            has = cells.has[kind]
            number = has.sum(0)
            mean = (depth * has).sum(0) / np.maximum(number, 1)
            yield f"{title}_mean_{LABEL[kind]}", np.where(number > 0, mean, -1)
            yield f"{title}_max_{LABEL[kind]}", np.where(has > 0, depth, -1).max(0)
            yield f"{title}_min_{LABEL[kind]}", np.where(has > 0, depth, 9).min(0)
            if name == "nodes":
                for level in range(1, OUTPUT):
                    yield f"{title}_at_{level}_{LABEL[kind]}", (has * (depth == level)).sum(0)


def _depth(cells: Cells, step: Floats, *, longest: bool, backward: bool) -> Floats:
    far = np.float32(-99 if longest else 99)
    better = np.maximum if longest else np.minimum
    edge = cells.edge[::-1, ::-1].swapaxes(0, 1) if backward else cells.edge
    step = step[::-1] if backward else step
    depth = np.full_like(step, far)
    depth[0] = 0
    for y in range(1, NODES):
        for x in range(y):
            depth[y] = better(depth[y], np.where(edge[x, y] > 0, depth[x] + step[y], far))
    return depth[::-1] if backward else depth


def _signal(cells: Cells) -> Iterator[Column]:
    """A mean-field sketch: how nine such cells map the correlation of two inputs, gradients, window sizes.

    Convolution, batch normalisation and ReLU at random weights act on a correlation as the arc-cosine kernel
    (Cho and Saul 2009, equation 6), re-centred and re-scaled by the next batch normalisation; sums add variances
    as if their terms were independent; pooling passes on what it gets.
    """
    n = cells.edge.shape[2]
    for start in (0.0, 0.5, 0.9):
        correlation = np.full(n, start)
        for cell in range(9):
            correlation = _correlation(cells, correlation)
            if cell in (0, 2, 8):
                yield f"correlation_{start:g}_after_{cell + 1}", correlation
    yield from _gradient(cells)


def _after_convolution(correlation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    c = np.clip(correlation, -1, 1)
    kernel = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / np.pi
    squared_mean = 1 / np.pi  # of a rectified normal, relative to its second moment
    return np.asarray((kernel - squared_mean) / (1 - squared_mean))


def _correlation(cells: Cells, given: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    projected = _after_convolution(given)
    variance = np.zeros(cells.label.shape)
    covariance = np.zeros(cells.label.shape)
    for node in range(1, OUTPUT):
        arriving = cells.edge[0, node] + (cells.edge[1:node, node] * variance[1:node]).sum(0)
        shared = cells.edge[0, node] * projected + (cells.edge[1:node, node] * covariance[1:node]).sum(0)
        convolution = cells.has[1][node] + cells.has[2][node]
        pooling = cells.has[3][node]
        variance[node] = convolution + pooling * arriving
        covariance[node] = convolution * _after_convolution(shared / np.maximum(arriving, 1)) + pooling * shared
    width = 1 / np.maximum(cells.edge[1:OUTPUT, OUTPUT].sum(0), 1)
    residual = cells.edge[0, OUTPUT]
    out = residual + width * (cells.edge[1:OUTPUT, OUTPUT] * variance[1:OUTPUT]).sum(0)
    shared = residual * projected + width * (cells.edge[1:OUTPUT, OUTPUT] * covariance[1:OUTPUT]).sum(0)
    return np.asarray(shared / out)


def _gradient(cells: Cells) -> Iterator[Column]:
    """Squared gradient that reaches the input; mean and variance of the 3 x 3 windows on the signal's way."""
    variance, window, window2, entering, gradient = np.zeros((5, *cells.label.shape))
    variance[0] = 1
    for node in range(1, NODES):
        weight = cells.edge[:node, node] * variance[:node]
        entering[node] = weight.sum(0)
        share = weight / np.maximum(entering[node], 1e-9)
        spatial = cells.has[1][node] + cells.has[3][node]
        mean = (share * window[:node]).sum(0)
        window2[node] = (share * window2[:node]).sum(0) + spatial * (2 * mean + 1)
        window[node] = mean + spatial
        convolution = cells.has[1][node] + cells.has[2][node]
        variance[node] = convolution + cells.has[3][node] * entering[node]
    gradient[OUTPUT] = 1
    for node in reversed(range(OUTPUT)):
        for later in range(node + 1, NODES):
            convolution = cells.has[1][later] + cells.has[2][later]
            scale = np.where(convolution > 0, 1 / np.maximum(entering[later], 1e-9), 1)
            gradient[node] += cells.edge[node, later] * scale * gradient[later]
    yield "gradient_at_input", gradient[0]
    yield "window_mean", window[OUTPUT]
    yield "window_variance", window2[OUTPUT] - window[OUTPUT] ** 2


def _form(codes: Codes) -> Iterator[Column]:
    """The canonical form itself: what the figures above leave out, it holds."""
    for position, (x, y) in enumerate(EDGES):
        yield f"edge_{x}_{y}", codes[:, position]
    for node in range(1, OUTPUT):
        yield f"operation_{node}", codes[:, len(EDGES) + node - 1]
