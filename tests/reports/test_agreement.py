"""Kendall's coefficient of concordance by hand, against Friedman's test, and its interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.agreement import concordance, kendalls_w


def test_rankings_that_agree_and_that_cancel() -> None:
    assert kendalls_w([[1, 2, 3], [10, 20, 30]]) == 1
    assert kendalls_w([[1, 2, 3], [3, 2, 1]]) == 0
    assert kendalls_w([[1, 2, 3], [1, 3, 2]]) == pytest.approx(0.75)  # sums 2, 5, 5: 12 * 6 / (4 * 24)
    assert np.isnan(kendalls_w([[1, 1, 1], [2, 2, 2]]))
    assert np.isnan(kendalls_w([[1, 2, 3]]))


@pytest.mark.parametrize("ties", [False, True])
def test_it_is_friedmans_statistic_on_another_scale(ties: bool) -> None:
    values = np.random.default_rng(1).normal(size=(6, 5))
    values = np.round(values) if ties else values
    statistic = stats.friedmanchisquare(*values.T).statistic
    assert kendalls_w(values) == pytest.approx(statistic / (6 * 4))


def test_clear_rankings_leave_no_doubt_and_close_ones_do() -> None:
    rng = np.random.default_rng(2)
    clear = [rng.normal(size=(3, 20)) + np.array([[0], [9], [18]]) for _ in range(4)]
    found = concordance(clear)
    assert (found.value, found.low, found.high) == (1, 1, 1)
    close = concordance([rng.normal(size=(3, 20)) for _ in range(4)])
    assert close.low < close.high
    assert 0 <= close.low <= close.high <= 1


def test_too_little_is_told() -> None:
    assert "needs two" in concordance([np.zeros((3, 5))]).note
    assert "needs two" in concordance([]).note
    assert np.isnan(concordance([np.ones((3, 1)), np.zeros((3, 1))]).low)
