"""The kinds of grid that a layer may have: adapted, fixed, learned by the gradient, normalised."""

import pytest
import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.splines import adapted_knots, domain, grid_points
from splinework.splines.bases import BSpline
from tests.contracts.cases import normal, relative_distance, seeded
from tests.nn.test_layer import DOUBLE, every_kind, layer_of


@pytest.mark.parametrize("step", [0.0, 1.0, 1e2, 1e4, 1e8])
@pytest.mark.parametrize("degree", [0, 1, 3, 9])
def test_learnable_knots_stay_in_order_after_any_step(degree, step):
    layer = KANLayer(4, 1, grid=20, degree=degree, grid_kind="learnable", generator=seeded(), **DOUBLE)
    with torch.no_grad():
        layer.spacing.add_(step * normal(4, 20))
    knots = layer.knots()
    assert (torch.diff(knots, dim=1) > 0).all()
    assert torch.equal(domain(knots, degree)[0], torch.full((4,), -1.0, **DOUBLE))
    assert torch.equal(domain(knots, degree)[1], torch.full((4,), 1.0, **DOUBLE))
    layer(2 * normal(9, 4)).square().sum().backward()
    assert layer.spacing.grad.isfinite().all()


def test_a_learnable_grid_starts_as_the_fixed_one():
    learnable, fixed = layer_of(grid_kind="learnable"), layer_of(grid_kind="fixed")
    with torch.no_grad():
        learnable.spacing.zero_()
    fixed.load_state_dict({key: value for key, value in learnable.state_dict().items() if key != "spacing"})
    x = 2 * normal(9, 3)
    assert relative_distance(learnable.knots(), fixed.grid) <= 1e-14
    assert relative_distance(learnable(x), fixed(x)) <= 1e-13


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_gradient_reaches_the_knots_and_is_right(degree):
    layer = layer_of(inputs=2, grid=4, degree=degree, grid_kind="learnable")
    x = torch.rand(6, 2, generator=seeded(3), **DOUBLE) * 2.4 - 1.2

    def sums(spacing: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"spacing": spacing}, (x,))

    assert torch.autograd.gradcheck(sums, (layer.spacing.detach().clone().requires_grad_(),))
    sums(layer.spacing).square().sum().backward()
    assert layer.spacing.grad.abs().amin(1).max() > 1e-6


def test_a_learnable_grid_can_learn_where_a_kink_is():
    generator = seeded(2)
    layer = KANLayer(1, 1, grid=3, degree=1, grid_kind="learnable", base="none", generator=generator, **DOUBLE)
    x = torch.linspace(-1, 1, 200, **DOUBLE)[:, None]
    y = (x - 0.2).abs()
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        optimiser.step()
    assert (grid_points(layer.knots(), 1) - 0.2).abs().min() < 0.01  # evenly spaced knots are 0.13 away
    assert loss < 1e-5


def test_a_normalised_layer_sees_its_domain_only():
    layer = layer_of(grid_kind="normalised", domain=(-0.5, 2.0))
    x = torch.cat([normal(50, 3) * 10.0**k for k in range(9)])
    seen = layer.squash(x)
    assert seen.min() >= -0.5
    assert seen.max() <= 2.0
    ordered = torch.sort(x, dim=0).values
    assert (torch.diff(layer.squash(ordered), dim=0) >= 0).all()
    y = layer(x)
    assert y.abs().max() <= layer.edge_coefficients().abs().sum((0, 1)).max() * 2 + 1  # bounded, however far x is
    inner = layer_of(grid_kind="fixed", domain=(-0.5, 2.0))
    inner.load_state_dict(layer.state_dict())
    assert relative_distance(y, inner(seen)) <= 1e-14


def test_squash_has_slope_one_at_the_middle_and_the_slope_it_says_elsewhere():
    layer = layer_of(grid_kind="normalised", domain=(-0.5, 2.0))
    assert torch.equal(layer.squash_slope(torch.full((1, 3), 0.75, **DOUBLE)), torch.ones(1, 3, **DOUBLE))
    x = (3 * normal(20, 3)).requires_grad_()
    (slope,) = torch.autograd.grad(layer.squash(x).sum(), x)
    assert relative_distance(layer.squash_slope(x), slope) <= 1e-14


@pytest.mark.parametrize("sample", ["normal", "ties", "constant but one"])
@every_kind
def test_a_replaced_grid_is_the_one_in_use(grid_kind, sample):
    layer = layer_of(grid_kind=grid_kind)
    x = normal(300, 3).exp()
    if sample == "ties":
        x[:150] = 1.0
    elif sample == "constant but one":
        x[1:] = 1.0
    grid = adapted_knots(x, 5, 3, grid_eps=0.0, low=x.amin(0), high=x.amax(0))
    values = normal(3, 9, 2, seed=6)
    layer.replace_grid(layer.basis, grid, values)
    assert relative_distance(layer.knots(), grid) <= 1e-14
    assert relative_distance(layer.edge_coefficients(), values) <= 1e-14


@pytest.mark.parametrize("step", [0.0, 1.0, 1e4])
@every_kind
def test_knots_inserted_into_the_grid_in_use_keep_the_layer(grid_kind, step):
    layer = layer_of(grid_kind=grid_kind)
    if grid_kind == "learnable":
        with torch.no_grad():
            layer.spacing.copy_(step * normal(3, 5))
    x = 3 * normal(40, 3)
    before = layer(x).detach()
    values = layer.edge_coefficients().detach()
    grid, splines = layer.basis.refine(layer.knots().detach(), values[:, :8], 15)
    layer.replace_grid(BSpline(grid=15), grid, torch.cat([splines, values[:, 8:]], dim=1))
    assert relative_distance(layer(x), before) <= 1e-12
    assert layer.basis.grid == 15
