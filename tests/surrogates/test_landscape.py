"""Landscape statistics on cases that can be counted."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from nasbench_sim.spaces.nasbench101 import NASBench101
from surrogates.landscape import expected_best, landscape, neighbour_pairs, quality, share_of_optima


def test_expected_best_is_the_mean_over_all_draws():
    errors = np.random.default_rng(0).random(9)
    for n in (1, 3, 9):
        assert expected_best(errors, n) == pytest.approx(np.mean([min(draw) for draw in combinations(errors, n)]))


def test_a_path_of_five_cells():
    """0 - 1 - 2 - 3, and 4 without neighbours: 0 and 2 are optima; 4 is not counted."""
    errors = np.array([0.1, 0.2, 0.15, 0.2, 0.05])
    pairs = np.array([0, 1, 1, 2, 2, 3]), np.array([1, 0, 2, 1, 3, 2])
    found = landscape(errors, pairs, draws=(1, 2))
    assert found.local_optima == 0.5
    assert found.ties == 0.4
    assert found.best_of[1] == pytest.approx(errors.mean() - 0.05)


def test_neighbours_are_those_of_the_space_within_the_sample():
    space = NASBench101()
    centre = space.sample(np.random.default_rng(1), 1)
    reached = space.neighbours(centre[0])[:6]
    codes = np.concatenate([centre, reached])
    cell, other = neighbour_pairs(space, codes, space.key(codes))
    assert sorted(other[cell == 0]) == [1, 2, 3, 4, 5, 6]


def test_quality_of_a_perfect_and_of_a_constant_factor():
    measured = np.exp(np.random.default_rng(2).normal(-2.4, 0.3, 500))
    same = quality(measured, measured)
    assert (same.tau, same.r2, same.spearman_best) == pytest.approx((1, 1, 1))
    scaled = quality(measured, 1.1 * measured)  # ranks do not see it, the share explained does
    assert scaled.tau == pytest.approx(1)
    assert scaled.r2 == pytest.approx(1 - np.log(1.1) ** 2 / np.var(np.log(measured)))


def test_noise_makes_optima():
    space = NASBench101()
    codes = space.enumerate()
    keys = space.key(codes)
    size = space.parameters(codes).astype(float)
    smooth, rough = share_of_optima(space, codes, keys, size, 0.5, seed=1, cells=1500)
    assert smooth < 0.01  # parameters have few minima
    # With nothing but noise a cell of about 19 neighbours is the least with probability 1 in 20.
    flat, noisy = share_of_optima(space, codes, keys, np.ones(len(codes)), 0.5, seed=1, cells=1500)
    assert flat == 0
    assert noisy == pytest.approx(0.05, abs=0.03)
    assert smooth < rough < noisy + 0.02
