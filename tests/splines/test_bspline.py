"""B-splines against scipy's, on every kind of knots."""

import numpy as np
import pytest
import torch
from torch import Tensor

from splinework.splines import bspline_rows, bspline_values, cell_polynomials
from tests.contracts.cases import bspline_oracle, relative_distance
from tests.families import every

KINDS = ("uniform", "clamped", "random", "repeated")
DEGREES = range(10)


def knots_of(kind: str, degree: int, grid: int, seed: int = 0) -> np.ndarray:
    """One knot vector with `grid` intervals, some of no width where the kind is `repeated`."""
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        return -1 + np.arange(-degree, grid + degree + 1) * (2 / grid)
    if kind == "clamped":
        inner = np.sort(rng.uniform(-1, 1, grid - 1))
        return np.concatenate([np.full(degree + 1, -1.0), inner, np.full(degree + 1, 1.0)])
    widths = np.exp(rng.normal(size=grid + 2 * degree))
    if kind == "repeated":  # multiplicities up to k, never the whole domain
        widths[rng.random(widths.size) < 0.3] = 0.0
        widths[degree] = 1.0
    return np.concatenate([[0.0], np.cumsum(widths)]) * (2 / widths.sum()) - 1


def points_of(knots: np.ndarray, degree: int) -> np.ndarray:
    """Everywhere that matters: at random in the domain and outside, on every knot and its neighbours, at both ends."""
    rng = np.random.default_rng(1)
    low, high = knots[degree], knots[len(knots) - 1 - degree]
    some = knots[:: max(1, len(knots) // 60)]
    inside = rng.uniform(low, high, 150)
    outside = rng.uniform(knots[0] - 1, knots[-1] + 1, 60)
    # A neighbour of an end may be outside already, where the splines jump if the end is clamped.
    near = np.clip(np.concatenate([np.nextafter(some, -9), np.nextafter(some, 9)]), low, high)
    return np.concatenate([inside, outside, some, near, [low, high, knots[0], knots[-1]]])


def rows_at(x: np.ndarray, knots: np.ndarray, degree: int, r: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    points, grid = torch.tensor(x, dtype=dtype)[:, None], torch.tensor(knots, dtype=dtype)[None]
    return bspline_rows(points, grid, cell_polynomials(grid, degree), degree, r)[:, 0]


def continuous_at(x: np.ndarray, knots: np.ndarray, degree: int, r: int) -> np.ndarray:
    """Where the r-th derivative of no spline jumps, that is off the knots of multiplicity above k - r."""
    jumping = [t for t in np.unique(knots) if (knots == t).sum() > degree - r]
    return np.array([all(abs(p - t) > 1e-9 for t in jumping) for p in x], dtype=bool)


@pytest.mark.parametrize("grid", [1, 5, 50])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_rows_equal_scipy(degree, kind, grid):
    knots = knots_of(kind, degree, grid)
    x = points_of(knots, degree)
    assert relative_distance(rows_at(x, knots, degree), bspline_oracle(x, knots, degree)) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", [0, 1, 3, 9])
def test_rows_equal_scipy_on_a_thousand_intervals(degree, kind):
    knots = knots_of(kind, degree, 1000)
    x = points_of(knots, degree)
    assert relative_distance(rows_at(x, knots, degree), bspline_oracle(x, knots, degree)) <= 1e-12


@pytest.mark.parametrize("grid", [1, 5, 50, 1000])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5, 9])
def test_rows_in_single_precision_equal_scipy(degree, kind, grid):
    knots = knots_of(kind, degree, grid).astype(np.float32)
    # Rounded knots may coincide; points are rounded before the oracle sees them, so only our own error is measured.
    knots, x = np.sort(knots), points_of(knots.astype(np.float64), degree).astype(np.float32)
    ours = rows_at(x, knots, degree, dtype=torch.float32)
    assert ours.dtype == torch.float32
    assert relative_distance(ours, bspline_oracle(x.astype(np.float64), knots.astype(np.float64), degree)) <= 2e-6


@pytest.mark.parametrize("grid", [1, 5, 50])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_derivatives_of_every_order_equal_scipy(degree, kind, grid):
    knots = knots_of(kind, degree, grid)
    every = points_of(knots, degree)
    for r in range(degree + 2):
        x = every[continuous_at(every, knots, degree, r)]
        truth = bspline_oracle(x, knots, degree, r)
        scale = np.abs(truth).max(initial=0.0) or 1.0
        assert relative_distance(rows_at(x, knots, degree, r) / scale, truth / scale) <= 1e-11, r


@every("degree", DEGREES)
def test_a_derivative_that_jumps_is_the_one_from_the_right_and_at_the_upper_end_from_the_left(degree):
    knots = knots_of("random", degree, 6)
    inner, high = knots[degree : degree + 6], knots[degree + 6]
    top = degree  # the highest order that is not zero everywhere
    at = rows_at(np.append(inner, high), knots, degree, top)
    beside = rows_at(np.append(inner + 1e-9, high - 1e-9), knots, degree, top)
    assert relative_distance(at / beside.abs().max(), beside / beside.abs().max()) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_splines_sum_to_one_in_the_domain_and_their_derivatives_to_zero(degree, kind):
    knots = knots_of(kind, degree, 12)
    x = points_of(knots, degree)
    x = x[(x >= knots[degree]) & (x <= knots[-1 - degree])]
    values = rows_at(x, knots, degree)
    assert (values.sum(1) - 1).abs().max() <= 1e-13
    assert values.min() >= -1e-15
    for r in range(1, degree + 1):
        rows = rows_at(x, knots, degree, r)
        assert rows.sum(1).abs().max() <= 1e-12 * rows.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_outside_all_knots_everything_is_zero_however_far(degree, kind, dtype):
    grid = torch.tensor(knots_of(kind, degree, 5), dtype=dtype)[None]
    far = torch.finfo(dtype).max
    x = torch.tensor([[-far], [-1e15], [-1e3], [-2.1], [2.1], [1e3], [1e15], [far]], dtype=dtype, requires_grad=True)
    grid = grid / grid.abs().max()  # all knots in [-1, 1]
    for r in range(degree + 2):
        rows = bspline_rows(x, grid, cell_polynomials(grid, degree), degree, r)
        (slope,) = torch.autograd.grad(rows.sum(), x)
        assert torch.equal(rows, torch.zeros_like(rows))
        assert torch.equal(slope, torch.zeros_like(slope))


@pytest.mark.parametrize("degree", DEGREES)
def test_nan_stays_nan_and_spoils_no_neighbour(degree):
    knots = knots_of("uniform", degree, 4)
    for r in range(degree + 2):
        rows = rows_at(np.array([0.1, np.nan, 0.3]), knots, degree, r)
        assert rows[1].isnan().any()
        assert torch.equal(rows[[0, 2]], rows_at(np.array([0.1, 0.3]), knots, degree, r))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_the_few_values_are_the_non_zero_columns_of_all_rows(degree, kind):
    knots = knots_of(kind, degree, 7)
    x = torch.tensor(points_of(knots, degree))[:, None]
    grid = torch.tensor(knots)[None]
    cells = cell_polynomials(grid, degree)
    values, cell = bspline_values(x, grid, cells, degree)
    rows = bspline_rows(x, grid, cells, degree)[:, 0]
    rebuilt = torch.zeros_like(rows)
    for b in range(len(x)):
        for a in range(degree + 1):
            m = int(cell[b, 0]) - degree + a
            if 0 <= m < rows.shape[1]:
                rebuilt[b, m] += values[b, 0, a]
    assert torch.equal(rebuilt, rows)


@every("degree", DEGREES)
def test_inputs_with_different_knots_do_not_mix(degree):
    grids = torch.stack([torch.tensor(knots_of("random", degree, 6, seed)) for seed in range(3)])
    x = torch.tensor(np.random.default_rng(2).uniform(-1, 1, (40, 3)))
    together = bspline_rows(x, grids, cell_polynomials(grids, degree), degree)
    for i in range(3):
        assert relative_distance(together[:, i], bspline_oracle(x[:, i].numpy(), grids[i].numpy(), degree)) <= 1e-12


@pytest.mark.parametrize("degree", DEGREES)
def test_autograd_of_a_row_is_the_row_of_the_next_order(degree):
    grid = torch.tensor(knots_of("random", degree, 5))[None]
    cells = cell_polynomials(grid, degree)
    x = torch.tensor(np.random.default_rng(3).uniform(-1.2, 1.2, (30, 1)), requires_grad=True)
    for r in range(degree + 1):
        rows = bspline_rows(x, grid, cells, degree, r)
        after = bspline_rows(x, grid, cells, degree, r + 1)
        for m in range(rows.shape[-1]):
            (slope,) = torch.autograd.grad(rows[..., m].sum(), x, retain_graph=True)
            assert relative_distance(slope / (1 + after.abs().max()), after[..., m] / (1 + after.abs().max())) <= 1e-12


@pytest.mark.parametrize(
    ("degree", "kind"), [*((degree, "random") for degree in range(6)), *((degree, "uniform") for degree in range(4))]
)
def test_the_gradient_with_respect_to_the_knots_is_right(degree, kind):
    grid = torch.tensor(np.stack([knots_of(kind, degree, 4, seed) for seed in (0, 1)]), requires_grad=True)
    low, high = grid.detach()[:, degree].max().item(), grid.detach()[:, -1 - degree].min().item()
    x = torch.tensor(np.random.default_rng(4).uniform(low, high, (9, 2)))
    x = x[((x[:, :, None] - grid.detach()).abs() > 1e-3).all(-1).all(-1)]
    assert len(x) >= 4

    def rows(knots: Tensor) -> Tensor:
        return bspline_rows(x, knots, cell_polynomials(knots, degree), degree)

    assert torch.equal(cell_polynomials(grid, degree), cell_polynomials(grid.detach(), degree))
    assert torch.autograd.gradcheck(rows, grid, fast_mode=True)
    if degree:
        assert torch.autograd.grad(rows(grid).square().sum(), grid)[0].abs().max() > 1e-3


@every("degree", DEGREES)
def test_cells_of_no_width_and_splines_of_no_width_are_zero(degree):
    knots = torch.tensor([[0.0] * (degree + 2) + [1.0] * (degree + 2)], dtype=torch.float64)
    cells = cell_polynomials(knots, degree)
    empty = torch.diff(knots, dim=1)[0] == 0
    assert torch.equal(cells[0, empty], torch.zeros_like(cells[0, empty]))
    x = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    rows = bspline_rows(x, knots, cells, degree)[:, 0]
    assert torch.equal(rows[:, [0, -1]], torch.zeros_like(rows[:, [0, -1]]))  # all of their knots coincide
    assert (rows.sum(1) - 1).abs().max() <= 1e-13
