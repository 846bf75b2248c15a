"""Knot vectors: evenly spaced, or where the data are; always in order."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from splinework.splines import adapted_knots, domain, grid_points, uniform_knots
from tests.contracts.cases import relative_distance

GRIDS = (1, 2, 5, 50, 1000)
DEGREES = (0, 1, 3, 9)

_rng = np.random.default_rng(0)
DATA = {
    "normal": _rng.normal(size=500),
    "exponential of a normal": np.exp(2 * _rng.normal(size=500)),
    "two clusters": np.where(_rng.random(500) < 0.5, _rng.normal(0, 1e-3, 500), _rng.normal(9, 1e-3, 500)),
    "one outlier": np.append(_rng.uniform(size=499), 1e6),
    "mostly one value": np.where(_rng.random(500) < 0.9, 1.0, _rng.uniform(0, 2, 500)),
    "two values": _rng.integers(0, 2, 500).astype(float),
    "whole numbers": _rng.integers(0, 7, 500).astype(float),
    "years": _rng.integers(1900, 2030, 500).astype(float),
    "constant": np.full(500, 3.7),
    "one row": np.array([0.4]),
    "two rows": np.array([0.4, -2.0]),
    "fewer rows than intervals": _rng.normal(size=4),
}
every_kind_of_data = pytest.mark.parametrize("data", DATA.values(), ids=DATA)


def ends_of(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The range of the data; one wide about a constant."""
    low, high = x.amin(0), x.amax(0)
    same = high == low
    return torch.where(same, low - 0.5, low), torch.where(same, high + 0.5, high)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("grid", GRIDS)
def test_uniform_knots_are_evenly_spaced_and_meet_both_ends_exactly(grid, degree):
    low = torch.tensor([-1.0, 0.1, -1e-3, 1e6], dtype=torch.float64)
    high = torch.tensor([1.0, 0.3, 1e5, 1e6 + 1], dtype=torch.float64)
    knots = uniform_knots(low, high, grid, degree)
    assert knots.shape == (4, grid + 2 * degree + 1)
    steps = np.arange(-degree, grid + degree + 1)
    truth = low[:, None].numpy() + (high - low)[:, None].numpy() / grid * steps
    scale = torch.maximum(low.abs(), high.abs())[:, None]
    assert relative_distance(knots / scale, torch.as_tensor(truth) / scale) <= 1e-14 * (1 + degree)
    assert torch.equal(domain(knots, degree)[0], low)
    assert torch.equal(domain(knots, degree)[1], high)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grid_eps", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("grid", GRIDS)
@every_kind_of_data
def test_adapted_knots_strictly_increase_and_meet_both_ends_whatever_the_data(data, grid, grid_eps, dtype):
    x = torch.tensor(data, dtype=dtype)[:, None]
    low, high = ends_of(x)
    knots = adapted_knots(x, grid, 3, grid_eps=grid_eps, low=low, high=high)
    assert knots.shape == (1, grid + 7)
    assert knots.dtype == dtype
    assert (torch.diff(knots, dim=1) > 0).all()
    assert torch.equal(domain(knots, 3)[0], low)
    assert torch.equal(domain(knots, 3)[1], high)


@given(
    data=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-100, 100, width=32)),
    grid=st.integers(1, 20),
    degree=st.integers(0, 9),
    grid_eps=st.floats(0, 1),
    width=st.floats(0.01, 100),
)
def test_adapted_knots_leave_no_interval_under_a_hundredth_of_the_mean(data, grid, degree, grid_eps, width):
    x = torch.tensor(data)[:, None]
    low, high = x.amin(0), x.amax(0) + width
    knots = adapted_knots(x, grid, degree, grid_eps=grid_eps, low=low, high=high)
    mean = (high - low) / grid
    assert torch.diff(knots, dim=1).min() >= 0.0099 * mean * (1 - 1e-6)


@every_kind_of_data
def test_grid_eps_of_one_is_uniform(data):
    x = torch.tensor(data)[:, None]
    low, high = ends_of(x)
    adapted = adapted_knots(x, 8, 3, grid_eps=1.0, low=low, high=high)
    scale = torch.maximum(low.abs(), high.abs())
    assert relative_distance(adapted / scale, uniform_knots(low, high, 8, 3) / scale) <= 1e-14


@pytest.mark.parametrize("wider", [0.0, 1.0])
@pytest.mark.parametrize("draw", ["uniform", "normal", "square"])
def test_grid_eps_of_zero_puts_as_many_samples_into_every_interval(draw, wider):
    share = (torch.arange(20000, dtype=torch.float64) + 0.5) / 20000
    x = {"uniform": share, "normal": torch.special.ndtri(share) / 8, "square": share**2}[draw][:, None]
    low, high = x.amin(0) - wider * (x.amax(0) - x.amin(0)), x.amax(0)  # the domain may begin far below the data
    knots = adapted_knots(x, 8, 3, grid_eps=0.0, low=low, high=high)
    counts = np.histogram(x[:, 0], bins=grid_points(knots, 3)[0].numpy())[0]
    fair = 20000 / 8
    # A hundredth of the mean width goes to every interval, whatever it holds: that is the slack.
    assert counts.max() <= fair * (1.15 if not wider else 1.5)
    assert counts.min() >= fair * (0.85 if not wider else 0.5)


def test_quantiles_are_numpy_s():
    x = torch.tensor(_rng.normal(size=(37, 2)))
    low, high = x.amin(0), x.amax(0)
    points = grid_points(adapted_knots(x, 6, 2, grid_eps=0.0, low=low, high=high), 2)
    for i in range(2):
        quantiles = np.quantile(x[:, i].numpy(), np.linspace(0, 1, 7))
        # Every width grows by a hundredth of the mean, then all shrink to fit.
        widths = (np.diff(quantiles) + 0.01 * np.ptp(quantiles) / 6) / 1.01
        assert relative_distance(points[i], quantiles[0] + np.concatenate([[0], np.cumsum(widths)])) <= 1e-13


@pytest.mark.parametrize("grid_eps", [0.0, 0.3])
def test_adapted_knots_follow_a_change_of_unit_and_of_the_order_of_rows(grid_eps):
    x = torch.tensor(DATA["normal"])[:, None]
    low, high = ends_of(x)
    knots = adapted_knots(x, 9, 3, grid_eps=grid_eps, low=low, high=high)
    moved = adapted_knots(7 * x - 3, 9, 3, grid_eps=grid_eps, low=7 * low - 3, high=7 * high - 3)
    shuffled = adapted_knots(x.flip(0), 9, 3, grid_eps=grid_eps, low=low, high=high)
    assert relative_distance(moved, 7 * knots - 3) <= 1e-13
    assert torch.equal(shuffled, knots)


def test_columns_do_not_mix():
    x = torch.tensor(np.stack([DATA["normal"], DATA["two values"]], axis=1))
    low, high = ends_of(x)
    both = adapted_knots(x, 5, 3, grid_eps=0.0, low=low, high=high)
    for i in range(2):
        alone = adapted_knots(x[:, [i]], 5, 3, grid_eps=0.0, low=low[[i]], high=high[[i]])
        assert torch.equal(both[i], alone[0])


@pytest.mark.parametrize("degree", DEGREES)
def test_knots_outside_continue_the_outermost_intervals(degree):
    x = torch.tensor(DATA["exponential of a normal"])[:, None]
    low, high = ends_of(x)
    steps = torch.diff(adapted_knots(x, 6, degree, grid_eps=0.2, low=low, high=high), dim=1)[0]
    assert relative_distance(steps[:degree], steps[degree].expand(degree)) <= 1e-12
    assert relative_distance(steps[-degree:] if degree else steps[:0], steps[degree + 5].expand(degree)) <= 1e-12
