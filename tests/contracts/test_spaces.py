"""What every space promises, and that the identities and neighbours of NAS-Bench-101 are what they should be.

The second half works everything out again from matrices, slowly and in another way than the space does.
"""

from __future__ import annotations

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from scipy.stats import chi2

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.conditional import Condition, ConditionalGrid
from nasbench_sim.spaces.convolutional import field_of_view_grid, hyperband_grid, regimes_grid
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.grid import Grid, categorical, continuous, hpobench, integer, ordinal
from nasbench_sim.spaces.listed import Listed
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import SUBSPACES, NASBench101
from nasbench_sim.spaces.nasbench101_cells import EDGE, EDGES, OPERATIONS, OUTPUT
from nasbench_sim.spaces.nasbench201 import EQUIVALENCES, NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.variables import one_hot, one_hot_columns, widths
from tests.scripted import Line

SPACES = {f"nasbench101-{name}": NASBench101(name) for name in SUBSPACES}
SPACES |= {f"nasbench201-{name}": NASBench201(name) for name in EQUIVALENCES}
SPACES |= {
    "nasbench_macro-code": NASBenchMacro(),
    "nasbench_macro-network": NASBenchMacro("network"),
    "macronas": MacroNAS(),
    "darts-network": DARTS(),
    "darts-code": DARTS(equivalence="code"),
    "darts-any-inputs": DARTS(inputs="any"),
    "ofa": OFA(),
    "hpobench": hpobench(),
    "mixed-grid": Grid(
        "mixed",
        (
            integer("batch_size", 16, 2048, log=True),
            continuous("dropout", 0.0, 0.5, 5001),
            categorical("optimizer", ("sgd", "adam", "rmsprop")),
            ordinal("size", ("small", "medium", "large")),
        ),
        step="one",
    ),
    "conditional": ConditionalGrid(
        "conditional",
        (
            categorical("optimizer", ("sgd", "adam", "rmsprop")),
            continuous("momentum", 0.0, 0.99, 30),
            categorical("nesterov", (False, True)),
            continuous("epsilon", 1e-8, 1e-1, 40, log=True),
            integer("layers", 1, 4),
        ),
        (
            Condition("momentum", "optimizer", ("sgd", "rmsprop")),
            Condition("nesterov", "momentum", tuple(continuous("momentum", 0.0, 0.99, 30).values[1:])),
            Condition("epsilon", "optimizer", ("adam",)),
        ),
    ),
    "listed": Listed.of(hpobench(), hpobench().sample(np.random.default_rng(3), 600)),
    "cifar10-networks": hyperband_grid(),
    "field-of-view": field_of_view_grid(),
    "two-regimes": regimes_grid(),
    "line": Line(500),
}
LISTED = {name: space for name, space in SPACES.items() if space.size <= 10**6}
every_listed_space = pytest.mark.parametrize("space", LISTED.values(), ids=LISTED)
CODED = [name for name in SPACES if name != "line"]
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
every_subspace = pytest.mark.parametrize("space", [NASBench101(name) for name in SUBSPACES], ids=SUBSPACES)
METHODS = ("valid", "key", "features", "parameters", "macs", "flops", "neighbourhoods")


def drawn(space, n=60, seed=0):
    return space.sample(np.random.default_rng(seed), n)


def identities(space, codes) -> list[tuple[int, int]]:
    return [tuple(key) for key in space.key(codes).tolist()]


@every_space
def test_shapes_and_types_are_those_of_the_protocol(space):
    codes = drawn(space)
    assert isinstance(space.name, str)
    assert codes.shape == (60, space.dimension)
    assert codes.dtype == space.dtype
    assert space.valid(codes).dtype == bool
    assert space.valid(codes).shape == (60,)
    keys, features = space.key(codes), space.features(codes)
    assert (keys.dtype, keys.shape) == (np.uint64, (60, 2))
    assert features.dtype == np.float32
    assert len(features) == 60
    assert np.isfinite(features).all()
    around, offsets, around_keys = space.neighbourhoods(codes)
    assert around.dtype == space.dtype
    assert around_keys.dtype == np.uint64
    assert np.array_equal(around_keys, space.key(around))
    assert around.shape == (offsets[-1], space.dimension)
    assert (offsets.dtype, offsets.shape) == (np.int64, (61,))
    assert (np.diff(offsets) >= 0).all()
    graph = space.graph(codes[0])
    nodes = len(graph.operations)
    assert (graph.adjacency.dtype, graph.adjacency.shape) == (bool, (nodes, nodes))
    assert not np.tril(graph.adjacency).any()
    for costs in ("parameters", "macs", "flops"):
        if hasattr(space, costs):
            figures = getattr(space, costs)(codes)
            assert (figures.dtype, figures.shape) == (np.int64, (60,))
            assert (figures > 0).all()


@every_space
def test_variables_say_what_every_entry_means(space):
    variables, codes = space.variables, drawn(space, 300)
    assert len(variables) == space.dimension
    assert len({variable.name for variable in variables}) == space.dimension
    for variable, limit in zip(variables, widths(space), strict=True):
        assert variable.kind in ("categorical", "ordinal", "integer", "float")
        assert variable.width == limit == len(set(variable.values)) > 0
    assert widths(space).max() <= np.iinfo(space.dtype).max + 1
    assert (codes < widths(space)).all()
    beyond = codes.astype(np.int64)
    beyond[:, -1] = widths(space)[-1]
    assert not space.valid(beyond).any()
    vectors, columns = one_hot(space, codes[:20]), one_hot_columns(space)
    assert vectors.shape == (20, widths(space).sum())
    for at, (start, end) in enumerate(pairwise(columns)):
        assert (vectors[:, start:end].argmax(1) == codes[:20, at]).all()
    assert (vectors.sum(1) == space.dimension).all()
    with pytest.raises(ValueError, match="beyond"):
        one_hot(space, beyond)


@every_space
def test_samples_are_valid_distinct_and_a_function_of_the_generator(space):
    codes = drawn(space, 400)
    assert space.valid(codes).all()
    assert len(set(identities(space, codes))) == 400
    assert drawn(space, 400).tolist() == codes.tolist()
    assert drawn(space, 400, seed=1).tolist() != codes.tolist()
    assert drawn(space, 0).shape == (0, space.dimension)
    with pytest.raises(ValueError, match=r"distinct|larger sample"):
        drawn(space, space.size + 1)


@pytest.mark.parametrize(
    "name", ["nasbench101-A4", "nasbench201-published", "nasbench201-function", "nasbench_macro-network", "hpobench"]
)
def test_samples_are_uniform_over_configurations(name):
    space = SPACES[name]
    place = {identity: row for row, identity in enumerate(identities(space, space.enumerate()))}
    rng, counts, draws, size = np.random.default_rng(11), np.zeros(space.size), 800, 150
    for _ in range(draws):
        counts[[place[identity] for identity in identities(space, space.sample(rng, size))]] += 1
    expected = draws * size / space.size
    # drawing without replacement makes the counts a little more even than multinomial ones
    statistic = ((counts - expected) ** 2).sum() / expected / (1 - size / space.size)
    assert 1e-4 < chi2.sf(statistic, space.size - 1) < 1 - 1e-4


@every_listed_space
def test_enumeration_holds_each_configuration_once(space):
    codes = space.enumerate()
    assert codes.shape == (space.size, space.dimension)
    assert codes.dtype == space.dtype
    assert space.valid(codes).all()
    assert len(np.unique(space.key(codes), axis=0)) == space.size
    inside = {tuple(key) for key in space.key(codes).tolist()}
    assert inside.issuperset(identities(space, drawn(space, 400)))


@every_space
def test_neighbours_are_inside_distinct_and_others(space):
    codes = drawn(space, 150)
    around, offsets, _ = space.neighbourhoods(codes)
    assert space.valid(around).all()
    for code, first, last in zip(codes, offsets, offsets[1:], strict=False):
        own, theirs = identities(space, code[None]), identities(space, around[first:last])
        assert len(set(theirs)) == len(theirs) > 0
        assert own[0] not in theirs


@every_space
def test_neighbourhoods_of_many_are_those_of_each(space):
    codes = np.concatenate([drawn(space, 30), drawn(space, 5)])  # some of them twice
    around, offsets, _ = space.neighbourhoods(codes)
    for place, code in enumerate(codes):
        assert space.neighbours(code).tolist() == around[offsets[place] : offsets[place + 1]].tolist()


@every_space
def test_answers_about_each_do_not_depend_on_the_others(space):
    codes = drawn(space, 40)
    for name in METHODS[:-1]:
        if hasattr(space, name):
            whole = getattr(space, name)(codes)
            assert np.array_equal(np.concatenate([getattr(space, name)(code[None]) for code in codes]), whole)
            assert np.array_equal(getattr(space, name)(codes[::-1]), whole[::-1])


@every_space
def test_inputs_are_left_alone_and_may_be_read_only_or_strided(space):
    codes = np.repeat(drawn(space, 20), 2, axis=0)[::2]
    before = codes.tolist()
    codes.setflags(write=False)
    for name in METHODS:
        if hasattr(space, name):
            result = getattr(space, name)(codes)
            for array in result if isinstance(result, tuple) else (result,):
                assert not np.shares_memory(array, codes)
    space.graph(codes[0])
    space.neighbours(codes[0])
    assert codes.tolist() == before


@every_space
def test_the_space_survives_what_callers_do_to_its_answers(space):
    def answers():
        codes = drawn(space, 3)
        listed = [space.enumerate()] if space.size <= 10**6 else []
        return [*listed, drawn(space), space.key(codes), space.features(codes), *space.neighbourhoods(codes)]

    before = [array.copy() for array in answers()]
    for array in answers():
        if array.flags.writeable:
            array[:] = 0
    assert all(np.array_equal(after, array) for after, array in zip(answers(), before, strict=True))


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in SPACES for method in METHODS if hasattr(SPACES[name], method)]
)
def test_no_codes_give_no_answers(name, method):
    space = SPACES[name]
    none = np.empty((0, space.dimension), space.dtype)
    result = getattr(space, method)(none)
    if method == "neighbourhoods":
        assert result[0].shape == (0, space.dimension)
        assert result[0].dtype == space.dtype
        assert result[1].tolist() == [0]
        assert result[2].shape == (0, 2)
    else:
        assert len(result) == 0
        assert result.dtype == getattr(space, method)(drawn(space, 1)).dtype


@pytest.mark.parametrize("name", CODED)
def test_codes_of_another_shape_or_type_are_refused(name):
    space = SPACES[name]
    for wrong in (np.zeros(space.dimension, np.uint8), np.zeros((2, space.dimension + 1), np.uint8)):
        for method in (space.key, space.valid, space.neighbourhoods):
            with pytest.raises(ValueError, match=r"\[n, \d+\]"):
                method(wrong)


@pytest.mark.parametrize("entry", [-1, 2**16, 2**16 + 1, 2**40])
@pytest.mark.parametrize("name", CODED)
def test_an_entry_out_of_range_is_never_valid(name, entry):
    space = SPACES[name]
    codes = drawn(space, 5).astype(np.int64)
    for place in range(space.dimension):
        changed = codes.copy()
        changed[:, place] = entry
        assert not space.valid(changed).any(), f"entry {entry} at {place}"


@pytest.mark.parametrize("name", CODED)
def test_fractions_are_no_codes(name):
    space = SPACES[name]
    with pytest.raises(ValueError, match="integer"):
        space.key(drawn(space, 5) + 0.5)


# NAS-Bench-101, worked out again


def cell_of(code) -> tuple[set[tuple[int, int]], dict[int, int]]:
    """Edges and operations of a code without what lies on no path from input to output."""
    edges = {edge for edge, bit in zip(EDGES, code[:21].tolist(), strict=True) if bit}

    def reached(start, step):
        seen, front = {start}, [start]
        while front:
            node = front.pop()
            more = {step(edge)[1] for edge in edges if step(edge)[0] == node} - seen
            seen |= more
            front += more
        return seen

    alive = reached(0, lambda edge: edge) & reached(OUTPUT, lambda edge: edge[::-1])
    kept = {edge for edge in edges if set(edge) <= alive}
    return kept, {node: int(code[20 + node]) for node in alive - {0, OUTPUT}}


def smallest_form(code) -> tuple:
    """The same for cells that differ by the names of their inner nodes only."""
    edges, operations = cell_of(code)
    if not edges:
        return ()
    inner, forms = sorted(operations), []
    for names in permutations(range(1, len(inner) + 1)):
        name = dict(zip(inner, names, strict=True)) | {0: 0, OUTPUT: OUTPUT}
        labels = sorted((name[node], operation) for node, operation in operations.items())
        forms.append((sorted((name[x], name[y]) for x, y in edges), labels))
    return repr(min(forms))


def random_codes(rng, n: int) -> np.ndarray:
    """Codes with nodes that lead nowhere, few distinct cells, so that many are equivalent."""
    codes = np.zeros((n, 26), np.uint8)
    codes[:, 21:] = rng.integers(1, 4, (n, 5)) * (np.arange(5) < rng.integers(0, 6, n)[:, None])
    codes[:, 21:][:, :] = np.where(rng.random((n, 1)) < 0.5, np.minimum(codes[:, 21:], 1), codes[:, 21:])
    density = rng.uniform(0.15, 0.6, n)
    for bit, (x, y) in enumerate(EDGES):
        present = np.all(
            [codes[:, 20 + node] > 0 for node in (x, y) if 0 < node < OUTPUT] or [np.ones(n, bool)], axis=0
        )
        codes[:, bit] = (rng.random(n) < density) & present
    return codes


def test_keys_are_equal_exactly_where_cells_are_isomorphic_once_pruned():
    rng, space = np.random.default_rng(5), NASBench101()
    codes = random_codes(rng, 2500)
    codes = codes[space.valid(codes)]
    forms, keys = [smallest_form(code) for code in codes], identities(space, codes)
    classes = len(set(forms))
    assert 200 < classes < len(codes) - 200  # both kinds of mistake would show
    assert len(set(keys)) == classes == len(set(zip(forms, keys, strict=True)))


def test_equivalent_codes_agree():
    rng, space = np.random.default_rng(6), NASBench101()
    codes = random_codes(rng, 1500)
    codes = codes[space.valid(codes)]
    canonical = space.features(codes).astype(np.uint8)
    assert (space.key(canonical) == space.key(codes)).all()
    assert (space.features(canonical) == space.features(codes)).all()
    # Where filters do not divide, the first nodes get one more, as the benchmark counts, so the order of nodes shows.
    feeding = np.array([sum(y == OUTPUT and x > 0 for x, y in cell_of(code)[0]) for code in codes])
    divides = np.isin(feeding, (0, 1, 2, 4))
    for count in (space.parameters, space.macs, space.flops):
        assert (count(canonical[divides]) == count(codes[divides])).all()
        np.testing.assert_allclose(count(canonical), count(codes), rtol=0.02)
    one, other = space.neighbourhoods(codes[:40]), space.neighbourhoods(canonical[:40])
    assert one[0].tolist() == other[0].tolist()
    assert one[1].tolist() == other[1].tolist()


def test_validity_is_a_path_and_at_most_nine_edges_in_use():
    rng, space = np.random.default_rng(7), NASBench101()
    codes = random_codes(rng, 3000)
    expected = [0 < len(cell_of(code)[0]) <= 9 for code in codes]
    assert 500 < sum(expected) < 2800
    assert space.valid(codes).tolist() == expected


@every_subspace
def test_sub_spaces_are_what_their_names_say(space):
    rng = np.random.default_rng(8)
    codes = random_codes(rng, 3000)
    codes = codes[NASBench101().valid(codes)]
    expected = []
    for code in codes:
        edges, _ = cell_of(code)
        feeding, residual = sum(y == OUTPUT and x > 0 for x, y in edges), (0, OUTPUT) in edges
        belongs = {"full": True, "res": residual, "nres": not residual}
        expected.append(belongs.get(space.subspace, f"A{feeding}" == space.subspace))
    assert sum(expected) > 0
    assert space.valid(codes).tolist() == expected


def steps_from(code) -> set[str]:
    """Neighbours of a canonical code: one operation changed, one edge more or less, one node more."""
    inner = int((code[21:] > 0).sum())
    nodes = [*range(inner + 1), OUTPUT]
    edges = {edge for edge, bit in zip(EDGES, code[:21].tolist(), strict=True) if bit}
    operations = {node: int(code[20 + node]) for node in nodes[1:-1]}
    found = []
    for node in operations:
        found += [(edges, operations | {node: other}) for other in (1, 2, 3) if other != operations[node]]
    for x, y in combinations(nodes, 2):
        found.append((edges ^ {(x, y)}, operations))
        if inner < 5:
            # a new node, named between its neighbours by making room behind x
            def moved(node, x=x):
                return node + 1 if x < node < OUTPUT else node

            longer = {(moved(a), moved(b)) for a, b in edges} | {(x, x + 1), (x + 1, moved(y))}
            shifted = {moved(node): operation for node, operation in operations.items()}
            found += [(longer, shifted | {x + 1: new}) for new in (1, 2, 3)]
    codes = [as_code(*cell) for cell in found]
    reached = [code for code in codes if 0 < len(cell_of(code)[0]) <= 9]
    return {smallest_form(code) for code in reached} - {smallest_form(code)}


def as_code(edges, operations) -> np.ndarray:
    code = np.zeros(26, np.uint8)
    for edge in edges:
        code[EDGE[edge]] = 1
    for node, operation in operations.items():
        code[20 + node] = operation
    return code


def test_neighbours_are_exactly_the_single_steps():
    space = NASBench101()
    everything = space.enumerate()
    small = everything[(everything[:, 21:] > 0).sum(1) <= 2]
    codes = np.concatenate([small[:20], space.sample(np.random.default_rng(9), 12)])
    around, offsets, _ = space.neighbourhoods(codes)
    for place, code in enumerate(space.features(codes).astype(np.uint8)):
        found = {smallest_form(other) for other in around[offsets[place] : offsets[place + 1]]}
        assert found == steps_from(code)


@every_subspace
def test_neighbours_in_a_sub_space_are_those_of_the_whole_that_lie_in_it(space):
    codes = drawn(space, 25)
    around, offsets, _ = NASBench101().neighbourhoods(codes)
    inside, own, _ = space.neighbourhoods(codes)
    for place in range(len(codes)):
        all_around = around[offsets[place] : offsets[place + 1]]
        kept = all_around[space.valid(all_around)]
        assert kept.tolist() == inside[own[place] : own[place + 1]].tolist()


@every_subspace
def test_changing_an_operation_can_be_undone(space):
    """Edges cannot promise that: where one may be added depends on the order of the nodes."""
    codes = drawn(space, 40, seed=3)
    around, offsets, _ = space.neighbourhoods(codes)
    checked = 0
    for place, code in enumerate(codes):
        theirs = around[offsets[place] : offsets[place + 1]]
        same_edges = theirs[(theirs[:, :21] == code[:21]).all(axis=1)]
        own = identities(space, code[None])[0]
        for other in same_edges:
            assert own in identities(space, space.neighbours(other))
        checked += len(same_edges)
    assert checked > 100


def test_every_operation_is_reached_from_every_other():
    space = NASBench101()
    chain = space.code(np.triu(np.ones((3, 3)), 1) - np.eye(3, k=2), [OPERATIONS[0]])
    around = space.neighbours(chain)
    assert sum(1 for code in around if code[:21].tolist() == chain[:21].tolist()) == 2


def test_codes_that_are_no_cells_have_no_neighbours():
    space = NASBench101()
    with pytest.raises(UserError, match="no NAS-Bench-101 cell"):
        space.neighbourhoods(np.zeros((1, 26), np.uint8))
    everything = np.ones((1, 26), np.uint8)
    with pytest.raises(UserError, match="no NAS-Bench-101 cell"):
        space.neighbours(everything[0])
