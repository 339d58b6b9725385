"""Conditional grids, lists of configurations, and the spaces of two studies with their exact counts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.conditional import Condition, ConditionalGrid
from nasbench_sim.spaces.convolutional import (
    BASELINE,
    GIGABYTE,
    field_of_view_grid,
    hyperband_grid,
    regimes_grid,
)
from nasbench_sim.spaces.grid import Grid, categorical, integer, numbers
from nasbench_sim.spaces.listed import Listed

OPTIMISERS = (
    categorical("optimizer", ("sgd", "adam")),
    numbers("momentum", (0.0, 0.5, 0.9)),
    categorical("nesterov", (False, True)),
    integer("layers", 1, 2),
)
CONDITIONS = (Condition("momentum", "optimizer", ("sgd",)), Condition("nesterov", "momentum", (0.5, 0.9)))


def optimisers() -> ConditionalGrid:
    return ConditionalGrid("optimisers", OPTIMISERS, CONDITIONS)


def test_a_conditional_grid_counts_what_differs_in_what_matters():
    space = optimisers()
    distinct = {tuple(sorted(each.items())) for each in space.values(space.canonical(space.grid.enumerate()))}
    assert space.size == len(space.enumerate()) == len(distinct) == 2 * (1 + 2 * 2 + 1)


def test_what_does_not_matter_is_no_difference():
    space = optimisers()
    codes = space.grid.enumerate()
    keys, canonical = space.key(codes), space.canonical(codes)
    assert np.array_equal(space.key(canonical), keys)
    assert len(np.unique(keys, axis=0)) == space.size
    assert np.array_equal(space.features(codes), space.features(canonical))
    assert {"optimizer": "adam", "layers": 1} in space.values(space.enumerate())


def test_neighbours_of_a_conditional_grid_are_mutual_and_reach_everything():
    space = optimisers()
    codes = space.enumerate()
    near = {tuple(code): set(map(tuple, space.neighbours(code).tolist())) for code in codes.tolist()}
    assert all(code in near[other] for code, others in near.items() for other in others)
    reached, front = set(), [next(iter(near))]
    while front:
        code = front.pop()
        if code not in reached:
            reached.add(code)
            front += near[code]
    assert len(reached) == space.size


def test_large_conditional_grids_are_drawn_uniformly():
    wide = (categorical("kind", ("a", "b")), integer("x", 1, 30), integer("y", 1, 10**5))
    space = ConditionalGrid("wide", wide, (Condition("x", "kind", ("b",)),))
    assert space.size == 31 * 10**5
    drawn = space.sample(np.random.default_rng(0), 6200)
    assert (drawn[:, 0] == 0).sum() == pytest.approx(200, abs=60)  # 1 in 31, four standard deviations


def test_codes_of_conditional_values_there_and_back():
    space = optimisers()
    for code in space.enumerate():
        assert space.code(space.values(code[None])[0]).tolist() == code.tolist()
    with pytest.raises(UserError, match="momentum does not matter"):
        space.code({"optimizer": "adam", "momentum": 0.5, "layers": 1})
    with pytest.raises(UserError, match="needs a value of momentum"):
        space.code({"optimizer": "sgd", "layers": 1})


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ((Condition("optimizer", "momentum", (0.5,)),), "must come before"),
        ((Condition("momentum", "optimiser", ("sgd",)),), "no variable 'optimiser'"),
        ((Condition("momentum", "optimizer", ("lion",)),), "'lion' is no value"),
        ((CONDITIONS[0], CONDITIONS[0]), "two conditions"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(conditions, message):
    with pytest.raises(UserError, match=message):
        ConditionalGrid("wrong", OPTIMISERS, conditions)


def test_a_list_knows_its_own_and_nothing_else():
    grid = Grid("square", (integer("x", 0, 9), integer("y", 0, 9)))
    listed = Listed.of(grid, np.array([[1, 1], [1, 2], [5, 5], [9, 9]], np.uint8), near=2)
    assert listed.valid(np.array([[1, 1], [2, 2], [9, 9]])).tolist() == [True, False, True]
    assert listed.neighbours(np.array([1, 1], np.uint8)).tolist() == [[1, 2], [5, 5]]
    assert sorted(map(tuple, listed.sample(np.random.default_rng(0), 4).tolist())) == sorted(listed.rows)
    with pytest.raises(UserError, match="twice"):
        Listed.of(grid, np.array([[1, 1], [1, 1]], np.uint8))


# The thesis's spaces


def test_the_published_spaces_have_the_published_sizes():
    assert hyperband_grid().size == 19_200
    assert field_of_view_grid().size == 39_200  # by its Table 2.7
    assert field_of_view_grid(learning_rates=7).size == 34_300  # by its text
    assert regimes_grid().size == 2033 * 501 * 4 * 8


def network(**changes):
    space = field_of_view_grid()
    return space, space.code({**BASELINE, **changes})[None]


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({}, 6_713_226),
        ({"layers_per_block": 2, "log2_filters": 5, "batch_size": 32}, 5_468_778),
        ({"blocks": 4, "layers_per_block": 3, "separable": True, "batch_size": 4, "learning_rate": 1e-4}, 13_927_114),
    ],
)
def test_weights_are_the_three_that_were_published(changes, weights):
    space, code = network(**changes)
    assert space.weights(code).tolist() == [weights]
    assert space.trainable(code).all()


def test_one_block_of_64_filters_has_the_published_transition():
    space, code = network(blocks=1)
    transition = 64 * 48 * 48 * 4096  # printed as 603,979,776
    assert transition == 603_979_776
    assert 0 < space.weights(code)[0] - transition < 4_500_000
    # a separable 3 x 3 filter has a third fewer weights
    parts = [int(space.weights(network(layers_per_block=2, separable=e)[1])[0]) for e in (False, True)]
    one = [int(space.weights(network(separable=e)[1])[0]) for e in (False, True)]
    convolutions = [whole - single for whole, single in zip(parts, one, strict=True)]
    assert round(100 * (1 - convolutions[1] / convolutions[0])) == 33  # per cent, as printed


def test_memory_grows_with_everything_and_bars_few_blocks_with_many_filters():
    space = field_of_view_grid()
    codes = space.enumerate()
    memory, fits = space.memory(codes), space.trainable(codes)
    for at in (1, 2, 6):  # layers, filters, batch
        upper = codes[codes[:, at] < space.variables[at].width - 1].copy()
        below = space.memory(upper)
        upper[:, at] += 1
        assert (space.memory(upper) > below).all()
    assert 0.03 < 1 - fits.mean() < 0.5
    assert not fits[(codes[:, 0] == 0) & (codes[:, 2] == 6)].any()  # one block, 256 filters
    assert fits[codes[:, 2] == 0].all()
    assert (memory[fits] <= 12 * GIGABYTE).all()


def test_a_mixed_space_is_exported_as_it_is():
    pytest.importorskip("ConfigSpace")
    optuna = pytest.importorskip("optuna")
    from nasbench_sim.strategies.adapters import code_of, configuration_of, configuration_space
    from nasbench_sim.strategies.adapters.optuna import distributions, entries

    space = optimisers()
    made = configuration_space(space)
    found = {tuple(code_of(space, each).tolist()) for each in made.sample_configuration(400)}
    assert found == set(map(tuple, space.enumerate().tolist()))
    for code in space.enumerate():
        configuration = configuration_of(space, made, code)
        assert dict(configuration) == space.values(code[None])[0]
    with pytest.raises(UserError, match="no 'momentum'"):
        code_of(space, {"optimizer": "sgd", "layers": 1})
    kinds = distributions(space)
    assert isinstance(kinds["optimizer"], optuna.distributions.CategoricalDistribution)
    for optimizer, momentum in product(("sgd", "adam"), range(3)):
        params = {"optimizer": optimizer, "momentum": momentum, "nesterov": True, "layers": 0}
        assert space.valid(np.array([entries(space, params)]))[0]
