"""How every edge goes on outside its grid, whatever its basis and base function."""

import numpy as np
import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.kernels import EXTRAPOLATIONS, BasisTable, check_extrapolation
from splinework.splines.bases import Fourier
from tests.contracts.cases import (
    base_oracle,
    basis_oracle,
    every_base,
    every_extrapolation,
    every_recipe,
    relative_distance,
    table_of,
    table_oracle,
)

REACH = (1e-9, 0.01, 0.4, 3.0, 1e3, 1e6)


def ends(table: BasisTable) -> tuple[Tensor, Tensor, Tensor]:
    """Lower ends, upper ends and widths of the domains, each `(I,)`."""
    low, high = table.basis.domain(table.grid)
    return low, high, high - low


def assert_same(value: Tensor, truth: Tensor) -> None:
    scale = truth.abs().max().clamp_min(1.0)
    assert relative_distance(value / scale, truth / scale) <= 1e-12


@every_base
@every_recipe
def test_linear_tails_go_on_with_value_and_slope(basis, base):
    table = table_of(basis, base, "linear")
    low, high, width = ends(table)
    for end, side in ((low, -1), (high, 1)):
        value, slope = table.rows(end[None]), table.rows(end[None], 1)
        for reach in REACH:
            x = (end + side * reach * width)[None]
            beyond = (x - end[None])[..., None]  # as far as x could be rounded
            assert_same(table.rows(x), value + slope * beyond)
            assert torch.equal(table.rows(x, 1), slope)
            for r in (2, 3, 4):
                assert torch.equal(table.rows(x, r).abs(), torch.zeros_like(value))


@every_base
@every_recipe
def test_linear_tails_join_without_a_step_or_a_kink(basis, base):
    table = table_of(basis, base, "linear")
    low, high, width = ends(table)
    for end in (low, high):
        inside, outside = ((end + sign * 1e-9 * width)[None] for sign in (-1, 1))
        slopes = table.rows(end[None], 1) * width[None, :, None]
        assert (table.rows(outside) - table.rows(inside)).abs().max() <= 1e-8 * slopes.abs().max().clamp_min(1.0)
        if basis.degree is None or basis.degree > 1:
            kink = (table.rows(outside, 1) - table.rows(inside, 1)) * width[None, :, None]
            assert kink.abs().max() <= 1e-6 * slopes.abs().max().clamp_min(1.0)


@every_base
@every_recipe
def test_constant_tails_are_flat(basis, base):
    table = table_of(basis, base, "constant")
    low, high, width = ends(table)
    for end, side in ((low, -1), (high, 1)):
        for reach in REACH:
            x = (end + side * reach * width)[None]
            assert torch.equal(table.rows(x), table.rows(end[None]))
            for r in (1, 2, 3):
                assert torch.equal(table.rows(x, r).abs(), torch.zeros_like(table.rows(x)))


@every_recipe
def test_zero_tails_leave_the_base_function_alone(basis):
    table = table_of(basis, "silu", "zero")
    low, high, width = ends(table)
    # B-splines end with their outermost knot, Gaussian bumps fade; everything else is cut off at once.
    reach = 60.0 if basis.vanishes_outside else 1e-9
    for end, side, r in ((end, side, r) for end, side in ((low, -1), (high, 1)) for r in range(3)):
        x = (end + side * reach * width)[None]
        rows = table.rows(x, r)
        assert torch.equal(rows[..., :-1].abs(), torch.zeros_like(rows[..., :-1]))
        for i in range(3):
            assert relative_distance(rows[:, i, -1], base_oracle("silu", x[:, i].cpu().numpy(), r)) <= 1e-12


@every_recipe
def test_zero_tails_of_a_polynomial_stay_zero_where_it_overflows(basis):
    table = table_of(basis, "none", "zero")
    x = torch.tensor([[1e300] * 3, [-1e300] * 3], dtype=torch.float64, requires_grad=True)
    for r in range(3):
        rows = table.rows(x, r)
        assert torch.equal(rows.abs(), torch.zeros_like(rows)), r
        if rows.requires_grad:  # not the constants that a straight line leaves
            assert torch.equal(torch.autograd.grad(rows.sum(), x)[0].abs(), torch.zeros_like(x)), r


@every_recipe
def test_natural_tails_are_the_functions_as_they_are(basis):
    table = table_of(basis, "none", "natural")
    low, high, width = ends(table)
    x = torch.stack([low - 0.2 * width, high + 0.3 * width])
    for r in range(3):
        for i in range(3):
            truth = basis_oracle(basis, table.grid[i].cpu().numpy(), x[:, i].cpu().numpy(), r)
            scale = np.abs(truth).max() or 1.0
            assert relative_distance(table.rows(x, r)[:, i] / scale, truth / scale) <= 1e-11


def test_a_fourier_series_with_natural_tails_stays_periodic():
    table = table_of(Fourier(harmonics=4), "none", "natural")
    _, _, width = ends(table)
    x = table.basis.domain(table.grid)[0][None] + 0.3 * width
    assert relative_distance(table.rows(x + 3 * width), table.rows(x)) <= 1e-11


@every_extrapolation
@every_recipe
def test_autograd_at_the_ends_gives_the_slope_from_inside(basis, extrapolation):
    table = table_of(basis, "silu", extrapolation)
    x = torch.stack(table.basis.domain(table.grid)).requires_grad_()
    truth = table_oracle(table, x, 1)
    for m in range(table.size):
        (slope,) = torch.autograd.grad(table.rows(x)[..., m].sum(), x)
        scale = np.abs(truth).max()
        assert relative_distance(slope / scale, truth[..., m] / scale) <= 1e-11


@every_extrapolation
@every_recipe
def test_rows_and_slopes_are_rows_of_orders_zero_and_one(basis, extrapolation):
    table = table_of(basis, "silu", extrapolation)
    low, high, width = ends(table)
    x = torch.stack([low - width, low, (low + high) / 2, high, high + width])
    rows, slopes = table.rows_and_slopes(x)
    assert torch.equal(rows, table.rows(x, 0))
    assert torch.equal(slopes, table.rows(x, 1))


@every_extrapolation
@every_recipe
def test_nan_stays_nan(basis, extrapolation):
    table = table_of(basis, "silu", extrapolation)
    assert table.rows(torch.full((1, 3), torch.nan, dtype=torch.float64)).isnan().any(-1).all()


def test_an_unknown_extrapolation_is_refused():
    for name in EXTRAPOLATIONS:
        assert check_extrapolation(name) == name
    with pytest.raises(ConfigError, match=r"linear, constant, zero, natural, got 'cubic'"):
        check_extrapolation("cubic")
