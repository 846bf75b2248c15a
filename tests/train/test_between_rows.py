"""Laws of points between and beyond the rows, and of two models compared there and at held-out rows."""

from types import SimpleNamespace

import pytest
import torch

from splinework.train.between_rows import (
    OUTER_REACH,
    agree,
    draw_points,
    goes_astray,
    new_points,
    outer_points,
    prefers,
    reached,
)


def test_points_are_the_rows_and_others_like_them_and_codes_stay():
    generator = torch.Generator().manual_seed(0)
    u = torch.rand(50, 3, generator=generator, dtype=torch.float64)
    u[:, 2] = (u[:, 2] > 0.5).double()
    points = draw_points(u, 400, torch.Generator().manual_seed(1))
    assert points.shape == (400, 3)
    assert torch.equal(points[:50], u)
    assert set(points[:, 2].tolist()) == {0.0, 1.0}
    assert len(torch.unique(points[:, 0])) > 300
    assert torch.equal(points, draw_points(u, 400, torch.Generator().manual_seed(1)))


def test_of_many_rows_a_sample_is_drawn_in_whatever_order_they_come():
    u = torch.linspace(-1, 1, 5000, dtype=torch.float64)[:, None]
    points = draw_points(u, 1000, torch.Generator().manual_seed(0))
    assert points.shape == (1000, 1)
    assert bool(torch.isin(points, u).all())
    assert abs(float(points.mean())) < 0.1
    assert abs(float(points.std()) - float(u.std())) < 0.05


def test_points_are_drawn_in_any_units_of_columns_that_repeat_each_other():
    a = torch.rand(40, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u = torch.cat([1e7 * a, -3e7 * a, torch.ones_like(a)], dim=1)
    points = new_points(u, 300, seed=0)
    torch.testing.assert_close(points[:, 1], -3 * points[:, 0], rtol=1e-6, atol=1e3)
    assert set(points[:, 2].tolist()) == {1.0}


def test_points_of_columns_that_depend_on_each_other_stay_near_the_rows():
    a = torch.rand(300, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u = torch.cat([a, 2 * a], dim=1)
    points = draw_points(u, 1000, torch.Generator().manual_seed(1))
    assert float((points[:, 1] - 2 * points[:, 0]).abs().max()) < 1e-2


def test_points_for_comparison_are_no_rows_and_go_beyond_them_a_little():
    u = torch.rand(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = new_points(u, 2000, seed=0)
    assert points.shape == (2000, 2)
    assert not (points[:, None] == u).all(-1).any()
    ends = u.sort(0).values
    assert bool((points >= ends[0] - (ends[3] - ends[0]) - 1e-12).all())
    assert bool((points <= ends[-1] + (ends[-1] - ends[-4]) + 1e-12).all())
    assert bool((points < ends[0]).any())


def test_predictions_agree_as_far_as_their_errors_say():
    zero, generator = torch.zeros(4000, 1, dtype=torch.float64), torch.Generator().manual_seed(0)
    one, other = (0.1 * torch.randn(4000, 1, generator=generator, dtype=torch.float64) for _ in range(2))
    assert agree(one, other, 0.02)
    wild = other.clone()
    wild[:40] = 3.0
    assert agree(one, zero, 0.01)
    assert not agree(one, wild, 0.02)


@pytest.mark.parametrize(("rows", "ratio", "preferred"), [(6, 0.2, False), (6, 0.9, True), (600, 0.2, True)])
def test_a_rival_that_held_out_rows_have_chosen_must_be_better_than_their_luck(rows, ratio, preferred):
    noise = torch.randn(rows, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(rows))
    held_out = SimpleNamespace(u=torch.zeros(rows, 1, dtype=torch.float64), t=noise, weights=None)
    rival = SimpleNamespace(unit_forward=lambda u: ratio * noise if len(u) == rows else u)
    fresh = torch.zeros(9, 1, dtype=torch.float64)
    assert prefers(rival, lambda u: 0 * u, held_out, fresh, clearly=False) is preferred


def test_a_taught_network_that_leaves_its_teacher_at_a_row_is_refused_for_a_better_one():
    generator = torch.Generator().manual_seed(0)
    u = torch.linspace(-1, 1, 300, dtype=torch.float64)[:, None]
    held_out = SimpleNamespace(u=u, t=0.1 * torch.randn(300, 1, generator=generator, dtype=torch.float64), weights=None)
    wild = SimpleNamespace(unit_forward=lambda at: 50 * (at > 0.995))
    near, worse = (SimpleNamespace(unit_forward=lambda at, off=off: off + 0 * at) for off in (0.01, 99.0))
    assert not prefers(near, wild.unit_forward, held_out, u, clearly=True)  # one row is no evidence
    assert goes_astray(wild, near, lambda at: 0 * at, held_out)
    assert not goes_astray(wild, worse, lambda at: 0 * at, held_out)
    assert not goes_astray(near, wild, lambda at: 0 * at, held_out)


@pytest.mark.parametrize("seed", range(3))
def test_outer_points_stay_within_reach_and_codes_keep_their_values(seed):
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(90, 1, generator=generator, dtype=torch.float64)
    u = torch.cat([normal, normal.exp(), torch.randint(0, 3, (90, 1), generator=generator).double()], dim=1)
    found = outer_points(u, 3000, generator)
    assert found.shape == (3000, 3)
    low, high = reached(u, OUTER_REACH)
    assert bool(((low <= found) & (found <= high)).all())
    assert found[:, 2].unique().tolist() == u[:, 2].unique().tolist()
    assert float((found[:, :2] > u[:, :2].amax(0)).double().mean()) > 0.02
    together = torch.corrcoef(torch.stack([u[:, 0], u[:, 1].log()]))[0, 1]
    assert together > 0.999
    assert torch.corrcoef(torch.stack([found[:, 0], found[:, 1].clamp_min(1e-9).log()]))[0, 1] < 0.9
