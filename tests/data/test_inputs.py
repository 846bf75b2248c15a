"""Inputs: distributions as promised, the ends of their ranges kept, correlations as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splinework.data.inputs import Input, check_inputs, correlated
from splinework.errors import ConfigError, FormulaError
from tests.families import every

LEVELS = (np.arange(4000) + 0.5) / 4000
NORMAL = stats.truncnorm(-3, 3, loc=5.0, scale=1.0)
CASES = [
    (Input("x", 2.0, 8.0), stats.uniform(2, 6).cdf),
    (Input("x", 2.0, 8.0, "", "loguniform"), stats.loguniform(2, 8).cdf),
    (Input("x", 2.0, 8.0, "", "normal"), NORMAL.cdf),
]


@pytest.mark.parametrize(("one", "cdf"), CASES, ids=lambda case: getattr(case, "distribution", ""))
def test_levels_are_those_of_the_distribution_function(one, cdf):
    np.testing.assert_allclose(cdf(one.values(LEVELS)), LEVELS, atol=1e-12)


def test_whole_numbers_come_alike():
    values = Input("k", -1.5, 3.2, "", "integer").values(LEVELS)
    assert sorted(set(values)) == [-1, 0, 1, 2, 3]
    assert set(np.unique(values, return_counts=True)[1]) == {800}


@given(
    low=st.floats(1e-3, 1e3),
    width=st.floats(1e-3, 1e3),
    distribution=st.sampled_from(["uniform", "loguniform", "normal"]),
)
def test_the_ends_of_the_levels_are_the_ends_of_the_range(low, width, distribution):
    one = Input("x", low, low + width, "", distribution)
    ends = one.values(np.array([0.0, 1.0]))
    np.testing.assert_allclose(ends, [one.low, one.high], rtol=1e-9)
    assert one.low <= ends[0] <= ends[1] <= one.high


def test_correlated_levels_stay_uniform_and_have_their_rank_correlation():
    table = ((1.0, 0.8, 0.0), (0.8, 1.0, -0.3), (0.0, -0.3, 1.0))
    u = np.random.default_rng(0).random((20_000, 3))
    found = correlated(u, table)
    for column in found.T:
        assert stats.kstest(column, stats.uniform.cdf).pvalue > 0.01
    expected = 6 / np.pi * np.arcsin(np.array(table) / 2)
    np.testing.assert_allclose(stats.spearmanr(found).statistic, expected, atol=0.02)
    np.testing.assert_array_equal(correlated(u[:7], table), found[:7])
    assert np.isfinite(correlated(np.array([[0.0, 1.0, 0.5]]), table)).all()


@every(
    ("make", "fragment"),
    [
        (lambda: Input("x", 1, 1), "low < high"),
        (lambda: Input("x", 0, float("inf")), "finite"),
        (lambda: Input("x", 0, 1, "", "gauss"), "no distribution"),
        (lambda: Input("x", 0, 1, "", "loguniform"), "above 0"),
        (lambda: Input("x", 0.2, 0.8, "", "integer"), "no whole number"),
        (lambda: check_inputs([Input("a"), Input("b")], ((1.0,),)), "2 times 2"),
        (lambda: check_inputs([Input("a"), Input("b")], ((1.0, 0.5), (0.4, 1.0))), "symmetric"),
        (lambda: check_inputs([Input("a"), Input("b")], ((1.0, 1.0), (1.0, 1.0))), "inconsistent"),
    ],
)
def test_what_cannot_be_is_refused(make, fragment):
    with pytest.raises(ConfigError, match=fragment):
        make()


def test_names_are_those_of_formulas():
    for name in ("", "a b", "if", "1x"):
        with pytest.raises(FormulaError, match="usable name"):
            Input(name)
    with pytest.raises(FormulaError, match="listed twice"):
        check_inputs([Input("a"), Input("a")])
