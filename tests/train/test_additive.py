"""Sums of curves: the mixed model solves what it says, is right for waves and noise in any column, and fits in any network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.splines.bases import BSpline
from splinework.train import additive
from splinework.train.additive import (
    CurveCoordinates,
    _equations,
    _solve,
    _strengths,
    additive_fit,
    additive_refit,
    judged_fit,
)
from splinework.train.additive_network import may_hold_curves, put_curves
from splinework.train.between_rows import blending_share
from splinework.train.curve import MAX_MARGIN, grid_range
from splinework.train.data_split import Samples
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.smoothing import penalty_matrices
from tests.families import slow


def spread_of(values):
    return float(np.std(np.asarray(values)))


def rows_of(truth, inputs=3, count=200, noise=0.0, seed=0, weights=False):
    rng = np.random.default_rng(seed)
    u = torch.from_numpy(rng.uniform(-1, 1, (count, inputs)))
    t = torch.stack([f(u) for f in truth], dim=1) + noise * torch.from_numpy(rng.normal(size=(count, len(truth))))
    w = torch.from_numpy(rng.uniform(0.5, 2, count)) if weights else None
    return Samples(u, t, None if w is None else w / w.mean())


def wave(u):
    return torch.sin(12 * u[:, 0]) + u[:, 1] ** 2


def bend(u):
    return torch.exp(u[:, 1]) - u[:, 0]


@pytest.mark.parametrize("weights", [False, True])
def test_the_curves_are_the_minimum_of_penalised_least_squares(weights):
    rows = rows_of([wave, bend], noise=0.2, weights=weights)
    found = additive_fit(sw.KAN([3, 2], dtype=torch.float64), rows)
    network = found.network.requires_grad_(True)
    layer = network.kan_layers[0]
    w = torch.ones(len(rows.u)).double() if rows.weights is None else rows.weights
    loss = (w[:, None] * (network.unit_forward(rows.u) - rows.t).square()).sum()
    c = layer.edge_coefficients()
    forms = penalty_matrices(layer)
    penalty = torch.einsum("kij,imj,kimn,inj->", found.strengths, c, forms, c)
    gradient = torch.autograd.grad(loss + penalty, [layer.coefficients, layer.bias])
    scale = (
        torch.autograd.grad((w[:, None] * network.unit_forward(rows.u).square()).sum(), [layer.coefficients])[0]
        .abs()
        .max()
    )
    # Penalties of 1e8 leave rounding.
    assert float(gradient[0].abs().max()) < 1e-5 * float(scale)
    assert float(gradient[1].abs().max()) < 1e-8 * float(scale)


def test_strengths_are_those_of_the_largest_restricted_likelihood():
    rows = rows_of([wave], inputs=2, noise=0.3)
    design = CurveCoordinates.on(
        sw.KANLayer(2, 1, dtype=torch.float64), BSpline(20, 3), rows.u, torch.ones(200).double()
    )
    (equations,) = _equations(design.width, design.blocks(rows.u), rows.t, torch.ones(200).double())
    found = _solve(design, equations, torch.ones(2, 2).double())
    z, y = design.rows(rows.u), rows.t[:, 0] - rows.t[:, 0].mean()
    spread = z @ torch.linalg.solve(equations.gram + found.penalties.diag(), z.T)
    assert torch.allclose(found.deviations(z), spread.diagonal(), rtol=1e-9)

    def deviance(logs):
        """Minus twice the restricted log likelihood of the mixed model, the noise profiled out (Harville 1977)."""
        s = logs.exp()
        d = torch.cat([s[1, :, None], s[0, :, None].expand(-1, design.means.shape[1] - 1)], dim=1).flatten()
        cov = torch.eye(200).double() + (z / d) @ z.T
        root = torch.linalg.cholesky(cov)
        ones = torch.cholesky_solve(torch.ones(200, 1).double(), root)[:, 0]
        inner = torch.cholesky_solve(y[:, None], root)[:, 0]
        rss = y @ inner - (ones @ y) ** 2 / ones.sum()
        return 2 * root.diagonal().log().sum() + ones.sum().log() + 199 * rss.log()

    at = _strengths(design, [found])[:, :, 0].log()
    best = deviance(at)
    for k in range(2):
        for i in range(2):
            for step in (-1.0, 1.0):
                moved = at.clone()
                moved[k, i] += step
                assert deviance(moved) > best - 0.2


def test_left_out_residuals_are_those_of_fits_without_the_row():
    rows = rows_of([wave], inputs=2, count=60, noise=0.2)
    found = additive_fit(sw.KAN([2, 1], dtype=torch.float64), rows)
    design = found.design
    strengths = found.strengths[:, :, 0]
    penalties = torch.cat(
        [strengths[1, :, None], strengths[0, :, None].expand(-1, design.means.shape[1] - 1)], 1
    ).flatten()
    z = torch.cat([torch.ones(60, 1).double(), design.rows(rows.u)], dim=1)
    d = torch.diag(torch.cat([torch.zeros(1).double(), penalties]))
    for n in (0, 17, 59):
        others = torch.arange(60) != n
        c = torch.linalg.solve(z[others].T @ z[others] + d, z[others].T @ rows.t[others, 0])
        assert float(found.left_out[n, 0]) == pytest.approx(float(rows.t[n, 0] - z[n] @ c), rel=1e-6)


@pytest.mark.parametrize("count", [40, 41])
def test_curves_of_few_rows_are_judged_by_fits_without_a_fold(count):
    model, rows = sw.KAN([2, 1], dtype=torch.float64), rows_of([wave], inputs=2, count=count, noise=0.2)
    found, judged = additive_fit(model, rows), judged_fit(model, rows).left_out
    if count > 40:
        assert torch.equal(judged, found.left_out)
        return
    fold = torch.randperm(count, generator=torch.Generator().manual_seed(0)) % 6
    for seen in (fold != k for k in range(6)):
        left = rows.t - additive_refit(model, rows.rows(seen), found)(rows.u)
        assert float((judged - left)[~seen].detach().abs().max()) <= 1e-12


def test_the_deviation_is_that_of_the_posterior():
    rows = rows_of([wave, bend], noise=0.3)
    found = additive_fit(sw.KAN([3, 2], dtype=torch.float64), rows)
    fresh = rows_of([wave, bend], count=400, seed=1)
    off = (found(fresh.u) - fresh.t).abs() / found.deviation(fresh.u)
    assert 0.8 < float((off < 1.645).double().mean()) < 0.98
    assert found.noise[0] == pytest.approx(0.3, rel=0.2)


def test_a_column_that_is_idle_gets_a_flat_curve():
    rows = rows_of([wave], count=300, noise=0.2)
    layer = additive_fit(sw.KAN([3, 1], dtype=torch.float64), rows).network.kan_layers[0]
    curves = layer.edges(rows.u).detach()[:, :, 0]
    assert float(curves[:, 2].std()) < 0.02 < 0.5 < float(curves[:, 0].std())


@pytest.mark.parametrize("grid", [3, *slow(20)])
@pytest.mark.parametrize(("noise", "most"), [(0.0, 1e-6), (0.2, 0.08)])
@pytest.mark.slow
def test_waves_in_a_sum_are_met_from_any_starting_grid(grid, noise, most):
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 3, (1000, 3))

    def truth(x):
        return np.sin(15 * x[:, :1]) + np.exp(x[:, 1:2] / 2)

    y = truth(x) + noise * rng.normal(size=(1000, 1))
    fresh = rng.uniform(-1.9, 2.9, (2000, 3))
    model = sw.fit(sw.KAN([3, 1], grid=grid), x, y, progress=False).model
    assert spread_of(model(torch.from_numpy(fresh)).detach().numpy() - truth(fresh)) < most * spread_of(truth(fresh))


@pytest.mark.parametrize("shape", [[3, 2], [3, 7, 2], [3, 4, 5, 2], [3, [3, 2], 2]])
def test_a_network_of_any_depth_can_be_the_curves(shape):
    rows = rows_of([wave, bend], noise=0.1)
    model = sw.KAN(shape, dtype=torch.float64)
    assert may_hold_curves(model)
    curves = additive_fit(model, rows)
    put_curves(model, curves, rows.u)
    far = 3 * rows_of([wave, bend], seed=5).u
    for u in (rows.u, far):
        off = (model.unit_forward(u) - curves(u)).detach().abs().max()
        assert float(off) < 1e-10 * float(curves(u).detach().abs().max())
    assert model.active_edges() == 3 * 2 + 2 * (len(model.kan_layers) - 1)


@pytest.mark.parametrize(
    "model",
    [
        lambda: sw.KAN([3, 1, 2]),
        lambda: sw.KAN([3, 5, 2], basis="chebyshev"),
        lambda: sw.KAN([3, 5, 2], grid_kind="learnable"),
        lambda: sw.KAN([3, 5, 2], degree=0),
    ],
)
def test_networks_that_cannot_be_curves_are_told_apart(model):
    assert not may_hold_curves(model())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_additive_target_gives_a_network_of_curves_and_no_more_edges(seed):
    rng = np.random.default_rng(seed)
    x, fresh = rng.uniform(-1, 1, (200, 3)), rng.uniform(-1, 1, (2000, 3))

    def truth(x):
        return np.sin(4 * x[:, :1]) + x[:, 1:2] ** 2

    model = sw.fit(sw.KAN([3, 7, 1]), x, truth(x) + 0.005 * rng.normal(size=(200, 1)), progress=False).model
    assert model.active_edges() == 4
    assert spread_of(model(torch.from_numpy(fresh)).detach().numpy() - truth(fresh)) < 0.006 * spread_of(truth(fresh))


@pytest.mark.slow
def test_a_product_is_not_taken_for_a_sum():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 2))
    model = sw.fit(sw.KAN([2, 5, 1]), x, x[:, :1] * x[:, 1:] + 0.02 * rng.normal(size=(200, 1)), progress=False).model
    fresh = rng.uniform(-1, 1, (2000, 2))
    truth = fresh[:, :1] * fresh[:, 1:]
    assert spread_of(model(torch.from_numpy(fresh)).detach().numpy() - truth) < 0.1 * spread_of(truth)


def test_grids_go_a_little_beyond_the_rows_and_no_further():
    u = torch.cat([torch.linspace(-0.5, 0.5, 101), torch.tensor([0.9])]).double()[:, None]
    low, high = grid_range(sw.KANLayer(1, 1, dtype=torch.float64), u)
    assert float(low) == pytest.approx(-0.5 - 3 * 0.01)
    assert float(high) == pytest.approx(0.9 + MAX_MARGIN * 1.4)
    near = torch.linspace(-0.97, 0.98, 400).double()[:, None]
    assert [float(end) for end in grid_range(sw.KANLayer(1, 1, dtype=torch.float64), near)] == [-1.0, 1.0]
    zero = sw.KANLayer(1, 1, extrapolation="zero", dtype=torch.float64)
    assert [float(end) for end in grid_range(zero, u)] == [-1.0, 1.0]


def test_blending_weights_are_least_squares_with_a_pull_to_the_middle():
    rng = np.random.default_rng(0)
    one, other = (torch.from_numpy(rng.normal(size=(50, 1))) for _ in range(2))
    shares = np.linspace(0, 1, 100_001)
    pull = 10 * min(float(one.square().mean()), float(other.square().mean()))
    sizes = [float(((s * one + (1 - s) * other).square()).sum()) + pull * (s - 0.5) ** 2 for s in shares]
    assert blending_share(one, other) == pytest.approx(shares[int(np.argmin(sizes))], abs=2e-5)
    assert blending_share(one, one) == 0.5
    assert blending_share(0 * one, other) == 1.0
    assert blending_share(one, 0 * other) == 0.0
    assert blending_share(0 * one, 0 * one) == 0.5


@pytest.mark.slow
def test_a_blended_teacher_is_the_weighted_mean_of_process_and_curves():
    rows = rows_of([wave, bend], count=40, noise=0.3)
    curves = additive_fit(sw.KAN([3, 2], dtype=torch.float64), rows)
    both, alone = ProcessTeacher.of(rows, 0, curves), ProcessTeacher.of(rows, 0)
    assert 0 <= both.share < 1
    u = rows_of([wave], count=30, seed=2).u
    assert torch.allclose(both(u), both.share * alone(u) + (1 - both.share) * curves(u))
    assert torch.allclose(both.left_out, both.share * alone.left_out + (1 - both.share) * curves.left_out)
    only = replace(both, share=0.0)
    assert only.uncertainty(u) == pytest.approx(float(curves.deviation(u).square().mean().sqrt()))
    assert replace(both, share=1.0).uncertainty(u) == pytest.approx(alone.uncertainty(u))


def test_an_output_that_is_constant_costs_the_others_nothing():
    rows = rows_of([wave, bend], noise=0.2)
    both = Samples(rows.u, torch.stack([rows.t[:, 0], torch.zeros(len(rows.u)).double()], dim=1), None)
    found = additive_fit(sw.KAN([3, 2], dtype=torch.float64), both)
    alone = additive_fit(sw.KAN([3, 1], dtype=torch.float64), Samples(rows.u, rows.t[:, :1], None))
    assert torch.isfinite(found.left_out).all()
    assert torch.isfinite(found.deviation(rows.u)).all()
    with torch.no_grad():
        assert float((found(rows.u)[:, 0] - alone(rows.u)[:, 0]).abs().max()) < 1e-6
        assert float(found(rows.u)[:, 1].abs().max()) < 1e-12


@pytest.mark.parametrize(
    ("truth", "tried"),
    [(lambda u: u[:, 0] * u[:, 1], [5, 10]), (lambda u: torch.tanh(40 * u[:, 0] - 4) + u[:, 1], [5, 10, 20, 40, 80])],
    ids=["product", "step"],
)
def test_many_intervals_are_tried_where_more_of_them_were_better(truth, tried, monkeypatch):
    own, seen = additive._criterion, []

    def recorded(design, *given):
        seen.append((design.basis.degree, design.basis.resolution))
        return own(design, *given)

    monkeypatch.setattr(additive, "_criterion", recorded)
    monkeypatch.setattr(additive, "FREE_COLUMNS", 30)
    additive_fit(sw.KAN([2, 1], dtype=torch.float64), rows_of([truth], inputs=2, count=300))
    assert [resolution for degree, resolution in seen if degree == 3] == tried
