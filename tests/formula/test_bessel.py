"""J0 equals the value at fifty digits, near, far, and across the switch of methods."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from splinework.formula.bessel import bessel_j0


@pytest.mark.parametrize("box", [(0, 5), (5, 24.9), (24.99, 25.01), (25, 100), (1e2, 1e5), (1e5, 1e12)], ids=str)
def test_it_equals_mpmath(box: tuple[float, float]) -> None:
    x = np.random.default_rng(0).uniform(*box, size=200)
    with mpmath.workdps(50):
        exact = np.array([float(mpmath.besselj(0, mpmath.mpf(float(value)))) for value in x])
    envelope = np.sqrt(2 / (np.pi * np.maximum(x, 1)))
    assert np.abs((bessel_j0(x) - exact) / envelope).max() < 5e-15


def test_it_is_even_and_one_at_zero() -> None:
    x = np.array([[0.0, 3.0, 40.0]])
    assert np.array_equal(bessel_j0(-x), bessel_j0(x))
    assert bessel_j0(0.0) == 1.0
    assert bessel_j0(x).shape == x.shape


def test_it_is_nan_where_it_is_undefined() -> None:
    assert np.isnan(bessel_j0([np.nan, np.inf, -np.inf])).all()
