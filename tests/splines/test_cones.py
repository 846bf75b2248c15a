"""Cones of coefficients: what they hold has its shape, what is nearest is nearest, and what has the shape stays."""

import copy

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from splinework.errors import ConfigError
from splinework.nn.layer import KANLayer
from splinework.nn.shaping import Shaping
from splinework.splines import bspline_rows, cell_polynomials, cone, greville, uniform_knots
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, EVEN, INCREASING, ODD, PERIODIC, check_flags
from tests.families import every

SHAPES = {
    "any": 0,
    "increasing": INCREASING,
    "decreasing": DECREASING,
    "convex": CONVEX,
    "concave": CONCAVE,
    "convex increasing": CONVEX | INCREASING,
    "convex decreasing": CONVEX | DECREASING,
    "concave increasing": CONCAVE | INCREASING,
    "concave decreasing": CONCAVE | DECREASING,
    "straight": CONVEX | CONCAVE,
    "straight increasing": CONVEX | CONCAVE | INCREASING,
    "constant": INCREASING | DECREASING,
    "even": EVEN,
    "odd": ODD,
    "even convex": EVEN | CONVEX,
    "even concave": EVEN | CONCAVE,
    "odd increasing": ODD | INCREASING,
    "odd decreasing": ODD | DECREASING,
    "odd straight": ODD | CONVEX,
    "periodic": PERIODIC,
    "periodic even": PERIODIC | EVEN,
    "periodic odd": PERIODIC | ODD,
}
GRIDS = [(degree, grid) for degree in (1, 2, 3, 5) for grid in (1, 2, 5, 8)]


def knots_of(degree: int, grid: int, shape: int, seed: int = 0) -> torch.Tensor:
    """Uneven knots; even where the shape needs both sides alike."""
    low, high = torch.tensor([-1.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    knots = uniform_knots(low, high, grid, degree)[0]
    if not shape & (EVEN | ODD):
        step = 2 / grid
        noise = torch.rand(grid - 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5
        knots = knots.clone()
        knots[degree + 1 : degree + grid] += 0.6 * step * noise
    return knots


def values(c: np.ndarray, knots: torch.Tensor, degree: int, derivative: int = 0) -> np.ndarray:
    x = torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None]
    rows = bspline_rows(x, knots[None], cell_polynomials(knots[None], degree), degree, derivative)[:, 0]
    return rows.numpy() @ c


def rough(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(size, 6))


@pytest.mark.parametrize(("degree", "grid"), GRIDS)
@pytest.mark.parametrize("name", SHAPES)
def test_the_nearest_spline_has_the_shape_and_stays(name, degree, grid):
    flags, knots = SHAPES[name], knots_of(degree, grid, SHAPES[name])
    its = cone(flags, knots, degree)
    held = its.project(rough(len(knots) - degree - 1))
    assert_shaped(held, knots, degree, flags)
    np.testing.assert_allclose(its.project(held), held, atol=1e-10)
    np.testing.assert_allclose(its.coefficients(its.coordinates(held)), held, atol=1e-10)


def assert_shaped(held: np.ndarray, knots: torch.Tensor, degree: int, flags: int) -> None:
    f = values(held, knots, degree)
    step, bend = np.diff(f, axis=0), np.diff(f, 2, axis=0)
    tiny = 1e-12
    if flags & INCREASING:
        assert step.min() >= -tiny
    if flags & DECREASING:
        assert step.max() <= tiny
    if flags & CONVEX:
        assert bend.min() >= -tiny
    if flags & CONCAVE:
        assert bend.max() <= tiny
    if flags & EVEN:
        np.testing.assert_allclose(f, f[::-1], atol=1e-12)
    if flags & ODD:
        np.testing.assert_allclose(f, -f[::-1], atol=1e-12)
    if flags & PERIODIC:
        for order in range(max(degree, 1)):
            slope = values(held, knots, degree, order)
            np.testing.assert_allclose(slope[0], slope[-1], atol=1e-9 * max(1.0, np.abs(slope).max()))


@pytest.mark.quick(64)
@pytest.mark.parametrize("flags", range(128))
def test_shapes_go_together_or_are_refused(flags):
    refused = flags & EVEN and (
        flags & (INCREASING | DECREASING | ODD) or flags & (CONVEX | CONCAVE) == CONVEX | CONCAVE
    )
    refused = refused or (flags & (ODD | PERIODIC) == ODD | PERIODIC and flags & ~(ODD | PERIODIC))
    for degree, grid in GRIDS:
        knots = knots_of(degree, grid, flags)
        if refused:
            with pytest.raises(ConfigError, match=r"incompatible: .*(even|odd)"):
                cone(flags, knots, degree)
        else:
            assert_shaped(cone(flags, knots, degree).project(rough(grid + degree)), knots, degree, flags)


@pytest.mark.parametrize("flags", [-1, 128])
def test_what_is_no_flag_is_refused(flags):
    with pytest.raises(ConfigError, match=str(flags)):
        cone(flags, knots_of(3, 4, 0), 3)


@pytest.mark.parametrize("flags", [EVEN | INCREASING, EVEN | ODD, ODD | PERIODIC | CONVEX])
def test_a_layer_refuses_shapes_that_do_not_go_together_and_stays_as_it_was(flags):
    layer = KANLayer(2, 1, base="none", dtype=torch.float64)
    before = copy.deepcopy(layer.state_dict())
    rules = Shaping.none(2, 1)
    rules.flags[1] = flags
    with pytest.raises(ConfigError, match="incompatible"):
        layer.shape(rules)
    after = layer.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert layer.shaping is None


@every("name", SHAPES)
def test_the_nearest_is_the_nearest_by_another_solver(name):
    degree, grid = 3, 6
    knots = knots_of(degree, grid, SHAPES[name])
    its = cone(SHAPES[name], knots, degree)
    c = rough(len(knots) - degree - 1)
    held = its.project(c)
    for n in range(c.shape[1]):
        oracle = (
            its.map @ lsq_linear(its.map, c[:, n], bounds=(its.lower, its.upper), tol=1e-14).x if its.map.size else 0
        )
        assert np.linalg.norm(held[:, n] - c[:, n]) <= np.linalg.norm(oracle - c[:, n]) * (1 + 1e-9)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_ordered_coefficients_are_ordered_to_the_last_bit(degree):
    knots = knots_of(degree, 7, INCREASING)
    its = cone(INCREASING, knots, degree)
    held = its.project(rough(7 + degree, seed=3) * 1e-3 + 1e6)
    assert (np.diff(held, axis=0) >= 0).all()
    again = its.coefficients(its.coordinates(held) + 1e-3)
    assert (np.diff(again, axis=0) >= 0).all()


@pytest.mark.parametrize("flags", [0, INCREASING, DECREASING, EVEN, ODD, ODD | INCREASING])
@pytest.mark.parametrize(("degree", "grid"), [(1, 4), (2, 5), (3, 6), (4, 3)])
def test_slopes_stay_below_the_steepest(flags, degree, grid):
    knots = knots_of(degree, grid, flags)
    held = cone(flags, knots, degree, 0.7).project(5 * rough(grid + degree))
    assert np.abs(values(held, knots, degree, 1)).max() <= 0.7 * (1 + 1e-6)


@pytest.mark.parametrize("flags", [0, INCREASING, DECREASING, EVEN, ODD, ODD | INCREASING, ODD | DECREASING])
@pytest.mark.parametrize(("degree", "grid"), GRIDS)
def test_every_leg_of_the_control_polygon_may_be_as_steep_as_allowed_and_no_steeper(flags, degree, grid):
    knots, steepest = knots_of(degree, grid, flags), 0.7
    xi = greville(knots[None], degree)[0].numpy()
    its = cone(flags, knots, degree, steepest)
    sign = -1.0 if flags & DECREASING else 1.0
    zigzag = np.where(np.arange(len(xi))[:, None] % 2, 1.0, -1.0) * 1e3
    steep = sign * 1e3 * (np.abs(xi) if flags & EVEN else xi)[:, None]
    for wanted in (rough(grid + degree) * 100, zigzag, steep):
        held = its.project(wanted)
        slopes = np.diff(held, axis=0) / np.diff(xi)[:, None]
        assert np.abs(slopes).max(initial=0.0) <= steepest * (1 + 1e-9)
    if flags in (0, ODD):
        falling = np.diff(its.project(-steep), axis=0) / np.diff(xi)[:, None]
        np.testing.assert_allclose(falling, -steepest, rtol=1e-6)
    if not flags & EVEN:
        np.testing.assert_allclose(slopes, sign * steepest, rtol=1e-6)  # the last wanted one is too steep everywhere
    else:
        middle = len(xi) % 2 == 0  # the leg over the middle is level
        assert np.isclose(np.abs(slopes), steepest, rtol=1e-6).sum() >= len(slopes) - middle


@every("name", SHAPES)
def test_every_spline_of_the_shape_is_one_of_its_cone(name):
    """The coordinates reach as far as the shape does: its extreme members are in the cone."""
    flags, degree, grid = SHAPES[name], 2, 6
    knots = knots_of(degree, grid, flags)
    xi = greville(knots[None], degree)[0].numpy()
    ramps = [np.maximum(xi - at, 0) for at in xi] + [np.maximum(at - xi, 0) for at in xi]
    steps = [(xi > at).astype(float) for at in xi[:-1]] + [(xi <= at).astype(float) for at in xi[:-1]]
    members = {
        "increasing": steps[: len(xi) - 1],
        "decreasing": steps[len(xi) - 1 :],
        "convex": ramps,
        "concave": [-r for r in ramps],
        "convex increasing": ramps[: len(xi)],
        "convex decreasing": ramps[len(xi) :],
        "concave increasing": [-r for r in ramps[len(xi) :]],
        "concave decreasing": [-r for r in ramps[: len(xi)]],
        "straight": [xi, -xi, xi * 0 + 1],
        "straight increasing": [xi, xi * 0 - 1],
        "constant": [xi * 0 + 3],
        "even": [xi**2, np.cos(3 * xi), xi * 0 + 1],
        "odd": [xi, -xi, xi**3, np.sin(5 * xi)],
        "even convex": [np.abs(xi), xi**2],
        "even concave": [-np.abs(xi), -(xi**2)],
        "odd increasing": [xi, np.sign(xi), xi**3],
        "odd decreasing": [-xi, -np.sign(xi), -(xi**3)],
        "odd straight": [xi, -xi],
    }.get(name, [xi * 0])
    inside = np.stack([m + (0.0 if flags & ODD else 1.7) for m in members], axis=1)
    np.testing.assert_allclose(cone(flags, knots, degree).project(inside), inside, atol=1e-10)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_convex_spline_is_in_the_cone(degree):
    # Necessary for degrees up to 3 (second derivatives are piecewise linear at most): a convex function is not changed.
    knots = knots_of(degree, 6, CONVEX)
    xi = greville(knots[None], degree)[0].numpy()
    inside = np.stack([xi**2, np.abs(xi - 0.1), np.exp(xi)], axis=1)
    np.testing.assert_allclose(cone(CONVEX, knots, degree).project(inside), inside, atol=1e-12)


def test_greville_points_give_the_identity():
    knots = knots_of(3, 6, 0)
    xi = greville(knots[None], 3)[0].numpy()
    x = np.linspace(-1, 1, 401)
    np.testing.assert_allclose(values(xi[:, None], knots, 3)[:, 0], x, atol=1e-12)


def test_only_the_cone_without_shape_or_bounds_holds_everything():
    knots = knots_of(3, 5, EVEN)
    for name, flags in SHAPES.items():
        assert cone(flags, knots, 3).is_all == (name == "any")


@pytest.mark.parametrize("flags", [-1, 1 << 10, EVEN | INCREASING])
def test_flags_that_no_edge_has_are_refused(flags):
    with pytest.raises(ConfigError, match=r"flags"):
        check_flags(flags)


def test_the_abscissae_of_steps_are_the_middles_of_their_cells():
    knots = torch.tensor([[0.0, 1.0, 3.0, 7.0]], dtype=torch.float64)
    assert torch.equal(greville(knots, 0), torch.tensor([[0.5, 2.0, 5.0]], dtype=torch.float64))
