"""Features of cells: isomorphic cells have equal ones, different cells different ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench101_cells import EDGE, prune
from surrogates.features import nasbench101_features


@pytest.fixture(scope="module")
def cells():
    return NASBench101().sample(np.random.default_rng(5), 300)


def relabelled(code, rng):
    """An isomorphic code: inner nodes renamed at random, the order of the edges kept."""
    ways = []
    for order in permutations(range(1, 6)):
        name = (0, *order, 6)
        if all(name[x] < name[y] for (x, y), bit in EDGE.items() if code[bit]):
            ways.append(name)
    name = ways[rng.integers(len(ways))]
    renamed = np.zeros_like(code)
    for (x, y), bit in EDGE.items():
        if code[bit]:
            renamed[EDGE[name[x], name[y]]] = 1
    for node in range(1, 6):
        renamed[20 + name[node]] = code[20 + node]
    return renamed


def named(codes):
    figures, names = nasbench101_features(codes)
    return {name: figures[:, column] for column, name in enumerate(names)}


def test_isomorphic_cells_have_equal_features(cells):
    rng = np.random.default_rng(1)
    others = np.stack([relabelled(code, rng) for code in cells])
    assert (others != cells).any(1).mean() > 0.3  # many were in fact renamed
    np.testing.assert_array_equal(nasbench101_features(cells)[0], nasbench101_features(others)[0])


def test_unused_nodes_do_not_count():
    space = NASBench101()
    chain = space.code(np.diag(np.ones(3), 1), ["conv3x3-bn-relu", "maxpool3x3"])
    with_stub = chain.copy()
    with_stub[EDGE[0, 3]], with_stub[23] = 1, 2  # a 1 x 1 convolution that feeds nothing
    assert (prune(with_stub[None]) == chain).all()
    np.testing.assert_array_equal(nasbench101_features(chain[None])[0], nasbench101_features(with_stub[None])[0])


def test_different_cells_differ_and_all_figures_are_finite(cells):
    figures, names = nasbench101_features(cells)
    assert figures.dtype == np.float32
    assert figures.shape == (len(cells), len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(figures).all()
    assert len(np.unique(figures, axis=0)) == len(cells)


def test_one_row_alone_has_the_features_it_has_among_many(cells):
    np.testing.assert_array_equal(nasbench101_features(cells[7:8])[0][0], nasbench101_features(cells)[0][7])


def test_a_chain_by_hand():
    """Input -> 3 x 3 -> pooling -> output."""
    code = NASBench101().code(np.diag(np.ones(3), 1), ["conv3x3-bn-relu", "maxpool3x3"])
    cell = {name: figure[0] for name, figure in named(code[None]).items()}
    assert cell["paths"] == 1
    assert cell["paths_AC"] == 1
    assert cell["paths_CA"] == 0
    assert cell["paths_1A0B1C"] == 1
    assert cell["paths_of_2"] == 1
    assert cell["on_all_paths_conv3x3"] == 1
    assert cell["residual"] == 0
    assert cell["feeding_output"] == 1
    assert cell["longest_to_output_nodes_max_conv3x3"] == 2
    assert cell["longest_from_input_nodes_max_maxpool"] == 2
    assert cell["walks_input_conv3x3_maxpool"] == 1
    assert cell["backward_mean_conv3x3"] == 1
    assert cell["window_mean"] == 2
    assert cell["window_variance"] == 0


def test_weights_of_paths_sum_to_one(cells):
    cell = named(cells)
    for way in ("backward", "forward"):
        # Shares of paths with no, one and two 3 x 3 convolutions; what is missing to one has more.
        share = sum(cell[f"{way}_share_{count}_conv3x3"] for count in range(3))
        few = cell["path_max_conv3x3"] <= 2
        np.testing.assert_allclose(share[few], 1, rtol=1e-5)
        assert (share <= 1 + 1e-5).all()


def test_mean_field_correlation_grows_from_cell_to_cell(cells):
    cell = named(cells)
    assert (cell["correlation_0_after_9"] >= cell["correlation_0_after_1"]).all()
    assert (cell["correlation_0.9_after_9"] < 1).all()


def test_what_is_no_cell_is_refused():
    with pytest.raises(UserError, match="no NAS-Bench-101 cell"):
        nasbench101_features(np.zeros((1, 26), np.uint8))
