"""Least squares: numpy's and scipy's answer where there is one, a finite and short one where there are many."""

import numpy as np
import pytest
import scipy.interpolate
import torch

from splinework.splines import bspline_rows, cell_polynomials, solve_least_squares, uniform_knots
from tests.contracts.cases import normal, relative_distance


def unit_columns(design: torch.Tensor) -> torch.Tensor:
    return design / design.norm(dim=-2, keepdim=True)


@pytest.mark.parametrize(("rows", "columns", "outputs"), [(50, 7, 3), (7, 7, 1), (200, 1, 2)])
def test_a_problem_of_full_rank_has_numpy_s_solution(rows, columns, outputs):
    a, b = normal(rows, columns, seed=1), normal(rows, outputs, seed=2)
    assert relative_distance(solve_least_squares(a, b), np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)[0]) <= 1e-11


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_a_spline_fit_equals_make_lsq_spline(degree):
    knots = uniform_knots(torch.tensor([-1.0]).double(), torch.tensor([2.0]).double(), 9, degree)
    x = torch.sort(-1 + 3 * torch.rand(300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).values
    y = torch.stack([torch.sin(3 * x), x.abs()], dim=1)
    design = bspline_rows(x[:, None], knots, cell_polynomials(knots, degree), degree)[:, 0]
    oracle = scipy.interpolate.make_lsq_spline(x.numpy(), y.numpy(), knots[0].numpy(), degree)
    assert relative_distance(solve_least_squares(design, y), oracle.c) <= 1e-9


def test_a_batch_is_its_problems_one_by_one():
    a, b = normal(2, 4, 30, 5, seed=3), normal(2, 4, 30, 2, seed=4)
    together = solve_least_squares(a, b)
    for p in range(2):
        for q in range(4):
            assert relative_distance(together[p, q], solve_least_squares(a[p, q], b[p, q])) <= 1e-12


def test_a_rank_deficient_problem_has_the_shortest_solution():
    a = normal(40, 3, seed=5) @ normal(3, 8, seed=6)  # rank 3, eight columns
    a, b = unit_columns(a), normal(40, 2, seed=7)
    assert relative_distance(solve_least_squares(a, b), np.linalg.pinv(a.numpy(), rcond=1e-12) @ b.numpy()) <= 1e-9


def test_equal_columns_share_their_coefficient():
    a = normal(30, 4, seed=8)
    a[:, 3] = a[:, 1]
    c = solve_least_squares(a, normal(30, 1, seed=9))
    assert relative_distance(c[3], c[1]) <= 1e-12


def test_fewer_rows_than_columns_are_met_exactly_by_the_shortest_solution():
    a, b = unit_columns(normal(4, 9, seed=10)), normal(4, 2, seed=11)
    c = solve_least_squares(a, b)
    assert relative_distance(a @ c, b) <= 1e-12
    assert relative_distance(c, np.linalg.pinv(a.numpy()) @ b.numpy()) <= 1e-11


def test_a_repeated_row_counts_twice():
    a, b = normal(20, 4, seed=12), normal(20, 1, seed=13)
    weight = torch.ones(20, 1, dtype=torch.float64)
    weight[3] = 2**0.5
    doubled = solve_least_squares(torch.cat([a, a[3:4]]), torch.cat([b, b[3:4]]))
    assert relative_distance(doubled, solve_least_squares(a * weight, b * weight)) <= 1e-12


def test_rows_that_are_all_the_same_give_a_finite_solution_that_meets_their_mean():
    a, b = normal(1, 6, seed=14).expand(50, 6), normal(50, 1, seed=15)
    c = solve_least_squares(a, b)
    assert c.isfinite().all()
    assert relative_distance(a @ c, b.mean().expand(50, 1)) <= 1e-12


def test_a_column_of_zeros_gets_the_coefficient_zero():
    a = normal(30, 5, seed=16)
    a[:, 2] = 0.0
    c = solve_least_squares(a, normal(30, 2, seed=17))
    assert c[2].abs().max() <= 1e-14
    assert c.isfinite().all()


def test_the_unit_of_a_column_does_not_matter():
    a, b = normal(40, 5, seed=18), normal(40, 2, seed=19)
    units = torch.tensor([1e-9, 1e9, 1.0, 1e-3, 1e6], dtype=torch.float64)
    assert relative_distance(solve_least_squares(a * units, b) * units[:, None], solve_least_squares(a, b)) <= 1e-11


def test_splines_without_data_keep_finite_coefficients():
    knots = uniform_knots(torch.tensor([0.0]).double(), torch.tensor([1.0]).double(), 20, 3)
    x = 0.2 * torch.rand(
        50, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )  # a fifth of the domain
    design = bspline_rows(x, knots, cell_polynomials(knots, 3), 3)[:, 0]
    c = solve_least_squares(design, torch.sin(9 * x))
    assert c.isfinite().all()
    assert relative_distance(design @ c, torch.sin(9 * x)) <= 1e-2
    unseen = c[design.abs().amax(0) == 0]
    assert len(unseen) == 16
    assert unseen.abs().max() <= 1e-12


def test_no_rows_give_zeros():
    c = solve_least_squares(torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, 2, dtype=torch.float64))
    assert torch.equal(c, torch.zeros(4, 2, dtype=torch.float64))


def test_single_precision_comes_back_but_is_worked_out_in_double():
    a, b = normal(60, 5, seed=20), normal(60, 1, seed=21)
    a[:, 4] = a[:, 3] + 1e-4 * a[:, 4]  # condition 1e4: in single precision only three digits would be left
    c = solve_least_squares(a.float(), b.float())
    assert c.dtype == torch.float32
    assert (
        relative_distance(c, np.linalg.lstsq(a.float().double().numpy(), b.float().double().numpy(), rcond=None)[0])
        <= 1e-7
    )


def test_the_solution_carries_no_gradient():
    a = normal(10, 3, seed=22).requires_grad_()
    assert not solve_least_squares(a, normal(10, 1, seed=23)).requires_grad
