"""NAS-Bench-101 is the published benchmark: its cells in its order, its fingerprints, its counts."""

from __future__ import annotations

import csv
import gzip
import os
from functools import cache
from itertools import product

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101 import SUBSPACES, NASBench101
from nasbench_sim.spaces.nasbench101_cells import canonical, module_hash

FULL = NASBench101()
LETTERS = {"3": "conv3x3-bn-relu", "1": "conv1x1-bn-relu", "p": "maxpool3x3"}
SIZES = {"A1": 120_933, "A2": 201_441, "A3": 90_782, "A4": 10_467, "full": 423_624, "nres": 342_604, "res": 81_020}
EVERYTHING = os.environ.get("NASBENCH_SIM_FULL") == "1"


@cache
def everything():
    return FULL.enumerate()


def matrix(text: str) -> np.ndarray:
    return np.array([[int(bit) for bit in row] for row in text.split("/")])


@cache
def cells(path):
    """Rows of the published sample, and their codes."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [FULL.code(matrix(row["adjacency"]), [LETTERS[letter] for letter in row["ops"]]) for row in rows]
    return rows, np.array(codes)


@cache
def operation_counts(path):
    """Rows of the published FLOPs, and their codes."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [FULL.code(matrix(row["adjacency"]), [LETTERS[letter] for letter in row["ops"]]) for row in rows]
    return rows, np.array(codes)


# Sizes


def test_there_are_423624_cells():
    assert FULL.size == len(everything()) == 423_624
    nodes = 2 + (everything()[:, 21:] > 0).sum(axis=1)
    assert np.bincount(nodes).tolist() == [0, 0, 1, 6, 84, 2441, 62_010, 359_082]
    assert everything()[:, :21].sum(axis=1).max() == 9


@pytest.mark.parametrize("name", SUBSPACES)
def test_sub_spaces_have_their_published_sizes(name):
    assert NASBench101(name).size == SIZES[name]


def test_sub_spaces_part_the_whole():
    by_name = {name: {row.tobytes() for row in NASBench101(name).enumerate()} for name in SUBSPACES}
    assert by_name["res"] | by_name["nres"] == by_name["full"]
    assert not by_name["res"] & by_name["nres"]
    fed = [by_name[f"A{count}"] for count in range(1, 5)]
    assert sum(map(len, fed)) == len(set.union(*fed)) == 423_623
    # the one cell without any: input to output directly
    assert by_name["full"] - set.union(*fed) == {everything()[0].tobytes()}
    assert 1.9 < SIZES["A2"] / SIZES["A3"] < 2.3


# Fingerprints


def test_fingerprints_are_the_published_ones(data):
    rows, codes = cells(data("nasbench101_cells.csv.gz"))
    chosen = range(len(rows)) if EVERYTHING else range(0, len(rows), 12)
    assert [module_hash(codes[row]) for row in chosen] == [rows[row]["module_hash"] for row in chosen]


def test_fingerprints_ignore_what_is_not_used_and_the_order_of_nodes():
    adjacency = np.zeros((7, 7), bool)
    for x, y in [(0, 1), (0, 2), (0, 3), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)]:  # 5 comes from nowhere
        adjacency[x, y] = True
    code = FULL.code(adjacency, [LETTERS[letter] for letter in "1333p"])
    swapped = FULL.code(adjacency, [LETTERS[letter] for letter in "3133p"])
    turned = FULL.code(adjacency, [LETTERS[letter] for letter in "p3331"])
    assert module_hash(code) == module_hash(swapped) == module_hash(canonical(code[None])[0])
    assert module_hash(code) != module_hash(turned)


def test_fingerprints_part_the_cells_as_keys_do():
    sample = FULL.sample(np.random.default_rng(0), 3000)
    assert len({module_hash(code) for code in sample}) == 3000


# Order


def test_cells_come_in_the_order_in_which_the_benchmark_generates_them():
    """Matrices by number, then operations, each kept where its fingerprint is new; up to five nodes."""
    seen, found = set(), []
    for nodes in range(2, 6):
        pairs = [(x, y) for y in range(nodes) for x in range(y)]
        for number in range(2 ** len(pairs)):
            adjacency = np.zeros((nodes, nodes), bool)
            for bit, pair in enumerate(pairs):
                adjacency[pair] = number >> bit & 1
            in_use = adjacency[:-1].any(axis=1).all() and adjacency[:, 1:].any(axis=0).all()
            if not in_use or adjacency.sum() > 9:
                continue
            for names in product(LETTERS.values(), repeat=nodes - 2):
                code = FULL.code(adjacency, list(names))
                fingerprint = module_hash(code)
                if fingerprint not in seen:
                    seen.add(fingerprint)
                    found.append(code)
    assert np.array_equal(np.array(found), everything()[: len(found)])
    assert len(found) == 1 + 6 + 84 + 2441


def test_the_published_sample_is_in_canonical_form_already(data):
    _, codes = cells(data("nasbench101_cells.csv.gz"))
    assert np.array_equal(canonical(codes), codes)
    place = {row.tobytes(): number for number, row in enumerate(everything())}
    assert len({place[code.tobytes()] for code in codes}) == len(codes) == 25_001


# Counts


def test_parameters_are_the_published_ones(data):
    rows, codes = cells(data("nasbench101_cells.csv.gz"))
    assert FULL.parameters(codes).tolist() == [int(row["params"]) for row in rows]


def test_flops_and_parameters_are_naslibs(data):
    rows, codes = operation_counts(data("nasbench101_flops_500.csv"))
    assert FULL.valid(codes).all()
    assert [figure / 1e6 for figure in FULL.flops(codes).tolist()] == [float(row["mflops"]) for row in rows]
    parameters = [float(row["params_millions"]) for row in rows]
    assert [figure / 1e6 for figure in FULL.parameters(codes).tolist()] == parameters


def test_extreme_parameters_are_the_published_ones():
    parameters = FULL.parameters(everything())
    assert parameters.min() == 227_274
    assert parameters.max() == 49_979_274


def test_narrower_networks_are_cheaper():
    codes = FULL.sample(np.random.default_rng(1), 200)
    for count in (FULL.parameters, FULL.macs, FULL.flops):
        assert (count(codes, width=16) < count(codes, width=32)).all()
        assert (count(codes, width=32) < count(codes, width=128)).all()
        assert (count(codes, width=128) == count(codes)).all()
    assert (FULL.flops(codes) > FULL.macs(codes)).all()


# Codes and graphs


def test_graph_and_code_are_inverse():
    for code in FULL.sample(np.random.default_rng(2), 300):
        graph = FULL.graph(code)
        assert graph.operations[0] == "input"
        assert graph.operations[-1] == "output"
        assert FULL.code(graph.adjacency, list(graph.operations[1:-1])).tolist() == code.tolist()


def test_a_graph_leaves_out_what_is_not_used():
    adjacency = np.zeros((5, 5), bool)
    adjacency[0, 1] = adjacency[1, 4] = adjacency[0, 2] = adjacency[3, 4] = (
        True  # 2 leads nowhere, 3 comes from nowhere
    )
    code = FULL.code(adjacency, [LETTERS[letter] for letter in "p31"])
    graph = FULL.graph(code)
    assert graph.operations == ("input", "maxpool3x3", "output")
    assert graph.adjacency.tolist() == [[False, True, False], [False, False, True], [False] * 3]


def test_codes_keep_the_layout_that_tables_rely_on():
    adjacency = np.zeros((4, 4), int)
    adjacency[0, 1] = adjacency[1, 2] = adjacency[2, 3] = adjacency[0, 3] = 1
    code = FULL.code(adjacency, [LETTERS["1"], LETTERS["p"]])
    assert np.flatnonzero(code[:21]).tolist() == [0, 2, 15, 17]  # 0-1, 1-2, 0-6, 2-6: y (y - 1) / 2 + x
    assert code[21:].tolist() == [2, 3, 0, 0, 0]


# What is refused


@pytest.mark.parametrize(
    ("what", "place", "value"),
    [
        ("an operation above 3", 21, 4),
        ("an edge that is not 0 or 1", 0, 2),
        ("an absent node with edges", 21, 0),
        ("a byte of rubbish", 25, 255),
    ],
)
def test_invalid_codes(what, place, value):
    code = everything()[200_000].copy()
    assert FULL.valid(code[None]).all()
    code[place] = value
    assert not FULL.valid(code[None]).any(), what


def test_no_path_and_too_many_edges_are_invalid():
    codes = np.zeros((3, 26), np.uint8)
    codes[1:, 21:] = 1
    codes[1, :15] = 1  # all edges but those into the output
    codes[2, :] = 1  # all 21 edges
    assert FULL.valid(codes).tolist() == [False] * 3


def test_unused_edges_do_not_count_towards_nine():
    code = np.zeros(26, np.uint8)
    code[:15], code[15], code[21:] = 1, 1, 1
    assert FULL.valid(code[None]).tolist() == [True]
    assert FULL.features(code[None]).astype(int).tolist() == everything()[:1].tolist()  # input to output, nothing else


@pytest.mark.parametrize(
    ("adjacency", "names", "message"),
    [
        (np.ones((2, 2)), [], r"upper triangular matrix of 2 to 7 nodes"),
        (np.triu(np.ones((8, 8)), 1), ["maxpool3x3"] * 6, r"2 to 7 nodes, not \(8, 8\)"),
        (np.zeros((1, 1)), [], r"2 to 7 nodes, not \(1, 1\)"),
        (np.zeros((2, 3)), [], r"2 to 7 nodes, not \(2, 3\)"),
        (np.zeros((0, 0)), [], r"2 to 7 nodes"),
        (np.triu(np.ones((3, 3)), 1), [], r"3 nodes need 1 inner operations, not 0"),
        (np.triu(np.ones((3, 3)), 1), ["conv5x5"], r"unknown operation 'conv5x5': NAS-Bench-101 has conv3x3-bn-relu"),
    ],
)
def test_matrices_that_are_no_cells_are_refused_in_words(adjacency, names, message):
    with pytest.raises(UserError, match=message):
        FULL.code(adjacency, names)


def test_an_unknown_sub_space_is_named_with_the_choices():
    with pytest.raises(UserError, match="no sub-space 'A5': choose one of A1, A2, A3, A4, full, nres, res"):
        NASBench101("A5")


def test_what_is_no_cell_has_no_canonical_form():
    with pytest.raises(UserError, match="code 1 is no NAS-Bench-101 cell"):
        canonical(np.stack([everything()[5], np.zeros(26, np.uint8)]))


def test_one_code_alone_has_the_key_it_has_among_many():
    rng = np.random.default_rng(4)
    cells_there = FULL.sample(rng, 300)
    spoilt = cells_there.copy()
    spoilt[np.arange(300), rng.integers(0, 26, 300)] = rng.integers(0, 256, 300)
    anything = rng.integers(0, 4, (300, 26)).astype(np.uint8)
    codes = np.concatenate([cells_there, spoilt, anything])
    alone = np.concatenate([FULL.key(codes[row : row + 1]) for row in range(len(codes))])
    np.testing.assert_array_equal(alone, FULL.key(codes))
