"""Laws of the judgement on residuals: noise has no structure, what a smooth function leaves has, and the error of a process is
that of the noise."""

import numpy as np
import pytest

from splinework.interpret.symbolic.residuals import (
    _follow_polynomials,
    _Kernel,
    has_structure,
    left_out_errors,
    local_noise,
    process_error,
)


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_noise_has_no_structure(columns):
    draw = np.random.default_rng(columns)
    x = draw.uniform(-1, 1, (200, columns))
    noise = {1: draw.normal(size=200), 2: draw.standard_t(3, size=200), 4: draw.uniform(-1, 1, 200)}[columns]
    assert not has_structure(x, x @ np.ones(columns), noise)


LEFT = {
    "of two columns together": lambda x: np.sin(3 * x[:, 0]) * np.sin(3 * x[:, 1]),
    "of a quotient": lambda x: x[:, 0] / (1.5 + x[:, 1]),
    "of a few rows": lambda x: np.exp(-20 * ((x[:, 0] - 0.3) ** 2 + (x[:, 1] + 0.2) ** 2)),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_a_smooth_function_leaves_has_structure(name):
    draw = np.random.default_rng(1)
    x = draw.uniform(-1, 1, (400, 2))
    y = LEFT[name](x)
    line = np.column_stack([np.ones(400), x])
    left = y - line @ np.linalg.lstsq(line, y, rcond=None)[0]
    assert has_structure(x, x[:, 0], left + 0.5 * left.std() * draw.normal(size=400))


def test_the_errors_of_a_process_are_those_of_the_noise():
    draw = np.random.default_rng(2)
    x = draw.uniform(-2, 2, (400, 2))
    y = np.tanh(3 * x[:, 0]) * x[:, 1]
    assert process_error(x, y, np.ones(400)) < 0.02 * y.std()  # polynomials of all degrees leave more
    noisy = y + 0.3 * draw.normal(size=400)
    assert 0.29 < process_error(x, noisy, np.ones(400)) < 0.36


def test_errors_of_rows_left_out_are_those_of_fits_without_them():
    draw = np.random.default_rng(3)
    x, y = draw.normal(size=(30, 2)), draw.normal(size=30)
    kernel = _Kernel(np.array([0.1, -0.3, 0.2, -1.0]))
    covariance = kernel.of(x)
    inverse = np.linalg.inv(covariance)
    short = inverse @ y / np.diag(inverse)
    for row in (0, 11, 29):
        rest = np.arange(30) != row
        direct = y[row] - covariance[row, rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], y[rest])
        assert abs(direct - short[row]) < 1e-10
    assert left_out_errors(x, y).shape == (30,)


def test_the_gradient_of_the_likelihood_is_that_of_differences():
    draw = np.random.default_rng(4)
    x, y, numbers = draw.normal(size=(25, 2)), draw.normal(size=25), np.array([0.2, -0.1, 0.3, -0.7])
    slope = _Kernel(numbers).loss(x, y)[1]
    for i, step in enumerate(1e-6 * np.eye(4)):
        around = _Kernel(numbers + step).loss(x, y)[0] - _Kernel(numbers - step).loss(x, y)[0]
        assert abs(around / 2e-6 - slope[i]) < 1e-6


@pytest.mark.parametrize("count", [60, 400])
@pytest.mark.parametrize(
    "curve",
    [np.abs, np.sign, np.floor, lambda x: np.clip(x, -0.5, 0.8), lambda x: x**5 - np.maximum(x, 0.2) ** 2],
    ids=["abs", "sign", "floor", "clip", "splines"],
)
def test_a_curve_without_noise_has_none_beside_its_kinks(curve, count):
    """Pieces of polynomials of degree five or less are exact between rows, however unevenly these lie."""
    x = np.random.default_rng(count).uniform(-2, 2, count)
    assert local_noise(x, curve(x)) <= 1e-9
    assert local_noise(x, curve(x) + 0.01 * np.cos(1e4 * x)) > 1e-3


@pytest.mark.parametrize("size", [1e-5, 1.0])
def test_the_noise_of_a_curve_is_found_in_its_units(size):
    """The median of 4000 dependent errors has a standard error of some per cent; equal inputs are averages of two rows."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 4000)
    y = np.abs(x) + size * rng.standard_normal(len(x))
    assert local_noise(x, y) == pytest.approx(size, rel=0.1)
    assert local_noise(np.repeat(x, 2), np.repeat(y, 2)) == pytest.approx(local_noise(x, y), rel=1e-12)
    assert local_noise(x[:7], y[:7]) == np.inf


@pytest.mark.parametrize("columns", [1, 2])
def test_a_smooth_error_of_a_sixth_of_the_noise_is_structure(columns):
    """Neighbours do not see it: their correlation is 1/36 with a standard error of 1/32."""
    draw = np.random.default_rng(4)
    x = draw.uniform(-1, 1, (1000, columns))
    smooth = np.cos(4 * x[:, 0]) if columns == 1 else x[:, 0] ** 2 * x[:, 1]
    smooth = (smooth - smooth.mean()) / smooth.std()
    assert has_structure(x, x[:, 0], draw.normal(size=1000) + 0.19 * smooth)


@pytest.mark.parametrize("columns", [1, 3])
def test_polynomials_find_nothing_in_noise(columns):
    found = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        found += _follow_polynomials(
            draw.permuted(np.tile(np.arange(300.0), (columns, 1)), axis=1).T, draw.normal(size=300)
        )
    assert found <= 1
