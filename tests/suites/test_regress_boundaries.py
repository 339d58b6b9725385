"""Critical values at several looks: published ones, and the error they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from suites.gate.boundaries import critical_values, levels, spent


@pytest.mark.parametrize(
    ("first", "second"),
    # Two equal looks, two-sided 5%: Jennison and Turnbull 2000, Tables 2.1 (Pocock) and 2.3 (O'Brien and Fleming).
    [(2.178, 2.178), (2.797, 1.977)],
)
def test_two_looks_are_those_of_pocock_and_of_obrien_and_fleming(first, second):
    power = np.log(0.025 / norm.sf(first)) / np.log(2)  # spends at the first look what that test spends
    assert critical_values((1, 2), 0.025, power) == pytest.approx((first, second), abs=2e-3)


def test_five_looks_of_the_power_family():
    """Kim and DeMets 1987: alpha t^3, one-sided 2.5%, equal looks; also what R's ldbounds prints."""
    assert critical_values((1, 2, 3, 4, 5), 0.025, 3.0) == pytest.approx((3.54, 2.97, 2.60, 2.31, 2.05), abs=6e-3)


def test_one_look_is_an_ordinary_test():
    assert critical_values((50,), 0.05) == pytest.approx((1.6449,), abs=1e-4)
    assert levels((50,), 0.01) == pytest.approx((0.01,))


def test_any_boundary_is_crossed_with_the_probability_that_was_promised():
    looks, alpha, paths = (60, 100, 140, 190, 240), 0.05, 100_000
    rng = np.random.default_rng(3)
    steps = np.diff(looks, prepend=0)
    scores = np.cumsum(rng.standard_normal((paths, len(looks))) * np.sqrt(steps), axis=1) / np.sqrt(looks)
    over = np.maximum.accumulate(scores > critical_values(looks, alpha), axis=1).mean(axis=0)
    assert np.abs(over - spent(looks, alpha)).max() < 4 * np.sqrt(alpha / paths)
