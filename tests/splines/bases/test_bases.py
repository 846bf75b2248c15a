"""Every family of functions: its values, its derivatives, its refinement and its recipe."""

import json
from dataclasses import FrozenInstanceError, fields, replace
from unittest import mock

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.knowledge.axioms.verify.enclosing import EnclosingFunctions
from splinework.splines.bases import BASES, Basis, BSpline, Chebyshev, Fourier, GaussianRBF, basis_from_dict, make_basis
from splinework.splines.bases.bounds import basis_bounds
from tests.contracts.cases import RECIPES, basis_oracle, every_recipe, grid_of, normal, points, relative_distance
from tests.families import every, raising


def oracle(basis: Basis, grid: torch.Tensor, x: torch.Tensor, r: int) -> np.ndarray:
    columns = [basis_oracle(basis, grid[i].numpy(), x[:, i].numpy(), r) for i in range(x.shape[1])]
    return np.stack(columns, axis=1)


def assert_close_at_scale(value: torch.Tensor, truth: torch.Tensor | np.ndarray, tolerance: float) -> None:
    scale = torch.as_tensor(truth).detach().abs().max().clamp_min(1e-300)
    assert relative_distance(value / scale, torch.as_tensor(truth) / scale) <= tolerance


# ----------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("r", range(5))
@every_recipe
def test_rows_equal_the_oracle_in_the_domain_and_outside(basis, r):
    grid = grid_of(basis)
    x = points(60, beyond=0.3)
    rows = basis.rows(x, grid, basis.prepare(grid), r)
    truth = oracle(basis, grid, x, r)
    for i in range(3):  # each input has a scale of its own
        assert_close_at_scale(rows[:, i], truth[:, i], 1e-11)


@every_recipe
def test_rows_equal_the_oracle_at_both_ends(basis):
    grid = grid_of(basis)
    ends = torch.stack(basis.domain(grid))
    for r in range(min(3, 3 if basis.degree is None else basis.degree)):
        assert_close_at_scale(basis.rows(ends, grid, basis.prepare(grid), r), oracle(basis, grid, ends, r), 1e-11)


@every_recipe
def test_autograd_of_the_rows_is_the_rows_of_the_next_order(basis):
    grid = grid_of(basis)
    prepared = basis.prepare(grid)
    x = points(25, beyond=0.2).requires_grad_()
    for r in range(4):
        rows, after = (basis.rows(x, grid, prepared, order) for order in (r, r + 1))
        if not rows.requires_grad:  # constants, as any derivative of a straight line
            assert torch.equal(after, torch.zeros_like(after))
            continue
        for m in range(basis.size):
            (slope,) = torch.autograd.grad(rows[..., m].sum(), x, retain_graph=True)
            assert_close_at_scale(slope, after[..., m], 1e-10)


@every_recipe
def test_single_precision_is_within_two_millionths(basis):
    grid = grid_of(basis).float()
    x = points(60).float().clamp(*basis.domain(grid))
    rows = basis.rows(x, grid, basis.prepare(grid), 0)
    assert rows.dtype == torch.float32
    # A wave or polynomial of order n sees a rounded x magnified n² times at most; none here goes beyond 2e-6 · 10.
    tolerance = 2e-5 if basis.degree is None else 2e-6
    assert relative_distance(rows, oracle(basis, grid.double(), x.double(), 0)) <= tolerance


@every_recipe
def test_every_basis_can_be_told_apart_on_its_domain(basis):
    grid = grid_of(basis)
    rows = basis.rows(points(400), grid, basis.prepare(grid), 0)
    assert rows.shape == (400, 3, basis.size)
    for i in range(3):
        assert torch.linalg.matrix_rank(rows[:, i]) == basis.size  # no function is a mixture of the others


@pytest.mark.parametrize("r", range(4))
@pytest.mark.parametrize("basis", [b for b in RECIPES if b.vanishes_outside], ids=str)
def test_a_basis_that_dies_out_is_zero_far_away_however_far(basis, r):
    grid = grid_of(basis)
    for dtype in (torch.float32, torch.float64):
        for far in (1e4, 1e15, torch.finfo(dtype).max):
            x = torch.tensor([[far] * 3, [-far] * 3], dtype=dtype, requires_grad=True)
            rows = basis.rows(x, grid.to(dtype), basis.prepare(grid.to(dtype)), r)
            (slope,) = torch.autograd.grad(rows.sum(), x)
            assert torch.equal(rows.abs(), torch.zeros_like(rows))
            assert torch.equal(slope.abs(), torch.zeros_like(slope))


@every_recipe
def test_nan_stays_nan_and_spoils_no_neighbour(basis):
    grid = grid_of(basis)
    x = points(3)
    spoilt = x.clone()
    spoilt[1, 1] = torch.nan
    rows, clean = (basis.rows(at, grid, basis.prepare(grid), 0) for at in (spoilt, x))
    assert rows[1, 1].isnan().any()
    kept = torch.ones(3, 3, dtype=torch.bool)
    kept[1, 1] = False
    assert torch.equal(rows[kept], clean[kept])


@every_recipe
def test_a_grid_covers_the_domain_it_was_made_for(basis):
    low, high = torch.tensor([-1.0, 3.0]), torch.tensor([1.0, 3.5])
    for grid in (basis.make_grid(low, high), basis.adapt_grid(torch.rand(9, 2) + low, low, high, 0.1)):
        assert torch.equal(basis.domain(grid)[0], low)
        assert torch.equal(basis.domain(grid)[1], high)


# ------------------------------------------------------------------------------------------------------ formula


@pytest.mark.parametrize("r", range(4))
@every_recipe
def test_rows_are_the_derivatives_of_the_formula(basis, r):
    grid, x = grid_of(basis), points(40, beyond=0.3)
    if basis.degree is not None:
        with pytest.raises(ConfigError, match="no single formula"):
            Basis.rows(basis, x, grid, basis.prepare(grid), r)
        return
    rows = basis.rows(x, grid, basis.prepare(grid), r)
    by_formula = Basis.rows(basis, x, grid, basis.prepare(grid), r)
    for i in range(3):
        assert_close_at_scale(by_formula[:, i], rows[:, i], 1e-11)


@pytest.mark.parametrize("r", range(11))
@every_recipe
def test_no_derivative_is_beyond_its_bound(basis, r):
    if basis.degree is not None:
        return
    grid = grid_of(basis)
    x = points(4000, beyond=0.5 if basis.globally_bounded else 0.0)
    largest = basis.rows(x, grid, basis.prepare(grid), r).abs().amax(0).numpy()
    ends = [end.numpy() for end in basis.domain(grid)]
    for functions in (EnclosingFunctions(),):
        bound = basis_bounds(basis, r, *ends, functions)
        assert (largest <= bound * (1 + 1e-9)).all()
        from_formula = _without_closed_bound(basis, r, ends, functions)
        inside = basis.rows(points(4000), grid, basis.prepare(grid), r).abs().amax(0).numpy()
        assert (inside <= from_formula * (1 + 1e-9) + 1e-300).all()


def _without_closed_bound(basis, r, ends, functions):
    with mock.patch.object(type(basis), "bound", Basis.bound):
        return basis_bounds(basis, r, *ends, functions)


# ------------------------------------------------------------------------------------------------- refinement


def refinements(basis: Basis) -> list[int]:
    n = basis.resolution
    if basis.degree is not None:
        return [n, 2 * n, 3 * n]
    return [n, n + 1, 2 * n] if basis.nested else []


@every_recipe
def test_refinement_keeps_every_function_everywhere(basis):
    grid, x = grid_of(basis), points(80, beyond=0.5)
    coefficients = normal(3, basis.size, 2)
    before = torch.einsum("bim,imj->bij", basis.rows(x, grid, basis.prepare(grid), 0), coefficients)
    for resolution in refinements(basis):
        refined = basis.refine(grid, coefficients, resolution)
        assert refined is not None
        finer, richer = basis.with_resolution(resolution), refined[1]
        assert richer.shape == (3, finer.size, 2)
        rows = finer.rows(x, refined[0], finer.prepare(refined[0]), 0)
        assert relative_distance(torch.einsum("bim,imj->bij", rows, richer), before) <= 1e-12


@every_recipe
def test_what_cannot_be_refined_exactly_says_so(basis):
    n = basis.resolution
    if basis.degree is not None:
        inexact = [n - 1, 2 * n + 1] if n > 1 else []
    else:
        inexact = [n - 1] if basis.nested else [n + 1, 2 * n]
    for resolution in inexact:
        assert basis.refine(grid_of(basis), normal(3, basis.size, 2), resolution) is None


@every_recipe
def test_with_resolution_changes_the_resolution_only(basis):
    finer = basis.with_resolution(11)
    assert finer.resolution == 11
    assert finer.size > 11 - 1
    assert replace(finer, **{basis.resolution_field: basis.resolution}) == basis


# ---------------------------------------------------------------------------------------------------- recipes


@every_recipe
def test_a_recipe_survives_json(basis):
    assert basis_from_dict(json.loads(json.dumps(basis.to_dict()))) == basis


@every_recipe
def test_a_recipe_is_frozen_and_can_be_a_key(basis):
    with pytest.raises(FrozenInstanceError):
        setattr(basis, fields(basis)[0].name, 3)
    assert len({basis, replace(basis)}) == 1


@pytest.mark.parametrize("name", BASES)
def test_a_name_and_two_numbers_make_a_recipe_of_that_many_functions(name):
    basis = make_basis(name, grid=8, degree=3)
    assert basis.name == name
    assert basis.size == (17 if name == "fourier" else 11)
    assert make_basis(basis, grid=99) is basis


@pytest.mark.parametrize("whole", [np.int64(6), np.int8(6), True + 5])
def test_whole_numbers_of_numpy_become_plain(whole):
    assert (
        json.dumps(BSpline(grid=whole, degree=np.int64(2)).to_dict()) == '{"name": "bspline", "grid": 6, "degree": 2}'
    )


@every(
    ("make", "told"),
    [
        (lambda: make_basis("wavelet"), ["bspline", "fourier", "chebyshev", "gaussian_rbf", "'wavelet'"]),
        (lambda: make_basis(5), ["bspline", "5"]),
        (lambda: BSpline(grid=0), ["grid", "at least 1", "got 0"]),
        (lambda: BSpline(grid=2.5), ["grid", "whole number", "2.5"]),
        (lambda: BSpline(grid="7"), ["grid", "whole number", "'7'"]),
        (lambda: BSpline(degree=10), ["degree", "between 0 and 9", "got 10"]),
        (lambda: BSpline(degree=-1), ["degree", "at least 0", "got -1"]),
        (lambda: Fourier(harmonics=0), ["harmonics", "at least 1", "got 0"]),
        (lambda: Chebyshev(order=-1), ["order", "at least 0", "got -1"]),
        (lambda: GaussianRBF(centres=1), ["centres", "at least 2", "got 1"]),
        (lambda: GaussianRBF(width=0.0), ["width", "positive", "0.0"]),
        (lambda: basis_from_dict({"name": "wavelet"}), ["'wavelet'", "bspline"]),
        (lambda: basis_from_dict({"grid": 5}), ["None", "bspline"]),
        (lambda: basis_from_dict({"name": "bspline", "order": 5}), ["bspline", "grid", "degree", "order"]),
    ],
)
def test_a_wrong_recipe_is_refused_by_name_value_and_way_out(make, told):
    with raising(ConfigError, told):
        make()
