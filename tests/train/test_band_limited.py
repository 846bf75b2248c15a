"""Functions of a limited band: exact on their own kind between the rows, and taken only where they err far less than splines."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.splines.bases import BSpline
from splinework.train.band_limited import BandLimited
from splinework.train.curve import smooth_curve
from splinework.train.data_split import Samples
from splinework.train.penalised_spline import thin_svd
from tests.families import slow


def rows_of(count: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, count))


def drawn(seed: int, waves: float):
    """A sum of three waves whose frequency and size change along the range, of at most so many turns over it."""
    rng = np.random.default_rng([7, seed])
    turns, phase, bend = rng.uniform(0.5, 1, 3) * waves * np.pi / 1.5, rng.uniform(0, 6, 3), rng.uniform(-0.2, 0.2, 3)
    return lambda x: sum(
        np.exp(b * x) * np.sin(t * (x + b * x**2) + p) for t, b, p in zip(turns, bend, phase, strict=True)
    )


def chosen(x, y):
    rows = Samples(torch.as_tensor(x)[:, None], torch.as_tensor(y)[:, None], None)
    return smooth_curve(sw.KAN([1, 1], dtype=torch.float64), rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("waves", [4, 16, 40])
def test_a_series_of_the_band_is_met_between_the_rows_and_by_the_spline(waves, weighted):
    x, between = rows_of(6 * waves + 60, waves), torch.linspace(-1, 1, 501, dtype=torch.float64)
    root = 0.5 + rows_of(len(x), 1).abs() if weighted else torch.ones_like(x)
    own = torch.randn(2, waves, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def series(u):
        angles = (2 * np.pi / 3) * u[:, None] * torch.arange(1, waves + 1)
        return 3.0 + angles.cos() @ own[0] + angles.sin() @ own[1]

    found = BandLimited.on(x, root, -1.0, 1.0, waves)
    y = root[:, None] * series(x)
    torch.testing.assert_close(found.left.T @ found.left, torch.eye(found.left.shape[1], dtype=torch.float64))
    basis = BSpline(12 * waves, 9)
    grid = basis.make_grid(torch.tensor([-1.0]).double(), torch.tensor([1.0]).double())
    plain, spline = basis.rows(between[:, None], grid, basis.prepare(grid), 0)[:, 0], found.spline(basis, grid)
    for j, truth in enumerate(series(between).T):
        torch.testing.assert_close(found.values(between, y[:, j], 1e-28), truth, rtol=0, atol=1e-6)
        torch.testing.assert_close(plain @ spline.coefficients(y[:, j], 1e-28), truth, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strength", [1e-20, 1e-3])
def test_the_penalty_is_on_the_squares_of_the_coefficients(strength):
    """Their values are those of a ridge regression with a row of zero for each of them."""
    x, root = rows_of(60, 5), 0.5 + rows_of(60, 6).abs()
    y, at = root * torch.exp(x), torch.linspace(-1, 1, 7, dtype=torch.float64)
    found = BandLimited.on(x, root, -1.0, 1.0, 3)

    def columns(u):
        angles = (2 * np.pi / 3) * u[:, None] * torch.arange(1, 4)
        return torch.cat([torch.ones_like(u)[:, None], angles.cos(), angles.sin()], dim=1)

    rows = root[:, None] * columns(x)
    size = strength**0.5 * torch.linalg.svdvals(rows)[0]
    rows, y_all = torch.cat([rows, size * torch.eye(7).double()]), torch.cat([y, torch.zeros(7).double()])
    coefficients = torch.linalg.lstsq(rows, y_all[:, None], driver="gelsd").solution
    torch.testing.assert_close(found.values(at, y, strength), (columns(at) @ coefficients)[:, 0])
    torch.testing.assert_close(found.coefficients(y, strength), coefficients[:, 0], rtol=1e-8, atol=1e-8)


def test_residuals_left_out_are_those_of_fits_without_the_row():
    x, y = rows_of(120, 3), torch.sin(40 * rows_of(120, 3))
    ends, ones = torch.tensor([-1.0, 1.0]).double(), torch.ones(119).double()
    whole = BandLimited.on(x, torch.ones(120).double(), -1.0, 1.0, 8)  # of full rank, where the formula is exact
    off = (y - whole.left @ (whole.left.T @ y)) / (1 - whole.left.square().sum(1))
    for row in (0, 17, 119):
        others = torch.arange(120) != row
        without = BandLimited.on(x[others], ones, *ends.tolist(), 8)
        torch.testing.assert_close(
            y[row] - without.values(x[row : row + 1], y[others], 0.0)[0], off[row], rtol=1e-6, atol=0
        )


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    ("waves", "seed"),
    [(10, 0), (26, 0), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((10, 1), (10, 3), (26, 2)))],
)
def test_waves_that_rows_just_resolve_are_met(waves, seed):
    """Of 26 waves in 300 rows a spline leaves a thousandth: rows are far apart in places, some of a leverage of nearly one."""
    truth, x = drawn(seed, waves), np.random.default_rng(seed).uniform(-1, 1, 300)
    curve = chosen(x, truth(x))
    fresh = np.linspace(x.min(), x.max(), 2000)
    off = curve(torch.from_numpy(fresh[:, None])).detach().numpy()[:, 0] - truth(fresh)
    assert np.sqrt(np.mean(off**2)) < 1e-9 * truth(fresh).std()
    assert torch.isfinite(curve.deviation(torch.from_numpy(fresh[:, None]))).all()


@pytest.mark.parametrize(("rows", "rate", "seed"), [(200, 9, 3), (200, 9, 4), (300, 14, 4)])
def test_chirps_are_met_where_rows_are_further_apart_than_half_their_fastest_wave(rows, rate, seed):
    """Least squares alone leave 2e-7 to 4e-7: series of so many waves are not determined where the chirp is slow."""
    x = np.random.default_rng(seed).uniform(-1, 1, rows)
    curve = chosen(x, np.sin(rate * (x + 1) ** 2))
    fresh = np.linspace(x.min(), x.max(), 4000)
    off = curve(torch.from_numpy(fresh[:, None])).detach().numpy()[:, 0] - np.sin(rate * (fresh + 1) ** 2)
    assert np.sqrt(np.mean(off**2)) < 5e-9


@pytest.mark.quick(2)
@pytest.mark.parametrize("noise", [0.1, *slow(0.001, 1.0)])
@pytest.mark.parametrize("waves", [0.5, 8])
def test_noise_and_kinks_are_left_to_splines(waves, noise):
    x, rng = np.random.default_rng(1).uniform(-1, 1, 300), np.random.default_rng(2)
    smooth = drawn(5, waves)(x)
    assert chosen(x, smooth + noise * rng.normal(size=300)).chosen.waves == 0
    assert chosen(x, smooth + np.abs(x - noise / 2)).chosen.waves == 0


def test_all_outputs_are_met():
    x = np.random.default_rng(4).uniform(-1, 1, 300)
    truths = [drawn(seed, 9) for seed in (11, 12)]
    y = np.stack([truth(x) for truth in truths], axis=1)
    rows = Samples(torch.from_numpy(x[:, None]), torch.from_numpy(y), None)
    curve = smooth_curve(sw.KAN([1, 2], dtype=torch.float64), rows)
    fresh = np.linspace(x.min(), x.max(), 2000)
    off = curve(torch.from_numpy(fresh[:, None])).detach().numpy() - np.stack(
        [truth(fresh) for truth in truths], axis=1
    )
    assert np.sqrt(np.mean(off**2)) < 1e-8


def test_a_decomposition_that_does_not_converge_by_dividing_is_the_same_by_iterations(monkeypatch):
    matrix = (
        torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) @ torch.ones(4, 5).double()
    )

    def diverges(*given, **options):
        raise torch.linalg.LinAlgError("did not converge")

    monkeypatch.setattr(torch.linalg, "svd", diverges)
    left, sizes, right = thin_svd(matrix)
    torch.testing.assert_close(left * sizes @ right, matrix, rtol=0, atol=1e-12)
    torch.testing.assert_close(left.T @ left, torch.eye(5).double(), rtol=0, atol=1e-12)
    assert bool((sizes[1:] < 1e-12).all())
