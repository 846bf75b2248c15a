"""Knot insertion: nothing changes, wherever one looks."""

import numpy as np
import pytest
import scipy.interpolate
import torch
from torch import Tensor

from splinework.splines import (
    bspline_rows,
    cell_polynomials,
    grid_points,
    insert_knots,
    refine_coefficients,
    refined_knots,
)
from tests.contracts.cases import relative_distance
from tests.splines.test_bspline import DEGREES, KINDS, knots_of, points_of

INPUTS, OUTPUTS = 3, 2


def splines(kind: str, degree: int, grid: int = 6) -> tuple[Tensor, Tensor]:
    """Knots and coefficients of three different splines with two outputs each."""
    knots = torch.tensor(np.stack([knots_of(kind, degree, grid, seed) for seed in range(INPUTS)]))
    rng = np.random.default_rng(7)
    return knots, torch.tensor(rng.normal(size=(INPUTS, grid + degree, OUTPUTS)))


def values(knots: Tensor, coefficients: Tensor, x: Tensor, degree: int, r: int = 0) -> Tensor:
    rows = bspline_rows(x, knots, cell_polynomials(knots, degree), degree, r)
    return torch.einsum("bim,imj->bij", rows, coefficients)


def everywhere(knots: Tensor, degree: int) -> Tensor:
    return torch.tensor(np.stack([points_of(t.numpy(), degree) for t in knots], axis=1))


def inner_points(knots: Tensor, degree: int, count: int, seed: int = 0) -> Tensor:
    """Points in `[t_k, t_M)`, not in order."""
    low, high = knots[:, degree, None], knots[:, knots.shape[1] - 1 - degree, None]
    share = torch.rand(INPUTS, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return low + (high - low) * share


def assert_same(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor], degree: int) -> None:
    x = everywhere(before[0], degree)
    assert relative_distance(values(*after, x, degree), values(*before, x, degree)) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_inserting_any_knots_keeps_the_function_inside_and_outside_the_domain(degree, kind):
    before = splines(kind, degree)
    new = inner_points(before[0], degree, 5)
    after = insert_knots(*before, new, degree)
    assert torch.equal(after[0], torch.sort(torch.cat([before[0], new], dim=1), dim=1).values)
    assert after[1].shape == (INPUTS, before[1].shape[1] + 5, OUTPUTS)
    assert_same(before, after, degree)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_repeating_a_knot_keeps_the_function(degree, kind):
    before = splines(kind, degree)
    knots = before[0]
    inner = knots[:, degree + 2]  # a grid point inside
    again = inner[:, None].expand(-1, max(degree, 1))
    assert_same(before, insert_knots(*before, again, degree), degree)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_inserting_at_the_lower_end_of_the_domain_keeps_the_function(degree, kind):
    before = splines(kind, degree)
    low = before[0][:, degree : degree + 1]
    assert_same(before, insert_knots(*before, low, degree), degree)
    assert_same(before, insert_knots(*before, low.expand(-1, degree + 1), degree), degree)


@pytest.mark.parametrize("degree", DEGREES)
def test_insertion_keeps_every_derivative(degree):
    before = splines("random", degree)
    after = insert_knots(*before, inner_points(before[0], degree, 4), degree)
    low = before[0][:, degree].amax() + 1e-6
    high = before[0][:, before[0].shape[1] - 1 - degree].amin() - 1e-6
    x = low + (high - low) * torch.rand(60, INPUTS, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for r in range(degree + 1):
        old, new = values(*before, x, degree, r), values(*after, x, degree, r)
        assert (new - old).abs().max() <= 1e-10 * old.abs().max()


@pytest.mark.parametrize("degree", range(1, 6))
def test_one_inserted_knot_gives_fitpack_s_coefficients(degree):
    knots, coefficients = splines("clamped", degree)
    new = inner_points(knots, degree, 1)
    finer, ours = insert_knots(knots, coefficients, new, degree)
    for i in range(INPUTS):
        for j in range(OUTPUTS):
            padded = np.concatenate([coefficients[i, :, j].numpy(), np.zeros(degree + 1)])
            t, c, _ = scipy.interpolate.insert(float(new[i, 0]), (knots[i].numpy(), padded, degree))
            assert relative_distance(finer[i], t) <= 1e-14
            assert relative_distance(ours[i, :, j], c[: ours.shape[1]]) <= 1e-13


def test_inserting_nothing_changes_nothing():
    knots, coefficients = splines("random", 3)
    finer, same = insert_knots(knots, coefficients, knots[:, :0], 3)
    assert torch.equal(finer, knots)
    assert torch.equal(same, coefficients)


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", DEGREES)
def test_refinement_cuts_every_interval_alike_and_keeps_the_function(degree, kind, factor):
    before = splines(kind, degree, grid=4)
    finer, coefficients = refine_coefficients(*before, degree, factor)
    assert coefficients.shape[1] == 4 * factor + degree
    old, new = grid_points(before[0], degree), grid_points(finer, degree)
    assert torch.equal(new[:, ::factor], old)  # nested to the last bit
    parts = torch.diff(new, dim=1).reshape(INPUTS, 4, factor)
    assert (parts - torch.diff(old, dim=1)[..., None] / factor).abs().max() <= 1e-15
    assert_same(before, (finer, coefficients), degree)


def test_refinement_in_steps_is_refinement_at_once():
    knots, coefficients = splines("random", 3)
    at_once = refine_coefficients(knots, coefficients, 3, 6)
    in_steps = refine_coefficients(*refine_coefficients(knots, coefficients, 3, 2), 3, 3)
    assert relative_distance(in_steps[0], at_once[0]) <= 1e-14
    assert relative_distance(in_steps[1], at_once[1]) <= 1e-12


def test_refinement_of_a_thousand_intervals_is_still_exact():
    before = splines("uniform", 3, grid=500)
    finer, coefficients = refine_coefficients(*before, 3, 2)
    x = torch.tensor(np.random.default_rng(0).uniform(-1.1, 1.1, (400, INPUTS)))
    assert relative_distance(values(finer, coefficients, x, 3), values(*before, x, 3)) <= 1e-12


def test_refined_knots_are_new_knots_only():
    knots, _ = splines("random", 3)
    new = refined_knots(knots, 3, 4)
    assert new.shape == (INPUTS, 6 * 3)
    assert not torch.isin(new, knots).any()
