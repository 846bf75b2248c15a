"""Dependent columns are found with as few inputs as explain them, at any noise; independent ones depend on none."""

import numpy as np
import pytest

from splinework.discover.dependences import dependences, unbiased


def unsupervised(noise, seed):
    """The toy of Liu et al. 2024, §4.2: two relations among five columns, a sixth that has none; noise in every column."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1, 1, (1000, 6))
    x[:, 2] = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    x[:, 4] = x[:, 3] ** 3
    return x + noise * x.std(axis=0) * draw.normal(size=x.shape)


@pytest.mark.quick(1)
@pytest.mark.parametrize("noise", [0.0, 0.05, pytest.param(0.01, marks=pytest.mark.slow)])
def test_both_relations_are_found_and_the_idle_column_is_none(noise):
    found, independent = dependences(unsupervised(noise, seed=1), most=0.25)
    assert {frozenset((each.target, *each.inputs)) for each in found} == {frozenset((0, 1, 2)), frozenset((3, 4))}
    assert independent == [5]
    assert all(each.contrast < 0.2 for each in found)


@pytest.mark.parametrize("kind", ["uniform", "normal", "lognormal"])
def test_independent_columns_depend_on_none(kind):
    x = getattr(np.random.default_rng(2), kind)(size=(300, 4))
    assert dependences(x, most=0.25) == ([], [0, 1, 2, 3])


def test_as_many_dependences_as_columns_less_dimensions():
    u = np.random.default_rng(3).uniform(1, 2, (300, 2))
    x = np.column_stack([u, u[:, 0] * u[:, 1], np.sin(u[:, 0]), 4 * u[:, 0] + np.exp(u[:, 1])])
    found, independent = dependences(x, most=0.25)
    assert len(found) == 3
    assert independent == []


def test_rows_that_noise_in_an_input_moved_beyond_its_range_are_left_out():
    draw = np.random.default_rng(4)
    true = draw.uniform(-1, 1, 4000)
    x, y = true[:, None] + 0.1 * draw.normal(size=(4000, 1)), true**3
    inside, weights = unbiased(x, y + 0.1 * draw.normal(size=4000))
    away = np.abs(np.polyval(np.polyfit(x[:, 0], y, 3), 0.8) - 0.8**3)
    kept = np.polyfit(x[inside, 0], y[inside], 3, w=np.sqrt(weights))
    assert np.abs(x[inside]).max() < 1
    assert np.abs(np.polyval(kept, 0.8) - 0.8**3) < away
